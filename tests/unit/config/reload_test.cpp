#include "protocol/config/reload.hpp"

#include <doctest/doctest.h>

#include "load_fixture.hpp"

using namespace std::chrono_literals;
using namespace mw::config;
using mw::config::test::scene;

namespace {

constexpr std::string_view connection =
    "Endpoint=sb://a.example;SharedAccessKeyName=n;SharedAccessKey=secret-k";

std::string told(const reload& r) {
  std::string text;
  for (const auto& c : r.applied) text += c.name + ": " + c.from + " -> " + c.to + "; ";
  for (const auto& n : r.need_restart) text += n + " waits; ";
  return text;
}

}  // namespace

TEST_CASE("reload: what is reloadable takes its new value, the rest keeps what it runs with and is named") {
  scene s;
  s.four().file("[dispatcher]\nquiet = 30s\n[session_loader]\nkey-prefix = \"a:\"\n");
  const auto running = s.run();
  s.file("[dispatcher]\nquiet = 20s\nmax-jobs = 12\n[session_loader]\nkey-prefix = \"b:\"\n");
  const auto read = s.run();
  REQUIRE(running.problems.empty());
  REQUIRE(read.problems.empty());
  const auto r = merge(running.values, read.values);
  CHECK(r.values.dispatcher.quiet == 20s);
  CHECK(r.values.dispatcher.max_jobs == 12);
  CHECK(r.values.session_loader.key_prefix == "a:");
  CHECK(told(r) ==
        "dispatcher.quiet: 30s -> 20s; dispatcher.max-jobs: 10 -> 12; llm_analyzer.max-in-flight: 10 -> 12; "
        "session_loader.key-prefix waits; ");
}

TEST_CASE("reload: another preset brings its times") {
  scene s;
  s.four();
  const auto running = s.run();
  s.file("[dispatcher]\npreset = \"fresh\"\n");
  const auto r = merge(running.values, s.run().values);
  CHECK(r.values.dispatcher.quiet == 5s);
  CHECK(r.values.dispatcher.max_age == 30s);
}

TEST_CASE("reload: an unchanged configuration changes nothing") {
  scene s;
  s.four();
  CHECK(told(merge(s.run().values, s.run().values)).empty());
}

TEST_CASE("reload: a changed secret is named, not shown") {
  scene s;
  s.four();
  const auto running = s.run();
  s.file("[receiver]\nconnection-string = \"" + std::string{connection} + "\"\n");
  const auto text = told(merge(running.values, s.run().values));
  CHECK(text == "receiver.connection-string waits; ");
}

TEST_CASE("reload: who has got settings keeps them as they were") {
  settings first;
  first.dispatcher.max_jobs = 3;
  current now{first};
  const auto kept = now.get();
  settings second;
  second.dispatcher.max_jobs = 4;
  now.replace(second);
  CHECK(kept->dispatcher.max_jobs == 3);
  CHECK(now->dispatcher.max_jobs == 4);
}
