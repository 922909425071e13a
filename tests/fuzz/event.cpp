// The body of a message-completed event. Holds: what is read and written reads the same again; an error names
// the field, or the byte where the JSON ends to be one; an id has 1 to 512 bytes; memory is in proportion.
#include "protocol/chat/event.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto body = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 128, 64 << 10};
  const auto event = chat::parse_event(body);
  if (!event) {
    fuzz::has_words(event.error());
    if (event.error().detail.starts_with("body is not JSON: ")) fuzz::names_a_byte(event.error(), size);
    return 0;
  }
  for (const auto* id : {&event->session_id, &event->user_id, &event->chat_message_id})
    fuzz::holds(!id->empty() && id->size() <= 512, "an id has 1 to 512 bytes");
  const auto again = chat::parse_event(chat::write_event(*event));
  fuzz::holds(again.has_value(), "what was written can be read");
  fuzz::same(event->session_id, again->session_id, "the session stays");
  fuzz::same(event->user_id, again->user_id, "the user stays");
  fuzz::same(event->chat_message_id, again->chat_message_id, "the message stays");
  fuzz::holds(event->completed_at == again->completed_at, "the time stays");
  return 0;
}
