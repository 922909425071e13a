#include <doctest/doctest.h>

#include "tests/unit/memory/fixtures.hpp"

using namespace mw::memory;

namespace {
record stored_by(const commit& c) {
  const auto change = apply_to_record(std::nullopt, c, now);
  REQUIRE(change.outcome == commit_outcome::stored);
  return change.next;
}
}  // namespace

TEST_CASE("a first analysis creates the record with its watermark") {
  const auto change = apply_to_record(std::nullopt, make_commit(0, 4), now);
  CHECK(change.outcome == commit_outcome::stored);
  CHECK(change.next.through == msg(4));
  CHECK(change.next.summary == "They talked up to 4.");
  CHECK(change.next.user_id == "u");
  CHECK(change.next.session_id == "s");
  CHECK(change.next.used.calls == 1);
}

TEST_CASE("the same commit once more is covered") {
  CHECK(apply_to_record(stored_by(make_commit(0, 4)), make_commit(0, 4), now).outcome ==
        commit_outcome::covered);
}

TEST_CASE("an older commit never overwrites a newer record") {
  CHECK(apply_to_record(stored_by(make_commit(0, 8)), make_commit(0, 4), now).outcome ==
        commit_outcome::covered);
  CHECK(apply_to_record(stored_by(make_commit(0, 8)), make_commit(2, 6), now).outcome ==
        commit_outcome::covered);
}

TEST_CASE("a record between base and through is written over") {
  auto next = apply_to_record(stored_by(make_commit(0, 4)), make_commit(2, 8), now);
  CHECK(next.outcome == commit_outcome::stored);
  CHECK(next.next.through == msg(8));
  next = apply_to_record(stored_by(make_commit(0, 4)), make_commit(4, 8), now);
  CHECK(next.outcome == commit_outcome::stored);
  CHECK(next.next.used.calls == 2);
}

TEST_CASE("a first record that somebody else made meanwhile is written over only where our span knows it") {
  CHECK(apply_to_record(stored_by(make_commit(0, 4)), make_commit(0, 8), now).outcome ==
        commit_outcome::stored);
  record foreign = stored_by(make_commit(0, 4));
  foreign.through->id = "trimmed";
  CHECK(apply_to_record(foreign, make_commit(0, 8), now).outcome == commit_outcome::reload);
}

TEST_CASE("a record behind our base, or gone, means: load anew") {
  CHECK(apply_to_record(stored_by(make_commit(0, 2)), make_commit(4, 8), now).outcome ==
        commit_outcome::reload);
  CHECK(apply_to_record(std::nullopt, make_commit(4, 8), now).outcome == commit_outcome::reload);
  record without_position = stored_by(make_commit(0, 4));
  without_position.through.reset();
  CHECK(apply_to_record(without_position, make_commit(4, 8), now).outcome == commit_outcome::reload);
}

TEST_CASE("outside the span timestamps decide, equal or missing ones count as covered") {
  record other = stored_by(make_commit(0, 4));
  other.through = watermark{"elsewhere", msg(9).timestamp};
  CHECK(apply_to_record(other, make_commit(4, 8), now).outcome == commit_outcome::covered);
  other.through->timestamp = msg(8).timestamp;
  CHECK(apply_to_record(other, make_commit(4, 8), now).outcome == commit_outcome::covered);
  other.through->timestamp.clear();
  CHECK(apply_to_record(other, make_commit(4, 8), now).outcome == commit_outcome::covered);
  other.through->timestamp = msg(6).timestamp;
  CHECK(apply_to_record(other, make_commit(4, 8), now).outcome == commit_outcome::stored);
}

TEST_CASE("positions decide even where all messages share one timestamp") {
  auto same_time = [](commit c) {
    for (auto& m : c.span) m.timestamp = msg(1).timestamp;
    if (c.base) c.base->timestamp = msg(1).timestamp;
    c.through.timestamp = msg(1).timestamp;
    return c;
  };
  const record first = stored_by(same_time(make_commit(0, 4)));
  CHECK(apply_to_record(first, same_time(make_commit(4, 8)), now).outcome == commit_outcome::stored);
  CHECK(apply_to_record(first, same_time(make_commit(0, 8)), now).outcome == commit_outcome::stored);
  CHECK(apply_to_record(stored_by(same_time(make_commit(0, 8))), same_time(make_commit(0, 4)), now).outcome ==
        commit_outcome::covered);
}

