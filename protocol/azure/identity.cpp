#include "protocol/azure/identity.hpp"

#include "protocol/azure/jwt.hpp"

namespace mw::azure {
namespace {

using namespace std::chrono_literals;

constexpr auto between_forced_fetches = 60s;
constexpr milliseconds longest_reserve = 10s;

failure stopping() {
  return fail(errc::cancelled, "the worker is stopping");
}

}  // namespace

identity::identity(io::loop& loop, std::shared_ptr<credential_chain> chain, identity_options options)
    : loop_(loop), chain_(std::move(chain)), options_(std::move(options)), random_(options_.seed) {}

// On the loop's thread the chain cannot go while one of its answers is being handled.
identity::~identity() {
  loop_.post([chain = std::move(chain_)] {});
}

std::optional<access_token> identity::usable(const std::string& scope) const {
  const time now = options_.now();
  const std::lock_guard lock{mutex_};
  const auto at = tokens_.find(scope);
  if (at == tokens_.end() || at->second.usable_until <= now) return std::nullopt;
  const auto& c = at->second;
  const auto left = std::chrono::duration_cast<std::chrono::system_clock::duration>(c.ends - now);
  return access_token{c.token, std::chrono::system_clock::now() + left, c.object_id};
}

void identity::get(const std::string& scope, std::function<void(result<access_token>)> done) {
  if (auto token = usable(scope)) return done(std::move(*token));
  loop_.post([weak = weak_from_this(), scope, done = std::move(done)]() mutable {
    if (const auto self = weak.lock())
      self->wait(scope, std::move(done));
    else
      done(stopping());
  });
}

void identity::close() {
  loop_.post([self = shared_from_this()] {
    self->closed_ = true;
    for (auto& [scope, s] : self->scopes_) {
      if (s.next != 0) self->loop_.cancel(std::exchange(s.next, 0));
      self->answer_all(s, stopping());
    }
    self->chain_.reset();  // with whatever it is asking just now
  });
}

void identity::wait(const std::string& scope, std::function<void(result<access_token>)> done) {
  if (auto token = usable(scope)) return done(std::move(*token));
  if (closed_) return done(stopping());
  auto& s = scopes_[scope];
  const uint64_t id = next_waiter_++;
  const auto limit = loop_.after(options_.wait_limit, [weak = weak_from_this(), scope, id] {
    if (const auto self = weak.lock()) self->give_up_waiting(scope, id);
  });
  s.waiting.emplace(id, waiter{std::move(done), limit});
  if (s.fetching) return;
  const time now = options_.now();
  if (now >= s.not_before) return fetch(scope);
  if (s.next == 0) plan(scope, s.not_before - now);
}

void identity::give_up_waiting(const std::string& scope, uint64_t id) {
  auto& s = scopes_[scope];
  auto node = s.waiting.extract(id);
  if (node.empty()) return;
  node.mapped().done(
      s.last.value_or(fail(errc::timed_out, "no Entra token for " + scope + " within " +
                                                std::to_string(options_.wait_limit.count()) + " ms")));
}

void identity::plan(const std::string& scope, io::clock::duration delay) {
  if (closed_) return;
  auto& s = scopes_[scope];
  if (s.next != 0) loop_.cancel(s.next);
  s.next = loop_.after(delay, [weak = weak_from_this(), scope] {
    if (const auto self = weak.lock()) self->fetch(scope);
  });
}

void identity::fetch(const std::string& scope) {
  auto& s = scopes_[scope];
  if (s.next != 0) loop_.cancel(std::exchange(s.next, 0));
  if (std::exchange(s.fetching, true)) return;
  chain_->fetch(scope, [weak = weak_from_this(), scope](chain_answer a) {
    if (const auto self = weak.lock()) self->take(scope, std::move(a));
  });
}

void identity::take(const std::string& scope, chain_answer a) {
  scopes_[scope].fetching = false;
  const std::string link = a.links.empty() ? std::string{} : a.links.back().link;
  {
    const std::lock_guard lock{mutex_};
    tokens_[scope].links = std::move(a.links);
  }
  if (a.token) return granted(scope, std::move(*a.token), link);
  failure why = a.token.error();
  why.detail = "no Entra token for " + scope + ": " + why.detail;
  failed(scope, why);
}

void identity::granted(const std::string& scope, grant g, const std::string& link) {
  const time now = options_.now();
  access_token token{g.token, std::chrono::system_clock::now() + g.life, jwt_text(g.token, "oid")};
  {
    const std::lock_guard lock{mutex_};
    auto& c = tokens_[scope];
    c.token = std::move(g.token);
    c.object_id = token.object_id;
    c.ends = now + g.life;
    c.usable_until = c.ends - std::min(g.life / 20, longest_reserve);
  }
  auto& s = scopes_[scope];
  s.failures = 0;
  s.last.reset();
  s.not_before = {};
  if (!std::exchange(s.signed_in, true) && options_.signed_in) options_.signed_in(scope, link);
  plan(scope, refresh_delay(g.life, g.refresh_in, random()));
  answer_all(s, token);
}

void identity::failed(const std::string& scope, const failure& why) {
  auto& s = scopes_[scope];
  ++s.failures;
  const time now = options_.now();
  if (const auto old = usable(scope)) {
    const auto left =
        std::chrono::duration_cast<milliseconds>(old->expires - std::chrono::system_clock::now());
    plan(scope, refresh_retry_delay(s.failures, left, why, random()));
    if (s.failures == 1 && options_.refresh_failed) options_.refresh_failed(scope, why);
    return answer_all(s, *old);
  }
  s.last = why;
  s.signed_in = false;
  s.not_before = now + pause_after(s.failures, why, random());
  answer_all(s, why);
}

void identity::answer_all(scope_state& s, const result<access_token>& r) {
  const auto waiting = std::exchange(s.waiting, {});
  for (const auto& [id, w] : waiting) loop_.cancel(w.limit);
  for (const auto& [id, w] : waiting) w.done(r);
}

void identity::refused(const std::string& scope, const std::string& token) {
  const time now = options_.now();
  const std::lock_guard lock{mutex_};
  const auto at = tokens_.find(scope);
  if (at == tokens_.end() || at->second.token != token || token.empty()) return;
  auto& c = at->second;
  if (c.forced && now - *c.forced < between_forced_fetches) return;
  c.forced = now;
  c.usable_until = {};
}

std::vector<link_report> identity::report(const std::string& scope) const {
  const std::lock_guard lock{mutex_};
  const auto at = tokens_.find(scope);
  return at == tokens_.end() ? std::vector<link_report>{} : at->second.links;
}

}  // namespace mw::azure
