#include "protocol/llm/evidence.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "protocol/base/ascii.hpp"
#include "protocol/base/folding.hpp"
#include "protocol/base/iso_time.hpp"
#include "protocol/base/utf8.hpp"
#include "protocol/chat/json_document.hpp"
#include "protocol/llm/answer_fields.hpp"
#include "protocol/llm/near_quote.hpp"
#include "protocol/llm/quoted_place.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/secrets.hpp"

namespace mw::llm {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

/// At least two ASCII letters: folding leaves something of it that is no single letter.
bool has_letters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), is_letter) >= 2;
}

/// Folding changes no letter's place in it.
bool keeps_places(std::string_view text) {
  bool blank = true;
  for (const char c : text) {
    if (c == ' ' ? blank : (c <= ' ' || c > '~' || c == '`')) return false;
    blank = c == ' ';
  }
  return true;
}

size_t folded_size(std::string_view text) {
  // The full stop keeps a blank at the end.
  return keeps_places(text) ? text.size() : fold_text(std::string{text} + '.').size() - 1;
}

/// Where the quote begins in the folded text, which `folded_text` gives where it is needed.
template <class FoldedText>
std::optional<size_t> place_of_quote(std::string_view text, std::string_view quote, FoldedText folded_text) {
  // Most quotes are literal: what stands there as it is stands there folded as well.
  if (has_letters(quote)) {
    const auto literal = find_piece(text, quote);
    if (literal) return folded_size(text.substr(0, *literal));
  }
  return place_of_folded(fold_text(quote), folded_text);
}

/// Too many to look for a quote in each.
constexpr size_t most_unnamed = 50;

bool may_be_quoted(const prompt_message& m) {
  return m.fresh && m.from == chat::role::user;
}

/// The messages that operations quote, each folded once.
class quoted_messages {
 public:
  explicit quoted_messages(const analysis_input& input) : input_(input) {}
  std::optional<size_t> place_of(size_t index, std::string_view quote) {
    return place_of_quote(input_.messages[index].text, quote,
                          [&]() -> const std::string& { return folded(index); });
  }
  /// The message does not hold the quote: most of its words? Or does another that may be quoted hold it?
  bool nearly_holds(size_t index, std::string_view quote) {
    if (shares_most_words(folded(index), fold_text(quote))) return true;
    for (size_t i = 0; i < input_.messages.size() && i < most_unnamed; ++i)
      if (i != index && may_be_quoted(input_.messages[i]) && place_of(i, quote)) return true;
    return false;
  }

 private:
  const std::string& folded(size_t index) {
    const auto at = folded_.find(index);
    if (at != folded_.end()) return at->second;
    return folded_.emplace(index, fold_text(input_.messages[index].text)).first->second;
  }

  const analysis_input& input_;
  std::unordered_map<size_t, std::string> folded_;
};

/// Of an operation. What is no text already is kept in `mended`.
std::string_view text_or_mended(const object& o, std::string_view name, std::string& mended) {
  const auto e = field_of(o, name);
  if (!e) return {};
  if (e->is_string()) return chat::text_or_empty(*e);
  return mended = text_in(*e);
}

/// Indices of the messages that an operation may quote: those it names; where it names none, all that are new
/// and the user's.
std::vector<size_t> quotable(const object& o, const analysis_input& input) {
  const auto named = field_of(o, "message");
  std::vector<size_t> out;
  if (named && !named->is_null()) {
    for (const size_t number : message_numbers_in(*named))
      if (number <= input.messages.size()) out.push_back(number - 1);
    return out;
  }
  for (size_t i = 0; i < input.messages.size(); ++i)
    if (may_be_quoted(input.messages[i])) out.push_back(i);
  return out.size() <= most_unnamed ? out : std::vector<size_t>{};
}

struct evidence {
  size_t index = 0;
  size_t place = 0;  ///< of the quote, in the folded text
};

/// The first message that may be quoted and holds the quote; where none does, what is wrong with the first of
/// them is noted in `why`.
std::optional<evidence> evidence_of(const std::vector<size_t>& named, std::string_view quote,
                                    const analysis_input& input, quoted_messages& quoted,
                                    dropped_operation& why) {
  why.cause = drop_cause::not_fresh;
  if (!named.empty()) why.message = static_cast<uint32_t>(named.front() + 1);
  for (const size_t index : named) {
    const auto& message = input.messages[index];
    const bool first = index == named.front();
    if (!message.fresh) continue;
    if (message.from != chat::role::user) {
      if (first) why.cause = drop_cause::not_user;
      continue;
    }
    if (const auto place = quoted.place_of(index, quote)) return evidence{index, *place};
    if (first) why.cause = drop_cause::no_quote;
    why.nearly_quoted = why.nearly_quoted || quoted.nearly_holds(index, quote);
  }
  return std::nullopt;
}

