// `memory-worker health`: asks the worker of this machine or container whether it lives, for HEALTHCHECK and
// the like.
#include <fmt/format.h>

#include <cstdio>
#include <future>

#include "cmd/memory-worker/commands.hpp"
#include "protocol/http/client.hpp"

namespace mw {

int ask_health(const config::loaded& c) {
  using namespace std::chrono_literals;
  const auto& admin = c.values.admin;
  const bool any = admin.bind == "0.0.0.0" || admin.bind == "::";
  http::request ask;
  const bool v6 = !any && admin.bind.find(':') != std::string::npos;
  ask.url = fmt::format("http://{}:{}/health/live",
                        any ? "127.0.0.1" : (v6 ? "[" + admin.bind + "]" : admin.bind), admin.port);
  ask.no_proxy = true;
  ask.connect_timeout = 2s;
  ask.total_timeout = 4s;
  io::loop_thread loop;
  std::promise<result<http::response>> answer;
  http::client client{loop.get(), {}};
  client.send(ask, [&answer](result<http::response> r) { answer.set_value(std::move(r)); });
  const auto got = answer.get_future().get();
  if (got && got->status == 200) return 0;
  fmt::print(stderr, "memory-worker: {}: {}\n", ask.url,
             got ? fmt::format("HTTP status {}", got->status) : got.error().detail);
  return 1;
}

}  // namespace mw
