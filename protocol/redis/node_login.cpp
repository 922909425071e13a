// How a node logs in: at the start, before its token expires, and once more where the server forgot it.
#include <fmt/format.h>

#include <algorithm>

#include "protocol/redis/node.hpp"

namespace mw::redis {
namespace {

using namespace std::chrono_literals;
using system_clock = std::chrono::system_clock;

constexpr auto shortest_renewal_wait = 100ms;
constexpr auto longest_renewal_wait = 30'000ms;

/// When to ask for a newer token: at half of a new token's life, then often; the source refreshes by itself.
std::chrono::milliseconds next_renewal(const azure::access_token& t, bool is_new) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(t.expires - system_clock::now());
  if (is_new) return std::max<std::chrono::milliseconds>(left / 2, shortest_renewal_wait);
  return std::clamp<std::chrono::milliseconds>(left / 4, shortest_renewal_wait, longest_renewal_wait);
}

}  // namespace

failure node::token_trouble(const failure& why) const {
  failure f = fail(dependency::redis, why.code,
                   fmt::format("{}: no Entra token for {}: {}", where_, entra_scope, why.detail));
  f.retry_after = why.retry_after;
  return f;
}

/// The source may answer at once, or later, from another thread, when this node is gone.
void node::with_token(std::function<void(result<azure::access_token>)> use) {
  options_.tokens->get(std::string{entra_scope},
                       [weak = weak_from_this(), use = std::move(use)](result<azure::access_token> t) {
                         const auto self = weak.lock();
                         if (!self) return;
                         if (!self->loop_.on_loop_thread()) {
                           self->loop_.post([self, use, t = std::move(t)] {
                             if (!self->over_) use(t);
                           });
                         } else if (!self->over_) {
                           use(std::move(t));
                         }
                       });
}

void node::log_in() {
  if (!options_.tokens) return say_hello(std::nullopt);
  with_token([this](const result<azure::access_token>& t) {
    if (!t) return end(token_trouble(t.error()), true);
    if (t->object_id.empty() && options_.username.empty())
      return end(fail(dependency::redis, errc::misconfigured,
                      where_ + ": the Entra token names no object id (oid): set REDIS_USERNAME to it"),
                 true);
    say_hello(*t);
  });
}

void node::say_hello(const std::optional<azure::access_token>& token) {
  const auto never = io::clock::time_point::max();  // connect_timeout bounds the hello
  // Its failure is reported with INFO's reply, which follows.
  const auto note = [this](const result<reply>& r) {
    if (!r) login_failed_ = r.error();
  };
  if (token) {
    token_ = *token;
    token_is_new_ = true;
    const auto& user = options_.username.empty() ? token_.object_id : options_.username;
    write_own({"AUTH", user, token_.value}, never, note);
  } else if (!options_.password.empty() && options_.username.empty()) {
    write_own({"AUTH", options_.password}, never, note);
  } else if (!options_.password.empty()) {
    write_own({"AUTH", options_.username, options_.password}, never, note);
  }
  write_own({"INFO", "server"}, never, [this](result<reply> r) { hello_answered(std::move(r)); });
}

failure node::refused_login(failure why) {
  if (why.code == errc::rejected || why.code == errc::forbidden) why.code = errc::unauthorized;
  if (options_.tokens && why.code == errc::unauthorized) {
    options_.tokens->refused(std::string{entra_scope}, token_.value);
    why = fail(
        dependency::redis, errc::unauthorized,
        fmt::format("{}: Redis refuses the Entra token of object id {}: give this identity an access policy "
                    "assignment on the cache",
                    where_, options_.username.empty() ? token_.object_id : options_.username));
  }
  return why;
}

void node::hello_answered(result<reply> info) {
  if (over_) return;  // the hello's pending entries end with the connection
  if (login_failed_) return end(refused_login(*login_failed_), true);
  // A user without the right to INFO, or a server that knows no INFO, has no run id but works.
  if (!info && info.error().code != errc::forbidden && info.error().code != errc::rejected)
    return end(info.error(), true);
  loop_.cancel(connect_timer_);
  connect_timer_ = 0;
  ready_ = true;
  tell_of_connection(nullptr);
  if (options_.tokens) plan_renewal();
  owner_.node_ready(*this, info ? info->text : std::string{});
  if (!over_) send_early();
}

void node::plan_renewal() {
  if (renewal_timer_ != 0) loop_.cancel(renewal_timer_);
  renewal_timer_ = loop_.after(next_renewal(token_, token_is_new_), [this] {
    renewal_timer_ = 0;
    renew_login();
  });
  token_is_new_ = false;
}

void node::renew_login() {
  with_token([this](const result<azure::access_token>& t) {
    // The token in use works until it expires, and a failing source is asked again until then.
    if (!t || t->value == token_.value) return plan_renewal();
    send_auth(*t, [this] { plan_renewal(); });
  });
}

/// In the middle of the pipeline: what is before it runs under the old token, what is behind under the new.
void node::send_auth(const azure::access_token& token, std::function<void()> accepted) {
  token_ = token;
  token_is_new_ = true;
  const auto& user = options_.username.empty() ? token_.object_id : options_.username;
  write_own({"AUTH", user, token_.value}, io::clock::now() + options_.command_timeout,
            [this, accepted = std::move(accepted)](const result<reply>& r) {
              if (over_) return;
              if (!r) return end(refused_login(r.error()), false);
              accepted();
            });
}

bool node::may_log_in_again() const {
  return options_.tokens != nullptr || !options_.password.empty();
}

void node::log_in_again(misdirected command) {
  after_login_.push_back(std::move(command));
  if (logging_in_again_) return;
  logging_in_again_ = true;
  if (options_.tokens) {
    options_.tokens->refused(std::string{entra_scope}, token_.value);
    return with_token([this](const result<azure::access_token>& t) {
      if (!t) return end(token_trouble(t.error()), false);
      send_auth(*t, [this] { logged_in_again(); });
    });
  }
  std::vector<std::string> auth{"AUTH", options_.password};
  if (!options_.username.empty()) auth.insert(auth.begin() + 1, options_.username);
  write_own(auth, io::clock::now() + options_.command_timeout, [this](const result<reply>& r) {
    if (over_) return;
    if (!r) return end(refused_login(r.error()), false);
    logged_in_again();
  });
}

void node::logged_in_again() {
  logging_in_again_ = false;
  if (options_.tokens && renewal_timer_ == 0) plan_renewal();
  for (auto& c : std::exchange(after_login_, {})) {
    std::vector<queued> one;
    one.push_back({std::move(c.done), c.bytes.size(), c.redirects});
    send(c.bytes, std::move(one));
  }
}

}  // namespace mw::redis
