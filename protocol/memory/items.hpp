// Texts of profile items. clean_item() makes what is stored and shown: one line, no control or
// direction-changing characters, valid UTF-8, at most max_item_bytes. fold_item() makes what is compared: two
// items with the same fold are one item (protocol/base/folding.hpp says what is folded). item_hash() names a
// forgotten item or session without keeping its text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mw::memory {

std::string clean_item(std::string_view text);
/// The same for other texts, such as a summary.
std::string clean_text(std::string_view text, size_t max_bytes);
std::string fold_item(std::string_view text);

/// Hex SHA-256 of the folded item.
std::string item_hash(std::string_view item);
/// The first half of it, for marks and references: 128 bits.
std::string mark_hash(std::string_view item);
/// The version of the folding in new marks. Those that name none are of version 1.
inline constexpr unsigned folding_version = 2;
/// What stored marks of an item may be: of today's folding, and of the first one where that is another.
struct item_marks {
  std::string now;
  std::string first;  ///< empty: the same
  /// Whether a mark of that version of the folding may name the item.
  bool has(std::string_view hash, unsigned folding = 1) const;
};
item_marks hashes_of(std::string_view item);  ///< as item_hash()
item_marks marks_of(std::string_view item);   ///< as mark_hash()
/// Hex SHA-256 of the session id (as bytes), distinct from any item's.
std::string session_hash(std::string_view session_id);
/// The first half of the same of a message's id.
std::string message_hash(std::string_view message_id);

/// Index of the list's entry with the same fold, or list.size().
size_t find_item(const std::vector<std::string>& list, std::string_view item);

}  // namespace mw::memory