TEST_CASE("defaults never replace a summary, and give way to one") {
  commit failed = make_commit(4, 8);
  failed.defaults = true;
  failed.summary = "This conversation could not be analysed.";
  failed.embedding = {1.0F};
  const auto kept = apply_to_record(stored_by(make_commit(0, 4)), failed, now);
  CHECK(kept.next.summary == "They talked up to 4.");
  CHECK(kept.next.status == record_status::ok);
  CHECK(kept.next.through == msg(8));

  commit first = make_commit(0, 4);
  first.defaults = true;
  const record defaults = stored_by(first);
  CHECK(defaults.status == record_status::defaults);
  CHECK(defaults.embedding.empty());
  const auto better = apply_to_record(defaults, make_commit(4, 8), now);
  CHECK(better.next.summary == "They talked up to 8.");
  CHECK(better.next.status == record_status::ok);
}

TEST_CASE("an empty or placeholder summary never replaces a good one") {
  for (const char* text : {"", "Error analyzing conversation"}) {
    commit bad = make_commit(4, 8);
    bad.summary = text;
    CHECK(apply_to_record(stored_by(make_commit(0, 4)), bad, now).next.summary == "They talked up to 4.");
  }
}

TEST_CASE("keep_summary moves the watermark and nothing else of the summary") {
  commit c = make_commit(4, 8);
  c.keep_summary = true;
  const auto change = apply_to_record(stored_by(make_commit(0, 4)), c, now);
  CHECK(change.next.summary == "They talked up to 4.");
  CHECK(change.next.through == msg(8));
}

TEST_CASE("a lower-epoch record is absent, a higher-epoch one means the user was forgotten") {
  record old = stored_by(make_commit(0, 4));
  commit c = make_commit(0, 8);
  c.epoch = 1;
  const auto change = apply_to_record(old, c, now);
  CHECK(change.outcome == commit_outcome::stored);
  CHECK(change.next.epoch == 1);
  CHECK(change.next.used.calls == 1);
  old.epoch = 2;
  CHECK(apply_to_record(old, c, now).outcome == commit_outcome::forgotten);
}

TEST_CASE("skipped spans are recorded, retried ones leave, and a second failure counts up") {
  commit c = make_commit(0, 4);
  c.skipped = {{msg(2), msg(3), "refused", 1}};
  const record first = stored_by(c);
  REQUIRE(first.skipped.size() == 1);

  commit good = make_commit(4, 8);
  good.retried = {{msg(2), msg(3)}};
  CHECK(apply_to_record(first, good, now).next.skipped.empty());

  commit again = good;
  again.skipped = {{msg(2), msg(3), "refused", 2}};
  const auto change = apply_to_record(first, again, now);
  REQUIRE(change.next.skipped.size() == 1);
  CHECK(change.next.skipped[0].attempts == 2);

  commit unaware = make_commit(4, 8);
  unaware.skipped = {{msg(2), msg(3), "refused", 1}};
  CHECK(apply_to_record(first, unaware, now).next.skipped[0].attempts == 2);
  unaware.skipped[0].reason = std::string{mw::skipped_for::budget};
  unaware.skipped[0].attempts = 0;
  CHECK(apply_to_record(first, unaware, now).next.skipped[0].attempts == 0);
}

TEST_CASE("a retry of skipped spans alone, without new messages, is stored once and covered after") {
  commit c = make_commit(0, 4);
  c.skipped = {{msg(2), msg(3), "budget", 1}};
  commit retry = make_commit(4, 4);
  retry.retried = {{msg(2), msg(3)}};
  const auto change = apply_to_record(stored_by(c), retry, now);
  CHECK(change.outcome == commit_outcome::stored);
  CHECK(change.next.skipped.empty());
  CHECK(apply_to_record(stored_by(c), make_commit(4, 4), now).outcome == commit_outcome::covered);
}

TEST_CASE("a document of the Python worker is adopted by a first analysis") {
  record python = stored_by(make_commit(0, 2));
  python.through.reset();
  python.summary = "Old words.";
  const auto change = apply_to_record(python, make_commit(0, 4), now);
  CHECK(change.outcome == commit_outcome::stored);
  CHECK(change.next.through == msg(4));
}
