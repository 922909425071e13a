// bench-floor: the exchanges of the worker for every event, by the bare libraries on one loop: Proton,
// hiredis, libcurl. No actors, no ledger, no errors handled. With --with-work every event's bodies are made
// as the worker makes them (JSON read and written, evidence checked); without it they are made once.
//   bench-floor --bus PORT --redis PORT --http PORT [--jobs N] [--calls N] [--writes N] [--with-work]
// Prints {"listening":0} once its link is attached, runs until SIGTERM.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/die.hpp"
#include "bench/floor_bus.hpp"
#include "bench/floor_http.hpp"
#include "bench/floor_redis.hpp"
#include "bench/material.hpp"
#include "protocol/chat/conversation.hpp"
#include "protocol/redis/own_keys.hpp"

namespace mw::bench {
namespace {

constexpr std::string_view entity = "message-completed/Subscriptions/memory-worker-message-completed";
constexpr const char* lease_token = "0123456789abcdef0123456789abcdef";
constexpr std::string_view day_ms = "86400000";

struct options {
  uint16_t bus = 0;
  uint16_t redis = 0;
  uint16_t http = 0;
  int jobs = 200;
  int calls = 1;
  int writes = 1;
  bool with_work = false;
};

/// One event on its way; kept alive by the callback of what it waits for.
struct event {
  pn_delivery_t* delivery = nullptr;
  size_t number = 0;
  std::string answer_key;
  std::string lease_key;
  std::string message;
  std::string context;
  std::string conversation;
  // With work only:
  std::optional<analysis::loaded_conversation> prepared;
  std::string llm_request;
  std::string commit;
  int reads_open = 2;
  int calls_left = 0;
  int writes_left = 0;
};
using event_ptr = std::shared_ptr<event>;

class floor {
 public:
  explicit floor(const options& o)
      : options_(o),
        redis_(loop_, o.redis),
        http_(loop_, o.jobs + 8),
        context_(http_.add_kind(url("/internal/context"), false, {"accept: application/json"})),
        llm_(http_.add_kind(url("/v1/chat/completions"), true,
                            {"content-type: application/json", "authorization: Bearer bench", "Expect:"})),
        commit_(http_.add_kind(url("/internal/commit"), true,
                               {"accept: application/json", "content-type: application/json", "Expect:"})),
        bus_(loop_, o.bus, std::string{entity}, o.jobs, handler()) {
    const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    const auto e = prepare_event(event_json(0, now), conversation_json(0, now), empty_context());
    llm_request_ = llm_request_of(e);
    commit_body_ = commit_of(e, llm_answer(true));
  }
  void run() { loop_.run(); }

 private:
  std::string url(const char* path) const {
    return fmt::format("http://127.0.0.1:{}{}", options_.http, path);
  }

  floor_bus::handler handler() {
    floor_bus::handler h;
    h.ready = [] {
      std::puts(R"({"listening":0})");
      std::fflush(stdout);
    };
    h.delivery = [this](pn_delivery_t* d, std::string_view message) { begin(d, message); };
    h.settled = [] {};
    return h;
  }

  void begin(pn_delivery_t* d, std::string_view message) {
    auto e = std::make_shared<event>();
    e->delivery = d;
    constexpr std::string_view before = "bench-session-";
    const size_t at = message.rfind(before);
    if (at == std::string_view::npos) die("an event that is not ours");
    const std::string_view digits = message.substr(at + before.size(), 7);
    e->number = std::strtoul(std::string{digits}.c_str(), nullptr, 10);
    if (options_.with_work) e->message = message.substr(message.rfind("{\""));
    e->calls_left = options_.calls;
    e->writes_left = options_.writes;
    const std::string user = user_id(e->number);
    const std::string session = session_id(e->number);
    e->answer_key = std::string{redis::own_prefix} + "answer:" + user + ":" + session;
    http_.send(context_, "?userId=" + user + "&sessionId=" + session, {}, [this, e](std::string&& body) {
      e->context = std::move(body);
      read_done(e);
    });
    e->lease_key = std::string{redis::own_prefix} + "lease:" + user + ":" + session;
    redis_.command({"SET", e->lease_key, lease_token, "NX", "PX", "60000"}, [](std::string_view) {});
    redis_.command({"GET", e->answer_key}, [](std::string_view) {});
    redis_.command({"STRLEN", chat::redis_key(session)}, [this, e](std::string_view) {
      redis_.command({"GET", chat::redis_key(session_id(e->number))}, [this, e](std::string_view text) {
        if (text.empty()) die("a conversation is missing");
        e->conversation = text;
        read_done(e);
      });
    });
  }

  void read_done(const event_ptr& e) {
    if (--e->reads_open > 0) return;
    if (options_.with_work) {
      e->prepared = prepare_event(e->message, e->conversation, e->context);
      e->conversation = {};
      e->llm_request = llm_request_of(*e->prepared);
    }
    call(e);
  }

  const std::string& request_of(const event& e) const {
    return options_.with_work ? e.llm_request : llm_request_;
  }
  const std::string& commit_of_event(const event& e) const {
    return options_.with_work ? e.commit : commit_body_;
  }

  void call(const event_ptr& e) {
    http_.send(llm_, {}, request_of(*e), [this, e](std::string&& answer) {
      if (--e->calls_left > 0) return call(e);
      if (options_.with_work) e->commit = commit_of(*e->prepared, answer);
      redis_.command({"SET", e->answer_key, commit_of_event(*e), "PX", day_ms},
                     [this, e](std::string_view) { write(e); });
    });
  }

  void write(const event_ptr& e) {
    http_.send(commit_, {}, commit_of_event(*e), [this, e](std::string&&) {
      if (--e->writes_left > 0) return write(e);
      redis_.command({"DEL", e->answer_key}, [](std::string_view) {});
      redis_.command({"EVAL", std::string{redis::act_script}, "1", e->lease_key, lease_token, "DEL"},
                     [](std::string_view) {});
      bus_.accept(e->delivery);
    });
  }

  const options options_;
  io::loop loop_;
  floor_redis redis_;
  floor_http http_;
  floor_http::kind& context_;
  floor_http::kind& llm_;
  floor_http::kind& commit_;
  std::string llm_request_;
  std::string commit_body_;
  floor_bus bus_;
};

options parse(const std::vector<std::string>& args) {
  options o;
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--with-work") {
      o.with_work = true;
      continue;
    }
    if (i + 1 == args.size()) die(args[i] + " needs a value");
    const int value = std::atoi(args[i + 1].c_str());
    if (args[i] == "--bus") {
      o.bus = static_cast<uint16_t>(value);
    } else if (args[i] == "--redis") {
      o.redis = static_cast<uint16_t>(value);
    } else if (args[i] == "--http") {
      o.http = static_cast<uint16_t>(value);
    } else if (args[i] == "--jobs") {
      o.jobs = value;
    } else if (args[i] == "--calls") {
      o.calls = value;
    } else if (args[i] == "--writes") {
      o.writes = value;
    } else {
      die("unknown option " + args[i]);
    }
    ++i;
  }
  return o;
}

}  // namespace
}  // namespace mw::bench

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  mw::bench::floor floor{mw::bench::parse({argv + 1, argv + argc})};
  floor.run();
}
