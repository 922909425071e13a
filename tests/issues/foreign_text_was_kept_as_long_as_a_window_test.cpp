// Application properties of an event hold what its sender likes: 60 kB in the place of a trace id were kept
// with each of 50,000 windows, and beside them an older trace id that was in order was never looked at.
#include <doctest/doctest.h>

#include "protocol/amqp/codec.hpp"
#include "protocol/amqp/delivery_decode.hpp"
#include "tests/unit/actors/world.hpp"

using namespace mw;
using namespace mw::test;

namespace {

const std::string context{"00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"};

/// The trace context the worker goes on with.
std::string kept(const std::string& traceparent, const std::string& diagnostic_id) {
  world w;
  w.converse("ann", "s1", 2);
  w.bus.listener.delivery([&] {
    amqp::incoming in;
    in.sequence_number = 1;
    in.body = R"({"sessionId":"s1","userId":"ann","chatMessageId":"m2"})";
    in.traceparent = traceparent;
    in.diagnostic_id = diagnostic_id;
    in.locked_until = std::chrono::steady_clock::time_point::max();
    return in;
  }());
  w.run();
  w.advance(seconds{1});
  REQUIRE(w.traced.size() == 1);
  return std::string{w.traced[0]->ids.traceparent()};
}

}  // namespace

TEST_CASE("only a valid trace context is kept, and the older property serves where the newer holds none") {
  CHECK(kept(context, "") == context);
  CHECK(kept("", context) == context);
  CHECK(kept(std::string(60'000, 'x'), "") == "");
  CHECK(kept(std::string(60'000, 'x'), context) == context);
  CHECK(kept("", std::string(60'000, 'x')) == "");
}

TEST_CASE("of a later version's trace context no more is kept than what counts") {
  const std::string later = "01" + context.substr(2) + "-" + std::string(60'000, 'x');
  CHECK(kept(later, "") == "01" + context.substr(2));
}

TEST_CASE("a message id of any length is kept no longer than the service allows") {
  std::string m;
  amqp::encoder e{m};
  e.begin_section(amqp::section_code::message_annotations).begin_map();
  e.symbol("x-opt-sequence-number").int64(1).end();
  e.begin_section(amqp::section_code::properties).begin_list().string(std::string(60'000, 'x')).end();
  e.begin_section(amqp::section_code::amqp_value).string("{}");
  const auto d = amqp::decode_delivery(m, "0123456789abcdef");
  REQUIRE(d);
  CHECK(d->message.message_id.size() == 512);
}
