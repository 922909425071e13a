// A commit as the Memory API gets it, and what is decided about it. Holds: what is read and written reads the
// same again; what it makes of an empty store and of its own first result can be stored and read; the bounds
// of a profile hold; memory is in proportion.
#include "protocol/memory/commit.hpp"

#include "protocol/memory/documents_json.hpp"
#include "protocol/memory_api/commit_json.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

namespace {

constexpr std::string_view now = "2026-11-23T12:00:00.000000+00:00";

void stays_readable(const memory::profile& p) {
  for (const auto& list : p.lists) {
    fuzz::holds(list.size() <= memory::max_items, "a list is bounded");
    for (const auto& item : list) fuzz::holds(item.size() <= memory::max_item_bytes, "an item is bounded");
  }
  fuzz::holds(p.marks.size() <= memory::max_marks && p.applied.size() <= memory::max_applied,
              "what is kept is bounded");
  const auto written = memory::write_profile(p);
  const auto again = memory::parse_profile(written);
  fuzz::holds(again.has_value(), "the profile can be read");
  fuzz::same(memory::write_profile(*again), written, "the profile stays as it is");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const fuzz::heap_bound bound{size, 2'000, 256 << 10};
  const auto commit = memory_api::parse_commit(fuzz::text_of(data, size));
  if (!commit) {
    fuzz::has_words(commit.error());
    return 0;
  }
  const auto written = memory_api::write_commit(*commit);
  const auto again = memory_api::parse_commit(written);
  fuzz::holds(again.has_value(), "what was written can be read");
  fuzz::same(memory_api::write_commit(*again), written, "what was written stays as it is");
  memory::profile user;
  user.user_id = commit->user_id;
  const auto first = memory::apply_to_profile(user, *commit, now);
  stays_readable(first.next);
  stays_readable(memory::apply_to_profile(first.next, *commit, now).next);
  const auto record = memory::apply_to_record(std::nullopt, *commit, now);
  if (record.outcome != memory::commit_outcome::stored) return 0;
  fuzz::holds(memory::parse_record(memory::write_record(record.next)).has_value(), "the record can be read");
  const auto covered = memory::apply_to_record(record.next, *commit, now);
  fuzz::holds(covered.outcome != memory::commit_outcome::forgotten, "the same commit again is not forgotten");
  return 0;
}
