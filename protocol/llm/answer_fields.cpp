#include "protocol/llm/answer_fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "protocol/base/ascii.hpp"
#include "protocol/chat/json_document.hpp"

namespace mw::llm {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr size_t most_numbers = 8;
constexpr size_t most_digits = 6;
constexpr int deepest = 4;

struct other_name {
  std::string_view name;   ///< of the schema
  std::string_view other;  ///< as plain_word() makes it
};
constexpr std::array other_names{
    other_name{"summary", "conversationsummary"},
    other_name{"themes", "topics"},
    other_name{"themes", "keytopics"},
    other_name{"themes", "keythemes"},
    other_name{"persons", "people"},
    other_name{"persons", "personsmentioned"},
    other_name{"places", "locations"},
    other_name{"places", "placesmentioned"},
    other_name{"user_sentiment", "sentiment"},
    other_name{"operations", "profileoperations"},
    other_name{"operations", "profilechanges"},
    other_name{"message", "messagenumber"},
    other_name{"message", "messageid"},
    other_name{"message", "n"},
    other_name{"op", "operation"},
    other_name{"op", "action"},
    other_name{"item", "fact"},
    other_name{"item", "value"},
};

constexpr std::array other_ops{
    std::pair{std::string_view{"create"}, memory::op_kind::add},
    std::pair{std::string_view{"insert"}, memory::op_kind::add},
    std::pair{std::string_view{"update"}, memory::op_kind::replace},
    std::pair{std::string_view{"delete"}, memory::op_kind::remove},
};

constexpr std::array<std::string_view, 7> no_names{"none", "na", "null", "nil", "unknown", "keine", "nobody"};

/// Letters and digits, small.
std::string plain_word(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_letter(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80) out += ascii_lower(c);
  }
  return out;
}

bool is_no_name(std::string_view text) {
  const std::string word = plain_word(text);
  return word.empty() || std::find(no_names.begin(), no_names.end(), word) != no_names.end();
}

void add_name(std::vector<std::string>& to, std::string_view name) {
  name = trim(name);
  if (!is_no_name(name)) to.emplace_back(name);
}

std::string text_in(const element& e, int depth) {
  array list;
  object o;
  if (e.is_string()) return std::string{chat::text_or_empty(e)};
  if (depth == 0) return {};
  if (e.get(list) == simdjson::SUCCESS) {
    std::string out;
    for (const auto one : list) {
      const std::string text = text_in(one, depth - 1);
      if (!text.empty()) out.append(out.empty() ? "" : " ").append(text);
    }
    return out;
  }
  if (e.get(o) != simdjson::SUCCESS) return {};
  for (const std::string_view name : {"name", "text", "value", "label", "title", "summary", "content"}) {
    element inner;
    if (o.at_key_case_insensitive(name).get(inner) != simdjson::SUCCESS) continue;
    if (auto text = text_in(inner, depth - 1); !text.empty()) return text;
  }
  return {};
}

void add_numbers(std::vector<size_t>& to, std::string_view text) {
  for (size_t at = text.find_first_of("0123456789");
       at != std::string_view::npos && to.size() < most_numbers;) {
    const size_t end = std::min(text.find_first_not_of("0123456789", at), text.size());
    size_t number = 0;
    if (end - at <= most_digits) std::from_chars(text.data() + at, text.data() + end, number);
    if (number > 0) to.push_back(number);
    at = text.find_first_of("0123456789", end);
  }
}

void add_numbers(std::vector<size_t>& to, const element& e, int depth) {
  array list;
  object o;
  double number = 0;
  if (e.is_string()) return add_numbers(to, chat::text_or_empty(e));
  if (e.get(number) == simdjson::SUCCESS && number >= 1 && number < 1e6) {
    to.push_back(static_cast<size_t>(number));
  } else if (depth > 0 && e.get(list) == simdjson::SUCCESS) {
    for (const auto one : list)
      if (to.size() < most_numbers) add_numbers(to, one, depth - 1);
  } else if (depth > 0 && e.get(o) == simdjson::SUCCESS) {
    if (const auto inner = field_of(o, "message")) add_numbers(to, *inner, depth - 1);
  }
}

}  // namespace

std::optional<element> field_of(const object& o, std::string_view name) {
  element e;
  if (o.at_key(name).get(e) == simdjson::SUCCESS) return e;
  const std::string wanted = plain_word(name);
  std::optional<element> other;
  for (const auto field : o) {
    const std::string word = plain_word(field.key);
    if (word == wanted) return field.value;
    if (std::any_of(other_names.begin(), other_names.end(),
                    [&](const other_name& n) { return n.name == name && n.other == word; }))
      other = field.value;
  }
  return other;
}

std::string text_in(const element& e) {
  return text_in(e, deepest);
}

std::vector<std::string> names_in(const element& e) {
  std::vector<std::string> out;
  array list;
  object o;
  if (e.get(list) == simdjson::SUCCESS) {
    for (const auto one : list) add_name(out, text_in(one));
  } else if (e.is_string()) {
    std::string_view rest = chat::text_or_empty(e);
    while (!rest.empty()) {
      const size_t end = std::min(rest.find_first_of(",;\n"), rest.size());
      add_name(out, rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  } else if (e.get(o) == simdjson::SUCCESS) {
    add_name(out, text_in(e));
    if (out.empty())
      for (const auto field : o) add_name(out, field.key);
  }
  return out;
}

std::optional<memory::op_kind> op_in(std::string_view word) {
  if (const auto known = memory::op_kind_from(word)) return known;
  const std::string plain = plain_word(word);
  if (const auto known = memory::op_kind_from(plain)) return known;
  const auto* found =
      std::find_if(other_ops.begin(), other_ops.end(), [&](const auto& o) { return o.first == plain; });
  return found == other_ops.end() ? std::nullopt : std::optional{found->second};
}

std::optional<memory::category> category_in(std::string_view word) {
  if (const auto known = memory::category_from(word)) return known;
  const auto singular = [](std::string text) {
    if (text.ends_with('s')) text.pop_back();
    return text;
  };
  const std::string plain = singular(plain_word(word));
  for (size_t i = 0; i < memory::category_count; ++i) {
    const auto c = static_cast<memory::category>(i);
    if (singular(plain_word(memory::to_string(c))) == plain) return c;
  }
  return std::nullopt;
}

memory::sentiment sentiment_in(std::string_view word) {
  if (const auto known = memory::sentiment_from(word)) return *known;
  const std::string plain = plain_word(word);
  const bool good = plain.find("positiv") != std::string::npos;
  const bool bad = plain.find("negativ") != std::string::npos;
  if (good == bad) return memory::sentiment::neutral;
  return good ? memory::sentiment::positive : memory::sentiment::negative;
}

std::vector<size_t> message_numbers_in(const element& e) {
  std::vector<size_t> out;
  add_numbers(out, e, deepest);
  return out;
}

bool is_analysis(const object& o) {
  const auto summary = field_of(o, "summary");
  if (!summary || trim(text_in(*summary)).empty()) return false;
  for (const std::string_view name : {"operations", "themes", "persons", "places", "user_sentiment"})
    if (field_of(o, name)) return true;
  return false;
}

bool is_echoed_line(const object& o) {
  element e;
  return o["n"].get(e) == simdjson::SUCCESS && o["role"].get(e) == simdjson::SUCCESS &&
         o["text"].get(e) == simdjson::SUCCESS;
}

}  // namespace mw::llm
