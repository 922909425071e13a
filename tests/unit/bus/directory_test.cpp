#include "cmd/memory-devstack/bus/directory.hpp"

#include <doctest/doctest.h>

#include "tests/unit/bus/make_content.hpp"

using namespace mw::devstack;
using namespace mw::devstack::test;

namespace {

content_ptr scheduled_content(wall_ms due) {
  std::string bytes;
  mw::amqp::encoder e{bytes};
  e.begin_section(mw::amqp::section_code::message_annotations).begin_map();
  e.symbol("x-opt-scheduled-enqueue-time").timestamp(due).end();
  bytes += encoded_message("later", "x");
  return *parse_content(bytes, [] { return std::string{}; });
}

struct topic_with_two {
  directory d{entity_settings{}};
  topic_with_two() { d.add_topic("Memories", {"worker", "audit"}); }
  destination& topic() { return *d.find("memories").to; }
  entity& subscription(std::string_view name) {
    return *d.find("memories/subscriptions/" + std::string{name}).from;
  }
};

}  // namespace

TEST_CASE("directory: addresses are found in every spelling the SDKs use") {
  topic_with_two t;
  const entity* worker = &t.subscription("worker");
  for (const char* address :
       {"memories/Subscriptions/worker", "/Memories/subscriptions/WORKER",
        "amqps://host/memories/Subscriptions/worker", "sb://localhost:5673/memories/Subscriptions/worker/"}) {
    CHECK(t.d.find(address).from == worker);
  }
  CHECK(t.d.find("Memories/Subscriptions/worker/$DeadLetterQueue").from == worker->dead_letters());
  const auto management = t.d.find("Memories/Subscriptions/worker/$management");
  CHECK(management.from == worker);
  CHECK(management.management);
  CHECK(t.d.find("Memories").to != nullptr);
  CHECK(t.d.find("Memories").from == nullptr);
  CHECK(t.d.find("nothing").to == nullptr);
  CHECK(t.d.find("").from == nullptr);
}

TEST_CASE("directory: each subscription gets its own copy with its own numbers") {
  topic_with_two t;
  t.topic().publish(make_content("a"), 1);
  REQUIRE(t.subscription("worker").take_locked(1, token(1)) != nullptr);
  CHECK(t.subscription("worker").complete(token(1), 2));
  CHECK(t.subscription("audit").ready_count() == 1);
  t.topic().publish(make_content("b"), 3);
  CHECK(t.subscription("worker").messages().begin()->first == 2);
}

TEST_CASE("directory: a scheduled message appears at its time, and never when it was cancelled") {
  topic_with_two t;
  t.topic().publish(scheduled_content(5000), 1000);
  const int64_t cancelled = t.topic().schedule(scheduled_content(4000));
  CHECK(t.topic().scheduled_count() == 2);
  CHECK(t.d.next_deadline() == 4000);
  CHECK(t.topic().cancel(cancelled));
  CHECK_FALSE(t.topic().cancel(cancelled));
  t.d.advance(4999);
  CHECK(t.subscription("worker").messages().empty());
  t.d.advance(5000);
  CHECK(t.subscription("worker").ready_count() == 1);
  CHECK(t.subscription("audit").ready_count() == 1);
  CHECK(t.subscription("audit").messages().begin()->second.enqueued == 5000);
  CHECK_FALSE(t.d.next_deadline());
}

TEST_CASE("directory: a schedule in the past delivers at once") {
  topic_with_two t;
  t.topic().publish(scheduled_content(5000), 5000);
  CHECK(t.subscription("worker").ready_count() == 1);
}
