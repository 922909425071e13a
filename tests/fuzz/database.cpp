// A database file that somebody damaged. The input says how: the first byte how many 512 bytes are missing at
// its end, then three bytes each, where (among the bytes that are not 0) and what stands there now. Holds: it
// is refused with words, or each call ends, with a value or with words; memory is bounded; where a profile is
// read, it is the user's.
#include "cmd/memory-api/validate.hpp"
#include "tests/fuzz/common.hpp"
#include "tests/fuzz/database_file.hpp"

using namespace mw;

namespace {

std::string damaged(std::string_view how) {
  std::string bytes = fuzz::database_bytes();
  static const std::vector<size_t> written = [&bytes] {
    std::vector<size_t> at;
    for (size_t i = 0; i < bytes.size(); ++i)
      if (bytes[i] != 0) at.push_back(i);
    return at;
  }();
  constexpr size_t piece = 512;
  const size_t kept = bytes.size() - std::min(bytes.size(), piece * static_cast<uint8_t>(how[0]));
  for (how.remove_prefix(1); how.size() >= 3; how.remove_prefix(3))
    bytes[written[(static_cast<uint8_t>(how[0]) | static_cast<size_t>(static_cast<uint8_t>(how[1])) << 8) %
                  written.size()]] = how[2];
  bytes.resize(kept);
  return bytes;
}

template <class T>
void ends(const result<T>& r) {
  if (!r) fuzz::has_words(r.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto& file = fuzz::database_file(damaged(fuzz::text_of(data, size)));
  const auto opened = api::sqlite_store::open(file, api::log{log_level::error});
  if (!opened) {
    fuzz::has_words(opened.error());
    return 0;
  }
  const fuzz::heap_bound bound{size, 0, 8 << 20};
  auto& store = **opened;
  const auto now = fuzz::database_time();
  ends(store.check());
  ends(store.read_context("u", "s1"));
  const auto profile = store.read_profile("u");
  ends(profile);
  if (profile && *profile) fuzz::holds(!(*profile)->user_id.empty(), "a profile has a user");
  ends(store.read_record("u", "s2"));
  ends(store.list_records("u", 10, 0));
  ends(store.search("u", "music", 10));
  ends(store.write(fuzz::commit_of("u", "s4", "One more."), now));
  ends(store.put_lists("u", {{memory::category::goals, {"Run"}}}, {}, now));
  ends(store.forget_item("u", memory::category::interests, "Plays the cello in s1", {}, now));
  ends(store.forget_session("u", "s3", {}, now));
  ends(store.forget_everything("u", {}, now));
  return 0;
}
