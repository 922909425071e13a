#include "tests/unit/actors/world.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include "actors/dispatcher.hpp"
#include "actors/llm_analyzer.hpp"
#include "actors/memory_writer.hpp"
#include "actors/receiver.hpp"
#include "actors/session_loader.hpp"
#include "actors/supervisor.hpp"
#include "protocol/chat/event.hpp"

namespace mw::test {

namespace {

struct testing_config : caf::actor_system_config {
  testing_config() { set("scheduler.policy", caf::atom("testing")); }
};

std::string_view kind_name(amqp::outcome_kind k) {
  constexpr std::array<std::string_view, 4> kinds{"complete", "abandon", "release", "dead-letter"};
  return kinds.at(static_cast<size_t>(k));
}

class bus_link : public bus_port {
 public:
  bus_link(fake_bus& bus, texts& history, amqp::listener l)
      : bus_(bus), history_(history), number_(++bus.connections), listener_(std::move(l)) {
    bus_.credit = 0;
    bus_.adopted.clear();
    bus_.listener = listener_;
  }
  ~bus_link() override {
    if (number_ != bus_.connections) return;
    bus_.attached = false;
    bus_.credit = 0;
  }
  void start() override {
    if (!bus_.reachable) return listener_.closed(bus_.refusal);
    bus_.attached = true;
    listener_.ready();
  }
  void add_credit(uint32_t n) override { bus_.credit += n; }
  void drain() override {
    bus_.credit = 0;
    ++bus_.drains;
    if (!bus_.drains_slowly) listener_.drained();
  }
  void settle(int64_t sequence, amqp::outcome o) override {
    auto line = fmt::format("{} {}", sequence, kind_name(o.kind));
    history_.push_back("settled " + line);
    if (o.kind == amqp::outcome_kind::dead_letter) line += " " + o.reason;
    bus_.settled.push_back(line);
    if (!bus_.answers) return;
    if (o.kind == amqp::outcome_kind::release && bus_.by_token.contains(sequence))
      return listener_.not_released(sequence);
    if (bus_.refuse.empty()) return listener_.settled(sequence, ok);
    const auto why = bus_.refuse.front();
    bus_.refuse.pop_front();
    listener_.settled(sequence, why);
  }
  void adopt(std::vector<amqp::held_lock> locks) override {
    for (const auto& l : locks) {
      bus_.adopted.push_back(l.sequence_number);
      bus_.by_token.insert(l.sequence_number);
    }
  }
  void give_up(int64_t sequence) override { bus_.given_up.push_back(sequence); }
  amqp::link_counters counters() const override { return {}; }

 private:
  fake_bus& bus_;
  texts& history_;
  int number_;
  amqp::listener listener_;
};

class redis_session : public session_port {
 public:
  explicit redis_session(fake_redis& r) : redis_(r) {}
  void fetch(const std::string& session, const std::string& answer_key,
             std::function<void(uint64_t, std::function<void()>)> admit,
             std::function<void(result<session_texts>)> done) override {
    ++redis_.fetches;
    const auto read = [this, session, answer_key, admit, done] {
      const auto it = redis_.conversations.find(session);
      if (it == redis_.conversations.end())
        return done(fail(dependency::redis, errc::conversation_missing, "no such conversation"));
      admit(it->second.size(), [this, session, answer_key, done] {
        session_texts t{redis_.conversations[session], {}};
        if (const auto kept = redis_.answers.find(answer_key); kept != redis_.answers.end())
          t.saved_answer = kept->second;
        done(std::move(t));
      });
    };
    if (redis_.holds) {
      redis_.held.emplace_back(read);
    } else {
      read();
    }
  }
  void save_answer(const std::string& key, const std::string& value,
                   std::function<void(status)> done) override {
    redis_.answers[key] = value;
    done(ok);
  }
  void drop_answer(const std::string& key) override { redis_.answers.erase(key); }
  void count_failure(int64_t sequence, std::function<void(result<uint32_t>)> done) override {
    done(++redis_.failures[sequence]);
  }
  void lease(const std::string& key, std::function<void(bool)> done) override {
    const auto decide = [this, key, done = std::move(done)] {
      const bool ours = !redis_.leased_elsewhere.contains(key);
      if (ours) redis_.leases.insert(key);
      done(ours);
    };
    if (redis_.holds_leases) return redis_.held.push_back(decide);
    decide();
  }
  void renew_lease(const std::string&) override { ++redis_.renewals; }
  void release_lease(const std::string& key) override { redis_.leases.erase(key); }

