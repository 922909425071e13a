// A conversation as a chat application keeps it in Redis. Holds: what is read and written reads the same
// again; no message and no text comes from nowhere; an error names the field, or the byte where the JSON ends
// to be one; memory is in proportion.
#include "protocol/chat/conversation.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto json = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 400, 64 << 10};
  const auto first = chat::parse_conversation(json);
  if (!first) {
    fuzz::has_words(first.error());
    if (first.error().detail.starts_with("not readable as JSON: ")) fuzz::names_a_byte(first.error(), size);
    return 0;
  }
  fuzz::holds(!first->user_id.empty(), "a conversation has a user");
  fuzz::holds(first->messages.size() <= size, "no message from nowhere");
  size_t text = 0;
  for (const auto& m : first->messages) {
    fuzz::holds(m.why == chat::unread::no || m.content.empty(), "what cannot be read has no text");
    fuzz::holds(!m.id.empty(), "a message has an id");
    text += m.content.size();
  }
  fuzz::holds(text <= 3 * size, "no text from nowhere");
  const auto written = chat::write_conversation(*first);
  const auto again = chat::parse_conversation(written);
  fuzz::holds(again.has_value(), "what was written can be read");
  fuzz::holds(again->messages.size() == first->messages.size(), "no message is lost");
  for (size_t i = 0; i < first->messages.size(); ++i) {
    const auto& a = first->messages[i];
    const auto& b = again->messages[i];
    fuzz::holds(a.from == b.from && a.timestamp.at() == b.timestamp.at(), "who said it, and when, stays");
    fuzz::same(a.content, b.content, "a text stays");
  }
  fuzz::same(chat::write_conversation(*again), written, "what was written stays as it is");
  return 0;
}
