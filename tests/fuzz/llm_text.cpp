// What a model wrote, taken for an analysis of a small conversation. Holds: counts and lengths are bounded;
// each operation names a new message of the user and quotes it; an error has words that can be sent in a
// repair; memory is in proportion.
#include "protocol/base/folding.hpp"
#include "protocol/llm/answer_text.hpp"
#include "protocol/llm/evidence.hpp"
#include "protocol/llm/quoted_place.hpp"
#include "protocol/memory/secrets.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

namespace {

const llm::analysis_input& conversation() {
  static const llm::analysis_input input = [] {
    llm::analysis_input in;
    in.user_id = "u";
    in.session_id = "s";
    in.messages = {{chat::role::user, "I lived in Rome.", {"a", "2026-11-23T07:15:20Z"}, false},
                   {chat::role::assistant, "How nice, tell me more.", {"b", "2026-11-23T07:15:21Z"}},
                   {chat::role::user,
                    "I play the cello in a small orchestra, and Ines plays the viola.",
                    {"c", "2026-11-23T07:15:22Z"}}};
    return in;
  }();
  return input;
}

void is_bounded(const std::vector<std::string>& names, size_t most) {
  fuzz::holds(names.size() <= most, "a list is bounded");
  for (const auto& name : names)
    fuzz::holds(!name.empty() && name.size() <= llm::max_name_bytes, "a name is bounded");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 1'000, 128 << 10};
  const auto objects = llm::json_objects_in(text);
  fuzz::holds(objects.whole.size() <= 16, "so many objects are kept");
  const auto read = llm::read_analysis(text, conversation());
  if (!read) {
    fuzz::has_words(read.error());
    return 0;
  }
  fuzz::holds(read->summary.size() <= llm::max_summary_bytes, "a summary is bounded");
  is_bounded(read->themes, llm::max_themes);
  is_bounded(read->persons, llm::max_names);
  is_bounded(read->places, llm::max_names);
  fuzz::holds(read->operations.size() <= llm::max_operations, "the operations are bounded");
  const auto& said = conversation().messages.back();
  const auto folded = fold_text(said.text);
  const auto in_message = [&folded]() -> const std::string& { return folded; };
  for (const auto& op : read->operations) {
    fuzz::holds(op.evidence == said.position, "an operation's evidence is the user's new message");
    fuzz::holds(llm::place_of_folded(fold_text(op.quote), in_message).has_value(),
                "an operation quotes the message");
    fuzz::holds(op.item.size() <= llm::max_operation_item_bytes, "an item is bounded");
    fuzz::holds(!memory::holds_secret(op.item), "an item holds no secret");
  }
  return 0;
}