 private:
  fake_redis& redis_;
};

}  // namespace

struct world::inside {
  testing_config config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& scheduler{
      dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler())};
  caf::scoped_actor self{system, true};
  observe::status_board board{observe::board_options{}};
  std::unique_ptr<observe::trace_book> book;
  std::shared_ptr<services> shared;
  caf::actor supervisor;
  std::array<caf::actor, child_count> children;
  std::array<int, child_count> starts{};
  bool ended = false;
  std::string end_reason;

  caf::actor spawn(caf::event_based_actor* parent, child_id which) {
    auto& handle = children.at(static_cast<size_t>(which));
    ++starts.at(static_cast<size_t>(which));
    const auto keep = [&](auto typed) { return handle = caf::actor_cast<caf::actor>(typed); };
    switch (which) {
      case child_id::writer:
        return keep(parent->spawn(memory_writer, shared));
      case child_id::analyzer:
        return keep(parent->spawn(llm_analyzer, shared));
      case child_id::loader:
        return keep(parent->spawn(session_loader, shared));
      case child_id::dispatcher:
        return keep(parent->spawn(dispatcher, shared));
      case child_id::receiver:
        return keep(parent->spawn(receiver, shared));
      case child_id::admin:
        return keep(
            parent->spawn([](caf::event_based_actor*) -> caf::behavior { return {[](const routes&) {}}; }));
    }
    return {};
  }
};

world::world(config::settings s) : inside_(std::make_unique<inside>()) {
  observe::process_logger().set_sink([](std::string_view) {});
  store.history = &history;
  auto& in = *inside_;
  in.scheduler.advance_time(std::chrono::hours{1});
  ports p;
  p.make_bus = [this](amqp::listener l) { return std::make_unique<bus_link>(bus, history, std::move(l)); };
  p.make_session = [this](std::function<void(std::string)> ready, std::function<void(failure)> closed) {
    ++redis.connections;
    redis.closed = closed;
    if (redis.reachable) {
      ready(redis.run_id);
    } else {
      closed(fail(dependency::redis, errc::unreachable, "no Redis"));
    }
    return std::make_shared<redis_session>(redis);
  };
  p.analyse = [this](const std::shared_ptr<const llm::analysis_input>& i, const llm::call_limits& l,
                     std::function<void(llm::answer)> done) { llm.ask(*i, l, std::move(done)); };
  p.probe_llm = [this](std::function<void(llm::probe_answer)> done) {
    ++llm.probes;
    if (llm.holds_probes) return llm.held_probes.push_back(std::move(done));
    done({llm.well ? status{ok} : status{fail(dependency::llm, errc::unreachable, "no LLM")},
          llm.probe_costs});
  };
  if (!s.llm_analyzer.embeddings_endpoint.empty())
    p.embed = [this](const std::string& text, std::function<void(llm::embedding)> done) {
      llm.embed(text, std::move(done));
    };
  p.store = &store;
  in.shared = std::make_shared<services>(std::move(s), std::move(p), metrics, in.board);
  in.shared->wall_clock = [&in] {
    const auto since = in.scheduler.clock().now().time_since_epoch();
    return *parse_iso_time("2026-11-23T12:00:00Z") + std::chrono::floor<std::chrono::microseconds>(since);
  };
  in.book = std::make_unique<observe::trace_book>(
      observe::trace_book_options{}, observe::sampling{observe::sampler_kind::always_on, 1}, 1,
      [this](std::shared_ptr<const observe::job_trace> j) { traced.push_back(std::move(j)); });
  in.shared->traces = in.book.get();
  in.supervisor = in.system.spawn([&in](caf::stateful_actor<supervisor_state>* self) {
    self->state.spawn = [&in](caf::event_based_actor* parent, child_id which) {
      return in.spawn(parent, which);
    };
    return supervisor(self, in.shared);
  });
  in.self->monitor(in.supervisor);
  run();
}

