// Whatever the order in which a user's sessions are analysed, one and the same profile comes out: the one
// that the statements as a whole say (commit.hpp). Random operations, every interleaving of the sessions'
// commits.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <random>
#include <set>

#include "protocol/memory/items.hpp"
#include "tests/unit/memory/fixtures.hpp"

using namespace mw::memory;

namespace {

constexpr int sessions = 3;
constexpr int rounds = 2;
constexpr int messages_in_round = 2;
const std::vector<std::string> words{"hamburg", "berlin", "munich", "bremen"};

/// Times are few, so that many are equal.
watermark message_of(int session, int n, int minute) {
  return {fmt::format("s{}-m{}", session, n), fmt::format("2026-11-23T11:{:02}:00.000000+00:00", minute)};
}

class story {
 public:
  explicit story(unsigned seed) : random_(seed) {
    for (int s = 0; s < sessions; ++s) {
      int minute = 0;
      for (int n = 0; n < rounds * messages_in_round; ++n)
        minutes_.at(static_cast<size_t>(s)).push_back(minute += pick(3));
      for (int r = 0; r < rounds; ++r) commits_.push_back(commit_of(s, r));
    }
    if (pick(3) == 0) first_.lists[0] = {"Hamburg"};  // of the Python worker
  }

  const commit& of(int session, int round) const {
    return commits_.at(static_cast<size_t>(session * rounds + round));
  }
  const profile& first() const { return first_; }
  const std::vector<commit>& commits() const { return commits_; }

 private:
  int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

  std::string word() {
    std::string w = words[static_cast<size_t>(pick(4))];
    if (pick(2) == 0) w[0] = static_cast<char>(std::toupper(w[0]));
    return w;
  }

  watermark at(int s, int n) const {
    return message_of(s, n, minutes_.at(static_cast<size_t>(s)).at(static_cast<size_t>(n)));
  }

  commit commit_of(int s, int r) {
    commit c;
    c.user_id = "u";
    c.session_id = fmt::format("session-{}", s);
    if (r > 0) c.base = at(s, r * messages_in_round - 1);
    for (int i = 0; i < messages_in_round; ++i) c.span.push_back(at(s, r * messages_in_round + i));
    c.through = c.span.back();
    for (int i = pick(4); i > 0; --i) c.operations.push_back(operation_of(s, r));
    return c;
  }

  operation operation_of(int s, int r) {
    operation op;
    op.op = static_cast<op_kind>(pick(3));
    op.in = category::output_preferences;
    op.item = word();
    op.quote = "quote";
    // No more than three replacements bring one item: beyond that its origins are bounded.
    if (op.op == op_kind::replace && ++replaced_by_[fold_item(op.item)] > 3) op.op = op_kind::add;
    if (op.op == op_kind::replace) op.replaces = word();
    const int n = r * messages_in_round + pick(messages_in_round);
    op.evidence = at(s, n);
    op.said = op.evidence.timestamp;
    op.place = {static_cast<uint32_t>(n), static_cast<uint32_t>(pick(2)), 0};
    return op;
  }

