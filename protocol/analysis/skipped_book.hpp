// What became of skipped spans, for people: spans that wait for the day's budget, until they are analysed or
// their conversation has left Redis; and the spans that were given up lately. A book of this process: a
// restart forgets what waits (the stored record does not: what of it is gone is noticed when the conversation
// is next analysed). Bounded; beyond its bound the oldest waiting span is watched no longer. Ids only, no
// text. Thread-safe; time is a parameter.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "protocol/base/iso_time.hpp"
#include "protocol/memory/commit.hpp"

namespace mw::analysis {

/// How long the chat application keeps a conversation in Redis after its last message.
inline constexpr std::chrono::hours conversation_lifetime{24};

struct book_entry {
  std::string user_id;
  std::string session_id;
  memory::skipped_span span;
  wall_time at{};  ///< when it was skipped, or given up
};

class skipped_book {
 public:
  static constexpr size_t most_waiting = 10'000;
  static constexpr size_t most_given_up = 1'000;  ///< remembered; the newest `most_listed` are told
  static constexpr size_t most_listed = 50;

  /// A commit was stored. What it gives up for good, to be counted and logged.
  std::vector<book_entry> stored(const memory::commit& c, wall_time now);
  /// At most `n` spans whose conversations have left Redis while they waited; they wait no longer. Whether
  /// they are still skipped the stored record says: see expired().
  std::vector<book_entry> overdue(wall_time now, size_t n);
  /// The record of an overdue span, as it is now: where the span is skipped still it is given up with this,
  /// to be counted and logged.
  std::optional<book_entry> expired(const book_entry& e, const std::optional<memory::record>& stored,
                                    wall_time now);
  /// The record could not be read: it is looked at again later.
  void look_again(book_entry e, wall_time now);

  /// {"waiting_for_budget":2,"given_up":[{"session":...,"from":...,"to":...,"reason":...,"at":...}]}, newest
  /// first.
  std::string json() const;

 private:
  using key = std::tuple<std::string, std::string, std::string>;  ///< user, session, id of the first message
  static key key_of(const std::string& user, const std::string& session, std::string_view from);
  void wait(book_entry e, wall_time since);
  bool give_up(const book_entry& e);

  mutable std::mutex mutex_;
  std::map<key, book_entry> waiting_;
  std::set<std::pair<wall_time, key>> by_time_;
  std::deque<book_entry> given_up_;  ///< oldest first
};

}  // namespace mw::analysis
