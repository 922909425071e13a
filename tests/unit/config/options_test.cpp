#include "protocol/config/options.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <set>

#include "load_fixture.hpp"
#include "protocol/config/cgroup.hpp"
#include "protocol/config/reference.hpp"

using namespace mw::config;
using mw::config::test::scene;

TEST_CASE("every option is documented, named once and has a default within its range") {
  std::set<std::string> names;
  for (const auto& o : options()) {
    INFO(o.name());
    CHECK(names.insert(o.name()).second);
    CHECK(find_option(o.section, o.key) == &o);
    CHECK(o.doc.size() > 3);
    CHECK(o.doc.back() == '.');
    const auto initial = o.get(settings{});
    if (std::holds_alternative<std::monostate>(initial)) continue;
    if (o.type == option_type::secret ||
        (o.type == option_type::url && std::get<std::string>(initial).empty()))
      continue;
    scene s;
    s.file("[" + std::string{o.section} + "]\n" + std::string{o.key} + " = " + write_value(o, initial) +
           "\n");
    CHECK(s.problems(need::nothing).empty());
  }
}

TEST_CASE("a number has a range, and an environment variable one option") {
  std::set<std::string_view> variables;
  for (const auto& o : options()) {
    INFO(o.name());
    const bool number = o.type == option_type::integer || o.type == option_type::bytes ||
                        o.type == option_type::real || o.type == option_type::duration;
    if (number) CHECK_FALSE(write_range(o).empty());
    for (const auto name : o.environment) CHECK(variables.insert(name).second);
    if (!o.required.empty()) CHECK_FALSE(o.environment.empty());
  }
}

TEST_CASE("what an option sets is what it gets: each row is bound to a field of its own") {
  for (const auto& o : options()) {
    INFO(o.name());
    settings s;
    value v;
    switch (o.type) {
      case option_type::text:
      case option_type::url:
      case option_type::secret:
        v = std::string{"http://changed"};
        break;
      case option_type::boolean:
        v = !std::get<bool>(o.get(s));
        break;
      case option_type::integer:
      case option_type::bytes:
        v = int64_t{7777};
        break;
      case option_type::real:
        v = 0.125;
        break;
      case option_type::duration:
        v = std::chrono::milliseconds{7777};
        break;
      case option_type::choice:
        v = std::string{o.choices.back()} == std::get<std::string>(o.get(s)) ? std::string{o.choices.front()}
                                                                             : std::string{o.choices.back()};
        break;
    }
    o.set(s, v);
    CHECK(o.get(s) == v);
    for (const auto& other : options())
      if (&other != &o) CHECK_MESSAGE(other.get(s) == other.get(settings{}), other.name());
  }
}

TEST_CASE("reference page and help hold every option and variable") {
  const auto page = reference_page();
  const auto help = help_text();
  for (const auto& o : options()) {
    CHECK(page.find("| `" + std::string{o.key} + "` |") != std::string::npos);
    CHECK(page.find(o.doc) != std::string::npos);
    CHECK(help.find("--" + o.name() + "=") != std::string::npos);
    for (const auto name : o.environment) CHECK(page.find(name) != std::string::npos);
  }
}

TEST_CASE("docs/configuration.md is what `memory-worker config --reference` prints") {
  std::ifstream in{MW_SOURCE_DIR "/docs/configuration.md", std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  CHECK_MESSAGE(text == reference_page(), "run: memory-worker config --reference > docs/configuration.md");
}

TEST_CASE("cgroup v2: the tightest limit on the path holds") {
  scene s;
  const auto root = s.in.directory;
  std::filesystem::create_directories(root / "proc/self");
  std::filesystem::create_directories(root / "sys/fs/cgroup/a/b");
  s.file("0::/a/b\n", "proc/self/cgroup").file("max\n", "sys/fs/cgroup/a/b/memory.max");
  s.file("536870912\n", "sys/fs/cgroup/a/memory.max").file("25000 100000\n", "sys/fs/cgroup/a/b/cpu.max");
  s.file("max 100000\n", "sys/fs/cgroup/a/cpu.max");
  const auto limits = read_limits(root, {8ull << 30, false, 4, false});
  CHECK(limits.memory_bytes == 536870912);
  CHECK(limits.memory_limited);
  CHECK(limits.cpus == 0.25);
  CHECK(default_threads(limits) == 1);
  CHECK(default_bytes_in_flight(limits) == 536870912 / 10 * 4);
}

TEST_CASE("cgroup v1: a container sees its own limits at the mount, and the huge number means none") {
  scene s;
  const auto root = s.in.directory;
  std::filesystem::create_directories(root / "proc/self");
  std::filesystem::create_directories(root / "sys/fs/cgroup/memory");
  std::filesystem::create_directories(root / "sys/fs/cgroup/cpu,cpuacct");
  s.file("5:memory:/docker/x\n4:cpu,cpuacct:/docker/x\nnonsense\n", "proc/self/cgroup");
  s.file("9223372036854771712\n", "sys/fs/cgroup/memory/memory.limit_in_bytes");
  s.file("150000\n", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us");
  s.file("100000\n", "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us");
  const auto limits = read_limits(root, {8ull << 30, false, 4, false});
  CHECK(limits.memory_bytes == 8ull << 30);
  CHECK_FALSE(limits.memory_limited);
  CHECK(limits.cpus == 1.5);
  CHECK(default_threads(limits) == 1);
  CHECK(default_threads({8ull << 30, false, 4, false}) == 3);
}

TEST_CASE("no cgroup files: the machine's resources hold, unknown memory gives a small budget") {
  scene s;
  const auto limits = read_limits(s.in.directory, {0, false, 3, false});
  CHECK(limits.cpus == 3);
  CHECK(default_bytes_in_flight(limits) == 256ull << 20);
  CHECK(machine_resources().memory_bytes > 0);
  CHECK(machine_resources().cpus >= 1);
}
