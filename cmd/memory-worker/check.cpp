// `memory-worker check`: tries every dependency once, in parallel, and says in words what is wrong.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdio>
#include <map>
#include <mutex>

#include "cmd/memory-worker/check_redis.hpp"
#include "cmd/memory-worker/commands.hpp"
#include "cmd/memory-worker/live_ports.hpp"
#include "cmd/memory-worker/memory_stores.hpp"

namespace mw {
namespace {

constexpr std::chrono::seconds token_patience{35};  // somewhat longer than the identity's own limit

/// Answers of the probes and of the identity for each scope, collected from the I/O thread.
class checklist {
 public:
  enum item : uint8_t { bus, redis, llm, memory, embeddings, count };
  using answers = std::array<status, count>;
  using tokens = std::map<std::string, result<azure::access_token>>;

  void tell(item i, status s) {
    const std::lock_guard lock{mutex_};
    auto& slot = answers_[i];
    if (slot) return;
    slot = std::move(s);
    changed_.notify_all();
  }
  void tell(const std::string& scope, result<azure::access_token> token) {
    const std::lock_guard lock{mutex_};
    tokens_.emplace(scope, std::move(token));
    changed_.notify_all();
  }
  /// Waits until all have answered; what has not by then is timed_out.
  answers wait(std::chrono::milliseconds limit) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, limit, [this] {
      return std::all_of(answers_.begin(), answers_.end(), [](const auto& a) { return a.has_value(); });
    });
    const auto answer = [this](item i) {
      return answers_[i] ? *answers_[i] : status{fail(errc::timed_out, "no answer within the time-out")};
    };
    return {answer(bus), answer(redis), answer(llm), answer(memory), answer(embeddings)};
  }
  tokens wait_tokens(size_t scopes) {
    std::unique_lock lock{mutex_};
    changed_.wait_for(lock, token_patience, [&] { return tokens_.size() >= scopes; });
    return tokens_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<std::optional<status>, count> answers_;
  tokens tokens_;
};

std::string used_link(const std::vector<azure::link_report>& links) {
  const auto used = std::find_if(links.begin(), links.end(), [](const auto& l) { return l.used; });
  return used == links.end() ? std::string{} : used->link;
}

class report {
 public:
  report(live_world& world, checklist::tokens tokens) : world_(world), tokens_(std::move(tokens)) {}

  /// Which link of the credential chain gave the token, or why each did not.
  void print_identity(const std::string& scope) const {
    const auto links = world_.identity().report(scope);
    if (const auto* token = token_of(scope)) {
      const auto& oid = token->object_id;
      return fmt::print("ok      {:<12} {}\n        token of: {}, object id {}\n", "Entra", scope,
                        used_link(links), oid.empty() ? "not told" : oid);
    }
    fmt::print("FAILED  {:<12} {}\n", "Entra", scope);
    for (const auto& l : links) fmt::print("        {}: {}\n", l.link, l.words);
    if (links.empty()) fmt::print("        no link of the credential chain answered in time\n");
  }

  void print(std::string_view what, const std::string& where, azure::service which, const status& s) {
    if (s) return fmt::print("ok      {:<12} {}\n", what, where);
    well_ = false;
    fmt::print("FAILED  {:<12} {}\n        {}: {}\n", what, where, to_string(s.error().code),
               s.error().detail);
    if (azure::lacks_role(which, s.error())) print_missing_role(which);
  }
  bool well() const { return well_; }

 private:
  const azure::access_token* token_of(const std::string& scope) const {
    const auto at = tokens_.find(scope);
    return at == tokens_.end() || !at->second ? nullptr : &*at->second;
  }

  void print_missing_role(azure::service which) const {
    for (const auto& use : world_.entra_uses()) {
      const auto* token = token_of(use.scope);
      if (use.what != which || token == nullptr) continue;
      const bool person = used_link(world_.identity().report(use.scope)) == "Azure CLI";
      const auto hint = azure::role_for(which, use.host, token->object_id, person);
      return fmt::print(
          "        The identity lacks the role \"{}\". Whoever may grant roles runs this, and waits up to "
          "five "
          "minutes:\n        {}\n",
          hint.role, hint.command);
    }
  }

  live_world& world_;
  checklist::tokens tokens_;
  bool well_ = true;
};

/// Every scope once.
std::vector<std::string> scopes_of(const live_world& world) {
  std::vector<std::string> scopes;
  for (const auto& use : world.entra_uses())
    if (std::find(scopes.begin(), scopes.end(), use.scope) == scopes.end()) scopes.push_back(use.scope);
  return scopes;
}

}  // namespace

int check_dependencies(const config::loaded& c) {
  auto made = live_world::make(c.values);
  if (!made) {
    print_problems({made.error()});
    return config::exit_misconfigured;
  }
  live_world& world = **made;
  const auto& s = c.values;
  auto list = std::make_shared<checklist>();
  const auto scopes = scopes_of(world);
  for (const auto& scope : scopes)
    world.identity().get(scope,
                         [list, scope](result<azure::access_token> t) { list->tell(scope, std::move(t)); });
  const ports outside = world.outside();
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
  outside.probe_llm([list](llm::probe_answer a) { list->tell(checklist::llm, std::move(a.well)); });
  outside.store->probe([list](status r) { list->tell(checklist::memory, std::move(r)); });
  if (outside.embed) {
    outside.embed("Summary: a probe", [list](llm::embedding e) {
      list->tell(checklist::embeddings, e.vector ? status{ok} : status{e.vector.error()});
    });
  } else {
    list->tell(checklist::embeddings, ok);
  }
  const auto answers = list->wait(s.receiver.operation_timeout + s.llm_analyzer.request_timeout);
  report r{world, list->wait_tokens(scopes.size())};
  for (const auto& scope : scopes) r.print_identity(scope);
  using azure::service;
  r.print("Service Bus", fmt::format("{}/Subscriptions/{}", s.receiver.topic, s.receiver.subscription),
          service::service_bus, answers[checklist::bus]);
  const auto rights = answers[checklist::redis] ? try_redis(*redis, s.session_loader) : redis_rights{};
  const auto& redis_answer = answers[checklist::redis] ? rights.read : answers[checklist::redis];
  r.print("Redis", fmt::format("{}:{}", s.session_loader.host, s.session_loader.port), service::redis,
          redis_answer);
  for (const auto& line : redis_advice(redis_answer, rights, s.session_loader))
    fmt::print("        {}\n", line);
  r.print("LLM", s.llm_analyzer.endpoint, service::llm, answers[checklist::llm]);
  if (outside.embed)
    r.print("Embeddings", s.llm_analyzer.embeddings_endpoint, service::llm, answers[checklist::embeddings]);
  r.print("Memory store", memory_place(s.memory_writer), service::cosmos, answers[checklist::memory]);
  return r.well() ? 0 : 1;
}

}  // namespace mw
