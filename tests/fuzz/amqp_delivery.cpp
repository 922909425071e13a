// A message as a broker delivers it. Holds: its sections cover its bytes; each value in it reads the same
// from its own bytes, and a list or map that is written anew from its items has the same items; ids are kept
// no longer than 512 bytes, the body no longer than the message; memory is in proportion.
#include "protocol/amqp/codec.hpp"
#include "protocol/amqp/delivery_decode.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

namespace {

void read_alike(const amqp::value& a, const amqp::value& b) {
  fuzz::holds(a.type == b.type && a.descriptor == b.descriptor && a.count == b.count,
              "a value reads the same again");
  fuzz::same(a.data, b.data, "a value's bytes are the same again");
  fuzz::holds(a.integer() == b.integer() && a.boolean() == b.boolean() && a.as_uuid() == b.as_uuid(),
              "a value says the same again");
}

void look_into(const amqp::value& v, int depth) {
  const auto items = amqp::items_of(v);
  if (!items || depth == 4) return;
  fuzz::holds(items->size() == (v.type == 0x45 ? 0 : v.count), "a compound has as many items as it says");
  fuzz::holds(items->size() <= v.data.size(), "no more items than bytes");
  if (!v.is_array()) {
    std::string text;
    amqp::encoder out{text};
    v.is_map() ? out.begin_map() : out.begin_list();
    for (const auto& item : *items) out.raw(item.encoded);
    out.end();
    std::string_view rest = text;
    const auto again = amqp::read_value(rest);
    fuzz::holds(again && rest.empty(), "what was written can be read");
    const auto same = amqp::items_of(*again);
    fuzz::holds(same && same->size() == items->size(), "what was written has as many items");
    for (size_t i = 0; i < items->size(); ++i) read_alike((*items)[i], (*same)[i]);
  }
  for (const auto& item : *items) look_into(item, depth + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 1'000, 64 << 10};
  if (const auto sections = amqp::split_sections(bytes)) {
    std::string joined;
    for (const auto& s : *sections) joined.append(s.encoded);
    fuzz::same(joined, bytes, "the sections cover the message");
    for (const auto& s : *sections) look_into(s.content, 0);
  }
  const auto delivery = amqp::decode_delivery(bytes, "0123456789abcdef");
  if (!delivery) {
    fuzz::has_words(delivery.error());
    fuzz::holds(delivery.error().code == errc::malformed, "what is no message is malformed");
    return 0;
  }
  const auto& m = delivery->message;
  fuzz::holds(m.message_id.size() <= 512, "an id is kept no longer than 512 bytes");
  fuzz::holds(m.body.size() + m.traceparent.size() + m.diagnostic_id.size() <= 3 * size,
              "no text from nowhere");
  fuzz::holds(m.body_readable || m.body.empty(), "a body that cannot be read is none");
  using namespace std::chrono_literals;
  const io::clock::time_point since{1h};
  const auto end = amqp::lock_end(since, 60s, delivery->locked_until_ms, 1'780'000'000'000);
  fuzz::holds(end >= since + 30s && end <= since + 90s, "a lock ends near its configured time");
  return 0;
}
