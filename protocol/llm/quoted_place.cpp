#include "protocol/llm/quoted_place.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "protocol/base/utf8.hpp"

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

std::string_view stripped(std::string_view text, std::string_view of) {
  const size_t first = text.find_first_not_of(of);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(of) - first + 1);
}

/// Without one pair of quotation marks, and without blanks and full stops at the ends.
std::string_view bare_quote(std::string_view quote) {
  if (quote.starts_with('"')) quote.remove_prefix(1);
  if (quote.ends_with('"')) quote.remove_suffix(1);
  return stripped(quote, ". ");
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
    part = stripped(part, " ");
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
  if (parts.size() < 2 || std::all_of(parts.begin(), parts.end(), is_single_letter)) return std::nullopt;
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
