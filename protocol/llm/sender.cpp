#include "protocol/llm/sender.hpp"

namespace mw::llm {
namespace {

failure cancelled() {
  return fail(dependency::llm, errc::cancelled, "cancelled");
}

}  // namespace

uint64_t sender::new_id() {
  const std::lock_guard lock{mutex_};
  return next_id_++;
}

void sender::send(uint64_t id, http::request r, done_fn done) {
  if (!identity_) return post(id, {std::move(r), std::move(done)}, {});
  {
    const std::lock_guard lock{mutex_};
    in_flight_[id] = 0;
  }
  auto w = std::make_shared<waiting>(waiting{std::move(r), std::move(done)});
  identity_->get(scope_, [self = shared_from_this(), id, w](result<azure::access_token> token) {
    self->take_token(id, std::move(*w), std::move(token));
  });
}

void sender::take_token(uint64_t id, waiting w, result<azure::access_token> token) {
  bool wanted = false;
  {
    const std::lock_guard lock{mutex_};
    wanted = in_flight_.count(id) > 0;
    if (!token) in_flight_.erase(id);
  }
  if (!wanted) return w.done(cancelled(), false);
  if (!token) {
    auto why = token.error();
    why.from = dependency::llm;
    why.detail = "no Entra token for " + scope_ + ": " + why.detail;
    return w.done(std::move(why), false);
  }
  w.what.headers.emplace_back("authorization", "Bearer " + token->value);
  post(id, std::move(w), std::move(token->value));
}

void sender::post(uint64_t id, waiting w, std::string token) {
  {
    // Under the lock until the request's id is known: its answer may come before send() returns.
    const std::lock_guard lock{mutex_};
    if (!closed_) {
      in_flight_[id] = http_.send(std::move(w.what), [self = shared_from_this(), id, token = std::move(token),
                                                      done = std::move(w.done)](result<http::response> got) {
        self->ended(id, token, done, std::move(got));
      });
      return;
    }
    in_flight_.erase(id);
  }
  w.done(cancelled(), false);
}

void sender::ended(uint64_t id, const std::string& token, const done_fn& done, result<http::response> got) {
  {
    const std::lock_guard lock{mutex_};
    in_flight_.erase(id);
  }
  if (!got) got.error().from = dependency::llm;
  const bool refused = got && got->status == 401 && !token.empty();
  if (refused) identity_->refused(scope_, token);
  done(std::move(got), refused);
}

void sender::cancel(uint64_t id) {
  const std::lock_guard lock{mutex_};
  const auto it = in_flight_.find(id);
  if (it == in_flight_.end()) return;
  if (it->second != 0) return http_.cancel(it->second);
  in_flight_.erase(it);
}

void sender::close() {
  const std::lock_guard lock{mutex_};
  closed_ = true;
  for (const auto& [id, request] : in_flight_)
    if (request != 0) http_.cancel(request);
  std::erase_if(in_flight_, [](const auto& one) { return one.second == 0; });
}

}  // namespace mw::llm
