#include "cmd/memory-api/search_text.hpp"

#include <algorithm>

#include "protocol/base/utf8.hpp"
#include "protocol/memory/items.hpp"

namespace mw::api {
namespace {

enum class letter : uint8_t { gap, word, ideograph };

/// Classifies the UTF-8 sequence of `n` bytes at `p` by its lead bytes.
letter classify(std::string_view s) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
  if (s.size() == 1) {
    const unsigned char c = at(0);
    const bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return word ? letter::word : letter::gap;
  }
  if (s.size() != 3) return letter::word;
  const unsigned code = (at(0) & 0x0Fu) << 12 | (at(1) & 0x3Fu) << 6 | (at(2) & 0x3Fu);
  if ((code >= 0x2000 && code <= 0x206F) || (code >= 0x3000 && code <= 0x303F)) return letter::gap;
  const bool ideograph = (code >= 0x3040 && code <= 0x30FF) || (code >= 0x3400 && code <= 0x4DBF) ||
                         (code >= 0x4E00 && code <= 0x9FFF) || (code >= 0xAC00 && code <= 0xD7AF) ||
                         (code >= 0xF900 && code <= 0xFAFF);
  return ideograph ? letter::ideograph : letter::word;
}

template <class Visit>
void each_letter(std::string_view text, Visit&& visit) {
  for (size_t i = 0; i < text.size();) {
    const size_t n = utf8_length_at(text, i);
    const auto part = text.substr(i, n == 0 ? 1 : n);
    visit(part, n == 0 ? letter::gap : classify(part));
    i += part.size();
  }
}

bool contains_term(const std::string& folded_item, const std::string& term) {
  return folded_item.find(term) != std::string::npos;
}

}  // namespace

std::string indexable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  each_letter(text, [&](std::string_view part, letter kind) {
    if (kind == letter::ideograph) out += ' ';
    out += part;
    if (kind == letter::ideograph) out += ' ';
  });
  return out;
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
  each_letter(memory::fold_item(text), [&](std::string_view part, letter kind) {
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
  out += indexable(term);
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
      const std::string folded = memory::fold_item(item);
      const auto hits = std::count_if(terms.begin(), terms.end(),
                                      [&](const std::string& term) { return contains_term(folded, term); });
      if (hits == 0) continue;
      found_item f{in, item, {}, {}, static_cast<double>(hits) / static_cast<double>(terms.size())};
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
