#include "tests/fuzz/database_file.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/common.hpp"

namespace mw::fuzz {
namespace {

namespace fs = std::filesystem;

const std::string& file_name() {
  static const std::string name =
      (fs::temp_directory_path() / ("fuzz-database-" + std::to_string(getpid()))).string();
  return name;
}

}  // namespace

wall_time database_time() {
  return *parse_iso_time("2026-11-23T12:00:00+00:00");
}

memory::commit commit_of(std::string user, std::string session, std::string summary) {
  memory::commit c;
  c.user_id = std::move(user);
  c.session_id = std::move(session);
  c.through = {"m2", "2026-11-23T07:15:22Z"};
  c.span = {{"m1", "2026-11-23T07:15:21Z"}, c.through};
  c.summary = std::move(summary);
  c.themes = {"music"};
  c.embedding = {0.25F, 0.5F};
  c.operations.push_back({memory::op_kind::add,
                          memory::category::interests,
                          "Plays the cello in " + c.session_id,
                          "",
                          "I play",
                          c.through,
                          "2026-11-23T07:15:22Z",
                          {2, 0, 0}});
  return c;
}

const std::string& database_file(std::string_view bytes) {
  for (const char* end : {"-wal", "-shm"}) fs::remove(file_name() + end);
  std::ofstream{file_name(), std::ios::binary | std::ios::trunc} << bytes;
  return file_name();
}

const std::string& database_bytes() {
  static const std::string bytes = [] {
    fs::remove(file_name());
    {
      auto store = api::sqlite_store::open(database_file(""), api::log{log_level::error});
      holds(store.has_value(), "an empty database opens");
      for (const char* session : {"s1", "s2", "s3"})
        holds(
            (*store)->write(commit_of("u", session, "They talked about music."), database_time()).has_value(),
            "a commit is stored");
      holds((*store)->write(commit_of("v", "t", "Something else."), database_time()).has_value(),
            "a commit is stored");
    }
    std::ifstream in{file_name(), std::ios::binary};
    return std::string{std::istreambuf_iterator<char>{in}, {}};
  }();
  return bytes;
}

}  // namespace mw::fuzz
