#include "protocol/llm/quoted_place.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "protocol/base/ascii.hpp"
#include "protocol/base/utf8.hpp"
#include "protocol/base/word_sign.hpp"

namespace mw::llm {
namespace {

constexpr std::string_view dots = "...";

/// Words that turn a sentence into its contrary. Without one, leaving words out makes a sentence shorter.
constexpr std::array<std::string_view, 41> denials{"not",
                                                   "no",
                                                   "never",
                                                   "nor",
                                                   "neither",
                                                   "without",
                                                   "cannot",
                                                   "hardly",
                                                   "stopped",
                                                   "nicht",
                                                   "kein",
                                                   "keine",
                                                   "keinen",
                                                   "nie",
                                                   "niemals",
                                                   "ohne",
                                                   "ne",
                                                   "pas",
                                                   "jamais",
                                                   "sans",
                                                   "ni",
                                                   "nunca",
                                                   "jamas",
                                                   "sin",
                                                   "nao",
                                                   "sem",
                                                   "non",
                                                   "mai",
                                                   "senza",
                                                   "niet",
                                                   "geen",
                                                   "nooit",
                                                   "ikke",
                                                   "inte",
                                                   "aldrig",
                                                   "ei",
                                                   "\u043d\u0435",
                                                   "\u043d\u0435\u0442",
                                                   "\u043d\u0456",
                                                   "\u03b4\u03b5\u03bd",
                                                   "\u03bc\u03b7\u03bd"};

/// Without one pair of quotation marks, and without blanks and full stops at the ends.
std::string_view bare_quote(std::string_view quote) {
  if (quote.starts_with('"')) quote.remove_prefix(1);
  if (quote.ends_with('"')) quote.remove_suffix(1);
  return trim(quote, ". ");
}

/// The parts between ellipses, "[...]" and "(...)" as well.
std::vector<std::string_view> parts_of(std::string_view quote) {
  std::vector<std::string_view> parts;
  while (!quote.empty()) {
    const size_t end = std::min(quote.find(dots), quote.size());
    std::string_view part = quote.substr(0, end);
    quote.remove_prefix(end);
    if (!quote.empty()) {
      if (part.ends_with('[') || part.ends_with('(')) part.remove_suffix(1);
      quote.remove_prefix(std::min(quote.find_first_not_of('.'), quote.size()));
      if (quote.starts_with(']') || quote.starts_with(')')) quote.remove_prefix(1);
    }
    part = trim(part, " ");
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

bool is_denial(std::string_view word) {
  return word.ends_with("n't") || word.starts_with("n'") ||
         std::find(denials.begin(), denials.end(), word) != denials.end();
}

/// A denying word among those left out.
bool denies(std::string_view left_out) {
  constexpr std::string_view between = " ,.;:!?()\"";
  while (!left_out.empty()) {
    const size_t end = std::min(left_out.find_first_of(between), left_out.size());
    if (is_denial(left_out.substr(0, end))) return true;
    left_out.remove_prefix(std::min(end + 1, left_out.size()));
  }
  return false;
}

bool is_single_letter(std::string_view text) {
  return text.size() <= utf8_length_at(text, 0);
}

constexpr std::string_view clause_signs = ",-(:\"";
constexpr size_t longest_clause = 200;
constexpr size_t fewest_words = 4;
constexpr size_t longest_quote = 500;

/// Where these words stand, none of them a part of a longer one.
std::optional<size_t> find_words(std::string_view text, std::string_view words) {
  for (size_t from = 0;;) {
    const auto found = find_piece(text.substr(from), words);
    if (!found) return std::nullopt;
    const size_t at = from + *found;
    const size_t end = at + words.size();
    const bool begins = at == 0 || !is_of_word(text[at - 1]) || !is_of_word(words.front());
    const bool ends = end == text.size() || !is_of_word(text[end]) || !is_of_word(words.back());
    if (begins && ends) return at;
    from = at + 1;
  }
}

/// A clause between signs, of one sentence, that denies nothing.
bool is_clause(std::string_view before, std::string_view left_out) {
  const auto clause = trim(left_out, " ");
  if (clause.empty() || clause.find_first_of(".!?;") != std::string_view::npos || denies(clause))
    return false;
  const auto begin = trim(before, " ");
  const bool opened = clause_signs.find(clause.front()) != std::string_view::npos ||
                      (!begin.empty() && clause_signs.find(begin.back()) != std::string_view::npos);
  return opened && (clause.back() == ')' || clause_signs.find(clause.back()) != std::string_view::npos);
}

/// Where the quote begins, of which the message holds a clause more.
std::optional<size_t> place_without_clause(std::string_view whole, std::string_view quote) {
  if (quote.size() > longest_quote) return std::nullopt;
  std::vector<size_t> blanks;
  for (size_t i = quote.find(' '); i != std::string_view::npos; i = quote.find(' ', i + 1))
    blanks.push_back(i);
  if (blanks.size() + 1 < fewest_words) return std::nullopt;
  // Of the beginnings of the quote the longest that the message holds: what holds a longer one holds all
  // shorter.
  const auto held = std::partition_point(blanks.begin(), blanks.end(), [&](size_t end) {
    return find_words(whole, quote.substr(0, end)).has_value();
  });
  if (held == blanks.begin()) return std::nullopt;
  const size_t cut = *std::prev(held);
  const auto before = quote.substr(0, cut);
  const auto after = quote.substr(cut + 1);
  const size_t at = *find_words(whole, before);
  const auto rest = whole.substr(at + cut, longest_clause + after.size());
  const auto next = find_words(rest, after);
  if (!next || !is_clause(before, rest.substr(0, *next))) return std::nullopt;
  return at;
}

}  // namespace

std::optional<size_t> find_piece(std::string_view text, std::string_view piece) {
  const auto* at = static_cast<const char*>(memmem(text.data(), text.size(), piece.data(), piece.size()));
  if (at == nullptr) return std::nullopt;
  return static_cast<size_t>(at - text.data());
}

std::optional<size_t> place_of_folded(std::string_view quote,
                                      const std::function<const std::string&()>& folded_text) {
  const std::string_view piece = bare_quote(quote);
  if (piece.empty()) return std::nullopt;
  const std::string_view whole = folded_text();
  if (const auto at = find_piece(whole, piece)) {
    if (is_single_letter(piece) && whole != piece) return std::nullopt;
    return at;
  }
  const auto parts = parts_of(piece);
  if (parts.size() == 1) return place_without_clause(whole, piece);
  if (parts.empty() || std::all_of(parts.begin(), parts.end(), is_single_letter)) return std::nullopt;
  std::optional<size_t> first;
  size_t end = 0;
  for (const auto part : parts) {
    const auto at = find_piece(whole.substr(end), part);
    if (!at || (first && denies(whole.substr(end, *at)))) return std::nullopt;
    if (!first) first = *at;
    end += *at + part.size();
  }
  return first;
}

}  // namespace mw::llm
