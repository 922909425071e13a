// The lists, origins and marks of one profile while the operations of one commit run over them, one by one,
// in the order of their evidence. The rules are those of commit.hpp; whether an operation may run at all (its
// evidence is new, nothing of it was forgotten) is the caller's question. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/memory/evidence_order.hpp"
#include "protocol/memory/items.hpp"

namespace mw::memory {

enum class effect : uint8_t {
  none,       ///< nothing to do: no such item, no text, an oldest item for a full list
  refreshed,  ///< the item was there already
  outdated,   ///< newer evidence about the item, or the one it replaces, was there already
  applied,    ///< a list has changed as the operation says
};

class profile_editor {
 public:
  profile_editor(profile& p, const commit& c);

  effect run(const operation& op, const stamp& at);

  bool changed() const { return changed_; }
  uint32_t evicted() const { return evicted_; }
  /// What took effect: the item as it stands in its list and the text it replaced, for undo; no quote, and no
  /// text of what is gone or holds a secret.
  std::vector<operation> take_done();

 private:
  struct key {
    category in = category::knowledge;
    std::string folded;
    item_marks marks;
  };
  /// An item that was taken out of its list: where it stood, and its text.
  struct taken {
    size_t index = 0;
    std::string text;
  };

  effect add(const operation& op, const key& k, const stamp& at);
  effect replace(const operation& op, const key& k, const stamp& at);
  effect respell(const operation& op, const key& k, const stamp& at);
  effect remove(const operation& op, const stamp& at);
  /// The item is there from `at` on, in the place of what was taken out for it, if anything was.
  effect put(const operation& op, const key& k, const stamp& at, const std::string& instead_of,
             std::optional<taken> place);

  /// Another list holds the item: it moves here, unless what was said there is newer (false).
  bool gather(const key& k, const stamp& at);
  std::optional<category> elsewhere(const key& k) const;
  /// The same item in several spellings, as an older version stored it, becomes one.
  void merge_spellings();

  /// The newest of all that was said about the item, and of what removed or replaced it.
  stamp newest(const key& k) const;
  stamp newest_end(const key& k) const;
  /// Evidence of this session names the item: what other sessions put in its place before goes.
  std::optional<taken> name(const key& k, const stamp& at);
  /// The item is removed or replaced: it goes unless something newer keeps it.
  std::optional<taken> end(const key& k, const stamp& at);
  taken take_out(const key& k);
  /// Room for one more in the list; false: it is full of newer items.
  bool make_room(category in, const stamp& at);

  void add_origin(const operation& op, const key& k, const stamp& at, const std::string& instead_of);
  void keep_adopted(const key& k);
  void limit_origins(const key& k, bool replacements);
  void limit_all_origins();
  void erase_origin(size_t i);
  bool is_of(size_t origin, const key& k) const {
    return p_.origins[origin].in == k.in && folded_[origin] == k.folded;
  }
  bool has_origin(const key& k) const;
  static bool is_mark_of(const item_mark& m, const key& k) {
    return m.in == k.in && k.marks.has(m.hash, m.folding);
  }
  void mark(const key& k, const stamp& at, bool gone);
  /// A mark "was named" tells nothing once there is something newer.
  void drop_named(const key& k, const stamp& at);

  void insert(category in, size_t at, std::string item, std::string folded);
  std::vector<std::string>& folded_list(category in) { return folded_lists_.at(static_cast<size_t>(in)); }
  std::vector<std::string>& list(category in) { return p_.lists.at(static_cast<size_t>(in)); }
  size_t find(const key& k) const;
  void note(const operation& op, std::string item, std::string replaced);
  static key key_of(category in, std::string_view item);

  profile& p_;
  const commit& c_;
  std::vector<std::string> folded_;  ///< of the origins' items, in their order
  std::array<std::vector<std::string>, category_count> folded_lists_;
  std::vector<operation> done_;
  bool changed_ = false;
  uint32_t evicted_ = 0;
};

}  // namespace mw::memory
