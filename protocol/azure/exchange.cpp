#include "protocol/azure/exchange.hpp"

namespace mw::azure {

struct exchange::call {
  std::function<result<http::request>()> make;
  std::function<void(result<http::response>)> done;
  unsigned attempts = 0;
};

exchange::exchange(const credential_context& context, issuer who)
    : context_(context), who_(who), random_(context.seed) {}

void exchange::run(std::function<result<http::request>()> make,
                   std::function<void(result<http::response>)> done) {
  auto c = std::make_shared<call>();
  c->make = std::move(make);
  c->done = std::move(done);
  attempt(c);
}

void exchange::attempt(const std::shared_ptr<call>& c) {
  auto request = c->make();
  if (!request) return c->done(request.error());
  ++c->attempts;
  request->no_proxy = who_ != issuer::entra;
  request->total_timeout = context_.request_timeout;
  request->connect_timeout = std::min(request->connect_timeout, context_.request_timeout);
  request->max_response_bytes = 1u << 20;
  context_.http.send(std::move(*request), [weak = weak_from_this(), c](result<http::response> r) {
    if (const auto self = weak.lock()) self->take(c, std::move(r));
  });
}

void exchange::take(const std::shared_ptr<call>& c, result<http::response> r) {
  const bool final_failure =
      !r && (r.error().code == errc::cancelled || r.error().code == errc::misconfigured ||
             r.error().code == errc::too_large);
  const auto wait = r ? http::retry_after(*r, std::chrono::system_clock::now()) : milliseconds{0};
  const auto delay =
      final_failure ? std::nullopt
                    : request_retry_delay(who_, c->attempts, r ? r->status : 0, wait, context_.retry_unit,
                                          std::uniform_real_distribution<double>{0, 1}(random_));
  if (!delay) return c->done(std::move(r));
  context_.loop.after(*delay, [weak = weak_from_this(), c] {
    if (const auto self = weak.lock()) self->attempt(c);
  });
}

failure no_answer(const failure& why) {
  const bool kept = why.code == errc::timed_out || why.code == errc::misconfigured;
  return fail(kept ? why.code : errc::unreachable, why.detail);
}

}  // namespace mw::azure
