#include "cmd/memory-api/search_text.hpp"

#include <utf8proc.h>

#include <algorithm>

#include "protocol/base/folding.hpp"
#include "protocol/base/utf8.hpp"
#include "protocol/memory/items.hpp"

namespace mw::api {
namespace {

enum class letter : uint8_t { gap, word, ideograph };

bool is_between(char32_t c, char32_t from, char32_t to) {
  return c >= from && c <= to;
}

/// Of a script that is written without spaces, or, Korean, with particles joined to the words.
bool is_ideograph(char32_t c) {
  return is_between(c, 0x0E00, 0x0EFF) || is_between(c, 0x1000, 0x11FF) || is_between(c, 0x1780, 0x17FF) ||
         is_between(c, 0x3005, 0x3007) || is_between(c, 0x3021, 0x312F) || is_between(c, 0x31F0, 0x31FF) ||
         is_between(c, 0x3400, 0x4DBF) || is_between(c, 0x4E00, 0x9FFF) || is_between(c, 0xAC00, 0xD7AF) ||
         is_between(c, 0xF900, 0xFAFF) || is_between(c, 0x20000, 0x3FFFF);
}

/// What the index takes for a part of a word, too: see the tokenizer in schema.cpp.
letter classify(char32_t c) {
  if (c < 0x80) {
    const bool word = is_between(c, '0', '9') || is_between(c, 'a', 'z') || is_between(c, 'A', 'Z');
    return word ? letter::word : letter::gap;
  }
  if (c == 0xFFFD) return letter::gap;
  const std::string_view kind = utf8proc_category_string(static_cast<utf8proc_int32_t>(c));
  const bool word =
      kind.starts_with('L') || kind.starts_with('N') || kind.starts_with('M') || kind == "Co" || kind == "So";
  if (!word) return letter::gap;
  return is_ideograph(c) ? letter::ideograph : letter::word;
}

template <class Visit>
void each_letter(std::string_view text, Visit&& visit) {
  for (size_t i = 0; i < text.size();) {
    const size_t begin = i;
    const letter kind = classify(next_code_point(text, i));
    visit(text.substr(begin, i - begin), kind);
  }
}

std::string split(std::string_view folded) {
  std::string out;
  out.reserve(folded.size());
  each_letter(folded, [&](std::string_view part, letter kind) {
    if (kind == letter::ideograph) out += ' ';
    out += part;
    if (kind == letter::ideograph) out += ' ';
  });
  return out;
}

bool contains_term(const std::string& folded, const std::string& term) {
  return folded.find(term) != std::string::npos;
}

}  // namespace

std::string indexable(std::string_view text) {
  return split(fold_for_search(text));
}

std::string indexable(const std::vector<std::string>& texts) {
  std::string out;
  for (const auto& text : texts) out.append(indexable(text)).append("\n");
  return out;
}

std::string owner_token(std::string_view user_id) {
  std::string token = memory::session_hash(user_id).substr(0, 24);
  token.insert(token.begin(), 'u');
  return token;
}

std::vector<std::string> search_terms(std::string_view text) {
  std::vector<std::string> terms;
  std::string word;
  const auto flush = [&] {
    if (!word.empty() && terms.size() < max_terms &&
        std::find(terms.begin(), terms.end(), word) == terms.end())
      terms.push_back(word);
    word.clear();
  };
  each_letter(fold_for_search(text), [&](std::string_view part, letter kind) {
    if (kind == letter::gap) {
      flush();
    } else {
      word += part;
    }
  });
  flush();
  return terms;
}

std::string term_expression(std::string_view user_id, std::string_view term) {
  // Terms hold letters and digits only: nothing in them can end the quotes.
  std::string out = "owner : " + owner_token(user_id) + " AND {summary themes persons places} : \"";
  out += split(term);
  out += '"';
  if (term.size() >= 3) out += " *";
  return out;
}

std::vector<found_item> search_items(const memory::profile& p, std::string_view text, size_t limit) {
  const auto terms = search_terms(text);
  std::vector<found_item> found;
  for (size_t c = 0; c < memory::category_count; ++c) {
    const auto in = static_cast<memory::category>(c);
    for (const std::string& item : p.lists.at(c)) {
      const std::string searched = fold_for_search(item);
      const auto hits = std::count_if(terms.begin(), terms.end(),
                                      [&](const std::string& term) { return contains_term(searched, term); });
      if (hits == 0) continue;
      found_item f{in, item, {}, {}, static_cast<double>(hits) / static_cast<double>(terms.size())};
      const std::string folded = memory::fold_item(item);
      for (const auto& o : p.origins) {
        if (o.in != in || memory::fold_item(o.item) != folded) continue;
        f.session_id = o.session_id;
        f.timestamp = o.time;
      }
      found.push_back(std::move(f));
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const found_item& a, const found_item& b) { return a.relevance > b.relevance; });
  if (found.size() > limit) found.resize(limit);
  return found;
}

}  // namespace mw::api
