#include "protocol/llm/evidence.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <tuple>
#include <unordered_map>

#include "protocol/base/iso_time.hpp"
#include "protocol/base/utf8.hpp"
#include "protocol/chat/json_document.hpp"
#include "protocol/llm/answer_text.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/secrets.hpp"

namespace mw::llm {
namespace {

using chat::text_at;
using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

struct mark {
  std::string_view written;
  std::string_view plain;
};

// What keyboards, phones and models write differently for the same text.
constexpr std::array marks{
    mark{"\u2018", "'"},   mark{"\u2019", "'"},  mark{"\u201A", "'"},  mark{"\u201B", "'"},
    mark{"\u2032", "'"},   mark{"\u00B4", "'"},  mark{"\u02BC", "'"},  mark{"`", "'"},
    mark{"\u201C", "\""},  mark{"\u201D", "\""}, mark{"\u201E", "\""}, mark{"\u201F", "\""},
    mark{"\u2033", "\""},  mark{"\u00AB", "\""}, mark{"\u00BB", "\""}, mark{"\u2039", "'"},
    mark{"\u203A", "'"},   mark{"\u2010", "-"},  mark{"\u2011", "-"},  mark{"\u2012", "-"},
    mark{"\u2013", "-"},   mark{"\u2014", "-"},  mark{"\u2015", "-"},  mark{"\u2212", "-"},
    mark{"\u2026", "..."}, mark{"\u00AD", ""},
};

bool may_start_mark(char c) {
  return static_cast<unsigned char>(c) >= 0x80 || c == '`';
}

std::string plain_marks(std::string_view text) {
  if (std::none_of(text.begin(), text.end(), may_start_mark)) return std::string{text};
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const auto rest = text.substr(i);
    const bool candidate = may_start_mark(text[i]);
    const auto* found = std::find_if(marks.begin(), marks.end(),
                                     [&](const mark& m) { return candidate && rest.starts_with(m.written); });
    if (found == marks.end()) {
      out += text[i++];
    } else {
      out += found->plain;
      i += found->written.size();
    }
  }
  return out;
}

std::string folded(std::string_view text) {
  return memory::fold_item(plain_marks(text));
}

/// Models like to put a quote into quotation marks, or to end it with an ellipsis.
std::string_view bare(std::string_view quote) {
  const auto strip_front = [&](std::string_view what) {
    if (quote.starts_with(what)) quote.remove_prefix(what.size());
  };
  const auto strip_back = [&](std::string_view what) {
    if (quote.ends_with(what)) quote.remove_suffix(what.size());
  };
  strip_front("\"");
  strip_back("\"");
  strip_front("...");
  strip_back("...");
  strip_front(" ");
  strip_back(" ");
  return quote;
}

/// At least two ASCII letters: folding leaves something of it that is no single letter.
bool has_letters(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return std::count_if(text.begin(), text.end(), is_letter) >= 2;
}

/// Linear, whatever the two hold: both come from outside.
std::optional<size_t> find_in(std::string_view text, std::string_view piece) {
  const auto* at = static_cast<const char*>(memmem(text.data(), text.size(), piece.data(), piece.size()));
  if (at == nullptr) return std::nullopt;
  return static_cast<size_t>(at - text.data());
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
  return keeps_places(text) ? text.size() : folded(std::string{text} + '.').size() - 1;
}

/// Where the quote begins in the folded text, which `folded_text` gives where it is needed.
template <class FoldedText>
std::optional<size_t> place_of_quote(std::string_view text, std::string_view quote, FoldedText folded_text) {
  // Most quotes are literal: what stands there as it is stands there folded as well.
  if (has_letters(quote)) {
    const auto literal = find_in(text, quote);
    if (literal) return folded_size(text.substr(0, *literal));
  }
  const std::string wanted = folded(quote);
  const std::string_view piece = bare(wanted);
  if (piece.empty()) return std::nullopt;
  const std::string& whole = folded_text();
  const auto at = find_in(whole, piece);
  if (at && piece.size() <= utf8_length_at(piece, 0) && whole != piece) return std::nullopt;
  return at;
}

/// The messages that operations quote, each folded once.
class quoted_messages {
 public:
  explicit quoted_messages(const analysis_input& input) : input_(input) {}
  std::optional<size_t> place_of(size_t index, std::string_view quote) {
    const auto& text = input_.messages[index].text;
    return place_of_quote(text, quote, [&]() -> const std::string& {
      const auto at = folded_.find(index);
      return at != folded_.end() ? at->second : folded_.emplace(index, folded(text)).first->second;
    });
  }