world::~world() {
  auto& in = *inside_;
  caf::anon_send_exit(in.supervisor, caf::exit_reason::user_shutdown);
  in.scheduler.run();
  for (auto& c : in.children) {
    if (c) caf::anon_send_exit(c, caf::exit_reason::kill);
    c = nullptr;
  }
  in.supervisor = nullptr;
  in.scheduler.run();
  in.scheduler.clock().cancel_all();
  in.scheduler.run();
  // What the fakes hold belongs to actors that are gone.
  bus.listener = {};
  redis.held.clear();
  redis.closed = nullptr;
  llm.calls.clear();
  llm.held_embeddings.clear();
  store.held.clear();
}

void world::converse(const std::string& user, const std::string& session, int messages) {
  chat::conversation c;
  c.session_id = session;
  c.user_id = user;
  for (int n = 1; n <= messages; ++n)
    c.messages.push_back({fmt::format("m{}", n), n % 2 == 1 ? chat::role::user : chat::role::assistant,
                          fmt::format("{} says text {}", session, n),
                          fmt::format("2026-11-23T11:{:02}:00.000000+00:00", n)});
  redis.conversations[session] = chat::write_conversation(c);
}

void world::converse(const std::string& user, const std::string& session, std::string text) {
  chat::conversation c;
  c.session_id = session;
  c.user_id = user;
  c.messages.push_back({"m1", chat::role::user, std::move(text), "2026-11-23T11:01:00.000000+00:00"});
  redis.conversations[session] = chat::write_conversation(c);
}

void world::deliver(int64_t sequence, const std::string& user, const std::string& session, uint32_t count,
                    const std::string& traceparent) {
  amqp::incoming in;
  in.traceparent = traceparent;
  in.sequence_number = sequence;
  in.delivery_count = count;
  in.token.fill(static_cast<uint8_t>(sequence));
  const auto known = redis.conversations.find(session);
  std::string last{"m1"};
  if (known != redis.conversations.end())
    if (const auto c = chat::parse_conversation(known->second); c && !c->messages.empty())
      last = c->messages.back().id;
  in.body = chat::write_event({session, user, last, std::nullopt});
  in.locked_until = inside_->scheduler.clock().now() + seconds{60};
  REQUIRE(bus.attached);
  if (bus.credit > 0) --bus.credit;
  bus.listener.delivery(std::move(in));
}

void world::say(int64_t sequence, const std::string& user, const std::string& session, int messages) {
  converse(user, session, messages);
  deliver(sequence, user, session);
}

void world::run() {
  auto& in = *inside_;
  in.scheduler.run();
  while (in.self->has_next_message())
    in.self->receive([&](const caf::down_msg& dm) {
      in.ended = true;
      const bool normal = !dm.reason || dm.reason == caf::exit_reason::user_shutdown;
      in.end_reason = normal ? std::string{} : in.system.render(dm.reason);
    });
}

void world::advance(milliseconds by, milliseconds step) {
  for (milliseconds done{0}; done < by; done += step) {
    inside_->scheduler.advance_time(std::min(step, by - done));
    run();
  }
}

void world::lose_bus() {
  bus.attached = false;
  bus.listener.closed(fail(dependency::bus, errc::connection_lost, "the bus hung up"));
  run();
}

void world::lose_link(failure why, milliseconds pause) {
  bus.listener.away(std::move(why), pause);
  run();
}

std::string world::status_json() const {
  return inside_->board.status_json();
}

void world::lose_redis() {
  redis.closed(fail(dependency::redis, errc::connection_lost, "Redis hung up"));
  run();
}

void world::crash(actor_of which) {
  const auto& child = inside_->children.at(static_cast<size_t>(which));
  caf::anon_send_exit(child, caf::exit_reason::unhandled_exception);
  run();
}

int world::starts(actor_of which) const {
  return inside_->starts.at(static_cast<size_t>(which));
}

void world::reload(config::settings s) {
  inside_->shared->settings.replace(std::move(s));
  caf::anon_send(inside_->supervisor, settings_changed::value);
  run();
}

void world::shut_down() {
  caf::anon_send(inside_->supervisor, shutdown_atom::value);
  run();
}

bool world::ended() const {
  return inside_->ended;
}

std::string world::end_reason() const {
  return inside_->end_reason;
}

uint64_t world::bytes_held() const {
  return inside_->shared->bytes.used();
}

size_t world::answers_kept() const {
  return inside_->shared->calls.size();
}

}  // namespace mw::test
