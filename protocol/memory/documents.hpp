// The two stored documents, as values: the conversation record and the user's profile (docs/design.md 8
// "Record", "Profile"). Made from and written as JSON in documents_json.hpp; field names and meaning are the
// original system's, our own additions live under the one property `worker`. `etag` is the store's; empty:
// the document does not exist.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/skip_reasons.hpp"
#include "protocol/chat/window_cut.hpp"

namespace mw::memory {

using chat::watermark;

enum class category : uint8_t {
  output_preferences,
  personal_preferences,
  assistant_preferences,
  knowledge,
  interests,
  dislikes,
  family_and_friends,
  work_profile,
  goals,
};
inline constexpr size_t category_count = 9;
std::string_view to_string(category c);
std::optional<category> category_from(std::string_view name);

enum class sentiment : uint8_t { positive, neutral, negative };
std::string_view to_string(sentiment s);
std::optional<sentiment> sentiment_from(std::string_view name);

enum class op_kind : uint8_t { add, replace, remove };
std::string_view to_string(op_kind k);
std::optional<op_kind> op_kind_from(std::string_view name);

/// Where in its conversation something was said: decides between equal times.
struct quote_place {
  uint32_t message = 0;  ///< the message's place in the conversation
  uint32_t quote = 0;    ///< the quote's place in the message
  uint32_t nth = 0;      ///< the operation's place in the answer: one quote may back two
  auto operator<=>(const quote_place&) const = default;  // NOLINT(modernize-use-nullptr): not one
};

/// One change of the profile, with the proof that the user said it.
struct operation {
  op_kind op = op_kind::add;
  category in = category::knowledge;
  std::string item;      ///< the new text (add, replace), or the text to remove
  std::string replaces;  ///< replace: the old text
  std::string quote;     ///< literal piece of the evidence message
  watermark evidence;    ///< the user's message
  std::string said;      ///< ISO instant of the evidence (chat/said_times.hpp); empty: the message's own
  quote_place place;
};

/// Where a list item came from: one for each session that said it, and one for each item it took the place
/// of.
struct item_origin {
  category in = category::knowledge;
  std::string item;
  std::string session_id;
  std::string message_id;
  std::string time;  ///< of the evidence
  quote_place place;
  std::string instead_of;  ///< mark_hash of the item it replaced; empty: it was added
};

/// What operations leave of an item: older evidence changes it no more (evidence_order.hpp).
struct item_mark {
  category in = category::knowledge;
  std::string hash;  ///< mark_hash of the item
  std::string time;  ///< of the evidence
  quote_place place;
  std::string session_tag;  ///< decides between evidence of the same time and place
  bool gone = true;      ///< it was removed or replaced; false: it was named by an operation that came late
  unsigned folding = 1;  ///< the version of the folding that the hash is made by
};

/// A remembered "forget this": only evidence newer than `time` brings an item with this hash back.
struct forgotten_mark {
  std::string hash;  ///< hex SHA-256 of the folded item, or of the session id
  std::string time;
  unsigned folding = 1;  ///< the version of the folding; of no meaning for a session
};

/// How far a session had been analysed when it was forgotten.
struct forgotten_position {
  std::string session_hash;
  watermark through;
  std::string analysed;  ///< ISO instant
};

/// A message that a forgotten item was said in: no summary is made of it again, nor of the answers to it
/// (unsaid.hpp).
struct unsaid_message {
  std::string session_hash;
  std::string message_hash;  ///< empty: the session's record held the item, which message did is not known
  std::string time;  ///< ISO instant of the wish; empty: the session's stored summary knows nothing of it
};

struct profile {
  std::string user_id;
  std::string timestamp;
  std::string last_updated;
  std::array<std::vector<std::string>, category_count> lists;
  uint64_t epoch = 0;
  std::string forgotten_before;              ///< ISO instant, or empty
  std::map<std::string, watermark> applied;  ///< by session id
  std::vector<item_origin> origins;
  std::vector<operation>
      last_operations;  ///< of the last commit, for undo: no quotes, nothing of what is gone
  std::vector<item_mark> marks;
  std::vector<forgotten_mark> forgotten;
  std::vector<forgotten_position> positions;
  std::vector<unsaid_message> unsaid;
  uint64_t revision = 0;
  /// Fields that we do not know, as JSON by name: another program's, and a newer worker's in `worker`. Kept
  /// on every write, gone with "forget everything".
  std::map<std::string, std::string> other_fields;
  std::map<std::string, std::string> other_worker_fields;
  std::string etag;
  bool empty() const {
    for (const auto& list : lists)
      if (!list.empty()) return false;
    return true;
  }
};

inline constexpr uint32_t max_span_attempts = 3;

/// A range the analysis could not use. Comes again with the session's next event, until it is given up.
struct skipped_span {
  watermark from;
  watermark to;
  std::string reason;     ///< of the last attempt: one of skip_reasons()
  uint32_t attempts = 1;  ///< answers about this span alone that could not be used
  std::string tried{};    ///< id of the stored watermark at the last of them: not again before it moves
  bool waits_for_budget() const { return reason == skipped_for::budget; }
  bool given_up() const { return attempts >= max_span_attempts && !waits_for_budget(); }
};

struct usage {
  uint64_t prompt_tokens = 0;
  uint64_t completion_tokens = 0;
  uint64_t cached_tokens = 0;
  uint64_t reasoning_tokens = 0;
  uint32_t calls = 0;
};

enum class record_status : uint8_t { ok, defaults };
std::string_view to_string(record_status s);
std::optional<record_status> record_status_from(std::string_view name);

struct record {
  std::string user_id;
  std::string session_id;
  std::string summary;
  std::string timestamp;
  std::vector<std::string> themes;
  std::vector<std::string> persons;
  std::vector<std::string> places;
  sentiment user_sentiment = sentiment::neutral;
  std::vector<float> embedding;  ///< empty: none
  bool names_embedding = false;  ///< the document has the field, be it empty
  std::optional<watermark> through;
  uint64_t epoch = 0;
  /// forgotten_before of the session when this was made; nothing: an older worker made it.
  std::optional<std::string> wish;
  /// unsaid_at() of the session when this was made (unsaid.hpp).
  std::string unsaid;
  /// The summary is to be made anew of the messages behind this one (an empty id: of all) up to `through`.
  std::optional<watermark> anew;
  record_status status = record_status::ok;
  std::vector<skipped_span> skipped;
  std::string model;
  usage used;  ///< summed over the record's life
  /// As the profile's.
  std::map<std::string, std::string> other_fields;
  std::map<std::string, std::string> other_worker_fields;
  std::string etag;
};

/// `{sessionId}_{userId}`
std::string record_id(std::string_view session_id, std::string_view user_id);

}  // namespace mw::memory