 private:
  const analysis_input& input_;
  std::unordered_map<size_t, std::string> folded_;
};

failure invalid(std::string why) {
  return fail(dependency::llm, errc::invalid_answer, std::move(why));
}

status read_list(const object& root, const char* name, size_t max_count, std::vector<std::string>& out) {
  array values;
  if (root.at_key(name).get(values) != simdjson::SUCCESS)
    return invalid(std::string{name} + " is not an array of strings");
  for (const auto v : values) {
    std::string_view text;
    if (v.get(text) != simdjson::SUCCESS)
      return invalid(std::string{name} + " holds something else than strings");
    if (out.size() >= max_count) continue;
    std::string item = memory::mask_secrets(memory::clean_text(text, max_name_bytes));
    if (!item.empty() && memory::find_item(out, item) >= out.size()) out.push_back(std::move(item));
  }
  return ok;
}

/// Index of the message "m3" among the input's, or nullopt.
std::optional<size_t> message_index(std::string_view label, const analysis_input& input) {
  size_t number = 0;
  if (label.starts_with('m') || label.starts_with('M')) label.remove_prefix(1);
  const auto [end, error] = std::from_chars(label.data(), label.data() + label.size(), number);
  if (error != std::errc{} || end != label.data() + label.size() || number == 0 ||
      number > input.messages.size())
    return std::nullopt;
  return number - 1;
}

/// The stored item that the model means, in its stored spelling.
std::string as_stored(const std::string& item, memory::category in, const analysis_input& input) {
  const auto& list = input.profile[static_cast<size_t>(in)];
  const size_t at = memory::find_item(list, item);
  return at < list.size() ? list[at] : item;
}

void read_operation(const object& o, const analysis_input& input, quoted_messages& quoted, analysis& out) {
  const auto op = memory::op_kind_from(text_at(o, "op"));
  const auto in = memory::category_from(text_at(o, "category"));
  const std::string item = memory::clean_text(text_at(o, "item"), max_operation_item_bytes + 1);
  if (!op || !in || item.empty() || item.size() > max_operation_item_bytes) {
    ++out.dropped_malformed;
    return;
  }
  const auto index = message_index(text_at(o, "message"), input);
  if (!index || !input.messages[*index].fresh) {
    ++out.dropped_not_fresh;
    return;
  }
  const auto& message = input.messages[*index];
  if (message.from != chat::role::user) {
    ++out.dropped_not_user;
    return;
  }
  const std::string_view quote = text_at(o, "quote");
  const auto place = quoted.place_of(*index, quote);
  if (!place) {
    ++out.dropped_no_quote;
    return;
  }
  // A removal leaves neither: a card that is stored can be taken back.
  if (*op != memory::op_kind::remove && (memory::holds_secret(quote) || memory::holds_secret(item))) {
    ++out.dropped_secret;
    return;
  }
  memory::operation found;
  found.op = *op;
  found.in = *in;
  found.item = *op == memory::op_kind::remove ? as_stored(item, *in, input) : item;
  if (*op == memory::op_kind::replace)
    found.replaces = as_stored(memory::clean_item(text_at(o, "replaces")), *in, input);
  found.quote = memory::clean_item(quote);
  found.evidence = message.position;
  const wall_time said{std::chrono::microseconds{message.said_us}};
  if (message.said_us != 0 && parse_iso_time(message.position.timestamp) != said)
    found.said = format_iso_time(said);
  found.place = {message.place, static_cast<uint32_t>(*place), 0};
  out.operations.push_back(std::move(found));
}

status read_operations(const object& root, const analysis_input& input, analysis& out) {
  array operations;
  if (root["operations"].get(operations) != simdjson::SUCCESS) return invalid("operations is not an array");
  quoted_messages quoted{input};
  size_t looked_at = 0;
  for (const auto e : operations) {
    object o;
    const bool enough = out.operations.size() >= max_operations || ++looked_at > max_operations_looked_at;
    if (enough || e.get(o) != simdjson::SUCCESS) {
      ++out.dropped_malformed;
    } else {
      read_operation(o, input, quoted, out);
    }
  }
  return ok;
}

result<analysis> read_object(const object& root, const analysis_input& input) {
  analysis out;
  out.summary = memory::mask_secrets(memory::clean_text(text_at(root, "summary"), max_summary_bytes));
  if (out.summary.empty()) return invalid("summary is missing or empty");
  for (auto [name, count, list] :
       {std::tuple{"themes", max_themes, &out.themes}, std::tuple{"persons", max_names, &out.persons},
        std::tuple{"places", max_names, &out.places}})
    if (auto read = read_list(root, name, count, *list); !read) return read.error();
  const std::string_view mood = text_at(root, "user_sentiment");
  if (mood.empty()) return invalid("user_sentiment is missing");
  out.user_sentiment = memory::sentiment_from(mood).value_or(memory::sentiment::neutral);
  if (auto read = read_operations(root, input, out); !read) return read.error();
  return out;
}

}  // namespace

bool contains_quote(std::string_view text, std::string_view quote) {
  std::string whole;
  return place_of_quote(text, quote, [&]() -> const std::string& { return whole = folded(text); })
      .has_value();
}

result<analysis> read_analysis(std::string_view content, const analysis_input& input) {
  const auto read = [&](std::string_view text) -> std::optional<result<analysis>> {
    const chat::json_document document{text};
    object root;
    if (document.error() != nullptr || document.root().get(root) != simdjson::SUCCESS) return std::nullopt;
    return read_object(root, input);
  };
  // Where the server enforces the schema, the whole answer is the object.
  if (content.starts_with('{'))
    if (auto whole = read(content)) return std::move(*whole);
  for (const std::string_view candidate : json_objects_in(content))
    if (auto piece = read(candidate)) return std::move(*piece);
  return invalid("the answer holds no complete JSON object");
}

}  // namespace mw::llm
