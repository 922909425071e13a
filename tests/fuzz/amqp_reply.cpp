// What a broker answers to requests, and its words for errors. The first byte is the status' low byte, the
// rest the body of a reply and, up to the first line break, a condition's name. Holds: no more entries than
// bytes; a failure has words in one line; memory is in proportion.
#include "protocol/amqp/conditions.hpp"
#include "protocol/amqp/management.hpp"
#include "protocol/amqp/request_link.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto body = fuzz::text_of(data, size).substr(1);
  const fuzz::heap_bound bound{size, 1'000, 64 << 10};
  if (const auto until = amqp::renewed_until(body))
    fuzz::holds(until->size() <= body.size(), "no more times than bytes");
  for (const auto& one : amqp::peeked_in(body))
    fuzz::holds(one.message_id.size() <= 512, "an id is kept no longer than 512 bytes");
  amqp::decode_reply(body);
  auto rest = body;
  amqp::error_words words;
  words.name = fuzz::take_line(rest);
  words.description = rest;
  amqp::to_string(amqp::reaction_to(words));
  fuzz::has_words(amqp::map_condition("the link", words, errc::connection_lost));
  fuzz::has_words(amqp::map_status("the request", 250 + data[0], words));
  return 0;
}
