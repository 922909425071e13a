// `memory-worker check`: tries every dependency once, in parallel, and says in words what is wrong.
#include <fmt/format.h>

#include <array>
#include <condition_variable>
#include <cstdio>
#include <mutex>

#include "cmd/memory-worker/commands.hpp"
#include "cmd/memory-worker/live_ports.hpp"
#include "cmd/memory-worker/memory_stores.hpp"

namespace mw {
namespace {

/// Answers of the probes, collected from the I/O thread.
class checklist {
 public:
  enum item : uint8_t { bus, redis, llm, memory, embeddings, count };

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
    return {answer(bus), answer(redis), answer(llm), answer(memory), answer(embeddings)};
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
  if (outside.embed) {
    outside.embed("Summary: a probe", [list](llm::embedding e) {
      list->tell(checklist::embeddings, e.vector ? status{ok} : status{e.vector.error()});
    });
  } else {
    list->tell(checklist::embeddings, ok);
  }
  const auto answers = list->wait(s.receiver.operation_timeout + s.llm_analyzer.request_timeout);
  print("Service Bus", fmt::format("{}/Subscriptions/{}", s.receiver.topic, s.receiver.subscription),
        answers[checklist::bus]);
  print("Redis", fmt::format("{}:{}", s.session_loader.host, s.session_loader.port),
        answers[checklist::redis]);
  print("LLM", s.llm_analyzer.endpoint, answers[checklist::llm]);
  if (outside.embed) print("Embeddings", s.llm_analyzer.embeddings_endpoint, answers[checklist::embeddings]);
  print("Memory store", memory_place(s.memory_writer), answers[checklist::memory]);
  const bool all = std::all_of(answers.begin(), answers.end(), [](const status& a) { return a.has_value(); });
  return all ? 0 : 1;
}

}  // namespace mw
