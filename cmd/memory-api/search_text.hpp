// Text search, the pure part: how texts become searchable and a person's words become search terms. Both are
// folded without marks (protocol/base/folding.hpp). Scripts without spaces (Chinese, Japanese, Thai, Lao,
// Khmer, Burmese) and Korean are split into characters, so that a word of any length is found as a phrase.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/memory/documents.hpp"

namespace mw::api {

inline constexpr size_t max_terms = 16;

/// The text as the index gets it.
std::string indexable(std::string_view text);
std::string indexable(const std::vector<std::string>& texts);

/// One word that stands for the user in the index.
std::string owner_token(std::string_view user_id);

/// The distinct words of a query, folded, at most max_terms.
std::vector<std::string> search_terms(std::string_view text);

/// The index expression for records of the user that contain the term (or words beginning with it).
std::string term_expression(std::string_view user_id, std::string_view term);

struct found_item {
  memory::category in = memory::category::knowledge;
  std::string item;
  std::string session_id;
  std::string timestamp;
  double relevance = 0;  ///< part of the terms that the item contains, (0, 1]
};

/// Items of the profile that contain any of the terms, best first.
std::vector<found_item> search_items(const memory::profile& p, std::string_view text, size_t limit);

}  // namespace mw::api