  std::mt19937 random_;
  std::array<std::vector<int>, sessions> minutes_;
  std::map<std::string, int> replaced_by_;
  std::vector<commit> commits_;
  profile first_;
};

/// Each order of the commits that keeps the rounds of every session in their order.
std::vector<std::vector<int>> interleavings() {
  std::vector<int> order;
  for (int s = 0; s < sessions; ++s)
    for (int r = 0; r < rounds; ++r) order.push_back(s);
  std::vector<std::vector<int>> all;
  do {
    all.push_back(order);
  } while (std::next_permutation(order.begin(), order.end()));
  return all;
}

/// Items, origins and marks, without the order in which they came about. That an item was adopted, an origin
/// may say or none at all.
std::string content_of(const profile& p) {
  std::set<std::string> out;
  for (const auto& item : p.lists[0]) out.insert("item " + fold_item(item));
  for (const auto& o : p.origins)
    if (!o.session_id.empty())
      out.insert(fmt::format("origin {} {} {} {}.{}.{} {}", fold_item(o.item), o.session_id, o.time,
                             o.place.message, o.place.quote, o.place.nth, o.instead_of));
  for (const auto& m : p.marks)
    out.insert(fmt::format("mark {} {} {}.{}.{} {} {}", m.hash, m.time, m.place.message, m.place.quote,
                           m.place.nth, m.session_tag, m.gone));
  return fmt::format("{}", fmt::join(out, "\n"));
}

profile applied_in(const story& s, const std::vector<int>& order) {
  profile p = s.first();
  std::array<int, sessions> round{};
  for (const int session : order)
    p = apply_to_profile(p, s.of(session, round.at(static_cast<size_t>(session))++), now).next;
  return p;
}

/// What the statements as a whole say, from all of them at once.
class whole {
 public:
  explicit whole(const story& s) {
    for (const auto& item : s.first().lists[0]) adopted_.insert(fold_item(item));
    for (const commit& c : s.commits())
      for (size_t i = 0; i < c.operations.size(); ++i) add(c, i);
  }

  std::set<std::string> items() const {
    std::set<std::string> out;
    for (const auto& w : words)
      if (is_there(w)) out.insert(w);
    return out;
  }

 private:
  using when = std::tuple<std::string, quote_place, std::string>;
  struct statement {
    op_kind op = op_kind::add;
    std::string item;
    std::string replaces;
    std::string session;
    when at;
  };

  void add(const commit& c, size_t i) {
    const operation& op = c.operations[i];
    statement s{op.op, fold_item(op.item), fold_item(op.replaces), c.session_id, {}};
    if (s.op == op_kind::replace && s.item == s.replaces) s.op = op_kind::add;
    auto place = op.place;
    place.nth = static_cast<uint32_t>(i);
    s.at = {op.said, place, session_hash(c.session_id)};
    all_.push_back(std::move(s));
  }

  bool is_there(const std::string& w) const {
    std::optional<when> ended;
    for (const auto& s : all_) {
      const auto& gone = s.op == op_kind::remove ? s.item : s.replaces;
      if (s.op != op_kind::add && gone == w && (!ended || s.at > *ended)) ended = s.at;
    }
    if (!ended && adopted_.contains(w)) return true;
    return std::any_of(all_.begin(), all_.end(), [&](const statement& s) {
      if (s.op == op_kind::remove || s.item != w || (ended && s.at < *ended)) return false;
      return s.op == op_kind::add || !named_later(s);
    });
  }

  bool named_later(const statement& r) const {
    return std::any_of(all_.begin(), all_.end(), [&](const statement& s) {
      const bool names = s.item == r.replaces || (s.op == op_kind::replace && s.replaces == r.replaces);
      return names && s.session != r.session && s.at > r.at;
    });
  }

  std::vector<statement> all_;
  std::set<std::string> adopted_;
};

}  // namespace

TEST_CASE("sessions analysed in any order make one and the same profile") {
  const auto orders = interleavings();
  REQUIRE(orders.size() == 90);
  for (unsigned seed = 0; seed < 150; ++seed) {
    CAPTURE(seed);
    const story s{seed};
    const auto expected = content_of(applied_in(s, orders.front()));
    for (const auto& order : orders) {
      CAPTURE(fmt::format("{}", fmt::join(order, " ")));
      REQUIRE(content_of(applied_in(s, order)) == expected);
    }
  }
}

TEST_CASE("the profile is what the statements as a whole say") {
  const auto orders = interleavings();
  for (unsigned seed = 0; seed < 2'000; ++seed) {
    CAPTURE(seed);
    const story s{seed};
    std::set<std::string> items;
    const profile p = applied_in(s, orders[seed % orders.size()]);
    for (const auto& item : p.lists[0]) items.insert(fold_item(item));
    REQUIRE(items == whole{s}.items());
  }
}