/// The stored item that the model means, in its stored spelling.
std::string as_stored(const std::string& item, memory::category in, const analysis_input& input) {
  const auto& list = input.profile[static_cast<size_t>(in)];
  const size_t at = memory::find_item(list, item);
  return at < list.size() ? list[at] : item;
}

/// The operation, where it has all that it needs; else `why` says what it lacks.
std::optional<memory::operation> operation_in(const object& o, const analysis_input& input,
                                              quoted_messages& quoted, dropped_operation& why) {
  std::string mended;
  const auto op = op_in(text_or_mended(o, "op", mended));
  const auto in = category_in(text_or_mended(o, "category", mended));
  const std::string item =
      memory::clean_text(text_or_mended(o, "item", mended), max_operation_item_bytes + 1);
  if (!op || !in || item.empty() || item.size() > max_operation_item_bytes) return std::nullopt;
  std::string mended_quote;
  const std::string_view quote = text_or_mended(o, "quote", mended_quote);
  // A removal leaves neither: a card that is stored can be taken back.
  const bool secret =
      *op != memory::op_kind::remove && (memory::holds_secret(quote) || memory::holds_secret(item));
  const auto said_in = evidence_of(quotable(o, input), quote, input, quoted, why);
  if (secret) {
    if (said_in) why.cause = drop_cause::secret;
    why.nearly_quoted = false;
    return std::nullopt;
  }
  if (!said_in) return std::nullopt;
  const auto& message = input.messages[said_in->index];
  memory::operation found;
  found.op = *op;
  found.in = *in;
  found.item = *op == memory::op_kind::remove ? as_stored(item, *in, input) : item;
  if (*op == memory::op_kind::replace)
    found.replaces = as_stored(memory::clean_item(text_or_mended(o, "replaces", mended)), *in, input);
  found.quote = memory::clean_item(quote);
  found.evidence = message.position;
  const wall_time said{std::chrono::microseconds{message.said_us}};
  if (message.said_us != 0 && parse_iso_time(message.position.timestamp) != said)
    found.said = format_iso_time(said);
  found.place = {message.place, static_cast<uint32_t>(message.offset + said_in->place), 0};
  return found;
}

void drop(analysis& out, const dropped_operation& what) {
  ++out.dropped_by.at(static_cast<size_t>(what.cause));
  if (out.dropped.size() < max_operations) out.dropped.push_back(what);
}

/// Reads the operations of one answer, one by one.
class operation_reader {
 public:
  operation_reader(const analysis_input& input, analysis& out) : input_(input), quoted_(input), out_(out) {}

  void read(const element& e) {
    dropped_operation why;
    why.number = ++looked_at_;
    object o;
    const bool enough = out_.operations.size() >= max_operations || looked_at_ > max_operations_looked_at;
    if (!enough && e.get(o) == simdjson::SUCCESS)
      if (auto found = operation_in(o, input_, quoted_, why)) {
        out_.operations.push_back(std::move(*found));
        return;
      }
    drop(out_, why);
  }

 private:
  const analysis_input& input_;
  quoted_messages quoted_;
  analysis& out_;
  uint32_t looked_at_ = 0;
};

void read_list(const array& operations, const analysis_input& input, analysis& out) {
  operation_reader reader{input, out};
  for (const auto e : operations) reader.read(e);
}

}  // namespace

std::string_view to_string(drop_cause c) {
  switch (c) {
    case drop_cause::not_fresh:
      return "not-fresh";
    case drop_cause::not_user:
      return "not-user";
    case drop_cause::no_quote:
      return "no-quote";
    case drop_cause::malformed:
      return "malformed";
    case drop_cause::secret:
      return "secret";
  }
  return "unknown";
}

void read_operations(const element& value, const analysis_input& input, analysis& out) {
  array operations;
  object one;
  if (value.get(operations) == simdjson::SUCCESS) return read_list(operations, input, out);
  if (value.get(one) == simdjson::SUCCESS) return operation_reader{input, out}.read(value);
  if (value.is_null()) return;
  const chat::json_document document{chat::text_or_empty(value)};
  if (document.error() == nullptr && document.root().get(operations) == simdjson::SUCCESS)
    return read_list(operations, input, out);
  drop(out, {});
}

}  // namespace mw::llm
