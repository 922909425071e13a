// `memory-worker check`: tries every dependency once, in parallel, and says in words what is wrong.
#include <fmt/format.h>

#include <array>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <mutex>

#include "cmd/memory-worker/commands.hpp"
#include "cmd/memory-worker/live_ports.hpp"

namespace mw {
namespace {

/// Answers of the four probes, collected from the I/O thread.
class checklist {
 public:
  enum item : uint8_t { bus, redis, llm, memory, count };

  void tell(item i, status s) {
    const std::lock_guard lock{mutex_};
    auto& slot = answers_[i];
    if (slot) return;
    slot = std::move(s);
    changed_.notify_all();
  }
  /// Waits until all have answered; what has not by then is timed_out.
  std::array<status, count> wait(std::chrono::milliseconds limit) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, limit, [this] {
      return std::all_of(answers_.begin(), answers_.end(), [](const auto& a) { return a.has_value(); });
    });
    const auto answer = [this](item i) {
      return answers_[i] ? *answers_[i] : status{fail(errc::timed_out, "no answer within the time-out")};
    };
    return {answer(bus), answer(redis), answer(llm), answer(memory)};
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<std::optional<status>, count> answers_;
};

void print(std::string_view what, const std::string& where, const status& s) {
  if (s) {
    fmt::print("ok      {:<12} {}\n", what, where);
  } else {
    fmt::print("FAILED  {:<12} {}\n        {}: {}\n", what, where, to_string(s.error().code),
               s.error().detail);
  }
}

/// What the logged-in Redis user may do: read conversations, and keep keys of our own.
struct redis_rights {
  status read = ok;
  status own_keys = ok;
};

redis_rights try_redis(session_port& redis, const config::session_loader_settings& s) {
  const auto read = std::make_shared<std::promise<status>>();
  const auto wrote = std::make_shared<std::promise<status>>();
  const std::string nobody = "memory-worker-check";
  redis.fetch(
      nobody, {}, [](uint64_t, const std::function<void()>& go) { go(); },
      [read](result<session_texts> r) {
        const bool absent = !r && r.error().code == errc::conversation_missing;
        read->set_value(r || absent ? status{ok} : status{std::move(r.error())});
      });
  if (s.own_keys)
    redis.save_answer("check", "1", [wrote](status r) { wrote->set_value(std::move(r)); });
  else
    wrote->set_value(ok);
  const auto answer = [&](std::promise<status>& p) {
    auto f = p.get_future();
    if (f.wait_for(s.command_timeout * 3) == std::future_status::ready) return f.get();
    return status{fail(dependency::redis, errc::timed_out, "no answer within the time-out")};
  };
  redis_rights rights{answer(*read), answer(*wrote)};
  if (s.own_keys && rights.own_keys) redis.drop_answer("check");
  return rights;
}

/// What to do about it, beyond what the failure itself says.
std::string redis_advice(const failure& f, const config::session_loader_settings& s) {
  const bool entra = s.tls && s.password.empty();
  if (f.code == errc::unauthorized && entra)
    return fmt::format(
        "az redisenterprise database access-policy-assignment create --resource-group GROUP --cluster-name "
        "{} "
        "--database-name default --access-policy-assignment-name memory-worker --access-policy-name default "
        "--object-id OBJECT_ID",
        s.host.substr(0, s.host.find('.')));
  if (f.code == errc::unauthorized)
    return "set REDIS_PASSWORD (and REDIS_USERNAME for an ACL user) to what the server accepts";
  if (f.code == errc::unreachable || f.code == errc::timed_out)
    return fmt::format("REDIS_HOST={} REDIS_PORT={} REDIS_SSL={}; Azure Managed Redis: port 10000 with TLS",
                       s.host, s.port, s.tls);
  return {};
}

void print_redis(const std::string& where, status connected, session_port& redis,
                 const config::session_loader_settings& s, bool& well) {
  redis_rights rights;
  if (connected) {
    rights = try_redis(redis, s);
    if (!rights.read) connected = rights.read;
  }
  well = connected.has_value();
  print("Redis", where, connected);
  if (!connected) {
    const auto advice = redis_advice(connected.error(), s);
    if (!advice.empty()) fmt::print("        {}\n", advice);
  } else if (!rights.own_keys) {
    fmt::print(
        "        keys {}* are refused, so a crash or a second replica may pay the LLM twice\n        {}: "
        "{}\n",
        s.key_prefix, to_string(rights.own_keys.error().code), rights.own_keys.error().detail);
  }
}

}  // namespace

int check_dependencies(const config::loaded& c) {
  auto world = live_world::make(c.values);
  if (!world) {
    print_problems({world.error()});
    return config::exit_misconfigured;
  }
  const auto& s = c.values;
  auto list = std::make_shared<checklist>();
  const ports outside = (*world)->outside();
  amqp::listener l;
  l.ready = [list] { list->tell(checklist::bus, ok); };
  l.delivery = [](const amqp::incoming&) {};
  l.settled = [](int64_t, const status&) {};
  l.lock_lost = [](int64_t) {};
  l.drained = [] {};
  l.closed = [list](failure why) { list->tell(checklist::bus, std::move(why)); };
  const auto bus = outside.make_bus(std::move(l));
  bus->start();
  const auto redis =
      outside.make_session([list](const std::string&) { list->tell(checklist::redis, ok); },
                           [list](failure why) { list->tell(checklist::redis, std::move(why)); });
  outside.probe_llm([list](status r) { list->tell(checklist::llm, std::move(r)); });
  outside.store->probe([list](status r) { list->tell(checklist::memory, std::move(r)); });
  const auto answers = list->wait(s.receiver.operation_timeout + s.llm_analyzer.request_timeout);
  print("Service Bus", fmt::format("{}/Subscriptions/{}", s.receiver.topic, s.receiver.subscription),
        answers[checklist::bus]);
  bool redis_well = false;
  print_redis(fmt::format("{}:{}", s.session_loader.host, s.session_loader.port), answers[checklist::redis],
              *redis, s.session_loader, redis_well);
  print("LLM", s.llm_analyzer.endpoint, answers[checklist::llm]);
  print("Memory store", s.memory_writer.endpoint, answers[checklist::memory]);
  const bool all = std::all_of(answers.begin(), answers.end(), [](const status& a) { return a.has_value(); });
  return all && redis_well ? 0 : 1;
}

}  // namespace mw
