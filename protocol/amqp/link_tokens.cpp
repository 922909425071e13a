// Tokens of the two audiences: put, refreshed on the live link, asked again where refused.
#include "protocol/amqp/link_impl.hpp"
#include "protocol/base/iso_time.hpp"

namespace mw::amqp {
namespace {

using namespace std::chrono_literals;

constexpr auto shortest_wait = 250ms;
constexpr auto longest_retry = 10s;

}  // namespace

void receiver_link::impl::ask_token(size_t grant_index) {
  grant& g = grants_[grant_index];
  g.asked = true;
  g.refresh_at.reset();
  options_.token_for(g.audience, [weak = weak_from_this(), grant_index](result<link_options::token> token) {
    const auto caller = weak.lock();
    if (!caller) return;
    caller->loop_.post([weak, grant_index, token = std::move(token)]() mutable {
      const auto self = weak.lock();
      if (!self || self->stage_ == stage::closed) return;
      self->on_token(grant_index, std::move(token));
      self->connection_->pump();
    });
  });
}

void receiver_link::impl::on_token(size_t grant_index, result<link_options::token> token) {
  if (!token) return token_trouble(grant_index, token.error(), reaction_to(token.error().code));
  grant& g = grants_[grant_index];
  if (!cbs_) {  // its link was closed by the broker while we waited: with a new one
    g.asked = false;
    g.refresh_at = io::clock::now();
    return proceed();
  }
  const auto parts = put_token_request(*token, g.audience);
  g.sent_at = io::clock::now();
  g.sent_expires = io::clock::now() + std::chrono::duration_cast<io::clock::duration>(
                                          token->expires - std::chrono::system_clock::now());
  cbs_->send(parts.application_properties, parts.body, io::clock::now() + options_.operation_timeout,
             [this, grant_index](result<reply> r) { on_grant(grant_index, std::move(r)); });
}

void receiver_link::impl::on_grant(size_t grant_index, result<reply> r) {
  if (stage_ == stage::closed) return;
  grant& g = grants_[grant_index];
  const time expires = std::exchange(g.sent_expires, {});
  if (!r) {
    count(&r.error(), g.sent_at);
    return token_trouble(grant_index, r.error(), reaction_to(r.error().code));
  }
  if (r->status / 100 != 2) {
    failure f = map_status("token for " + g.audience, r->status, r->error);
    count(&f, g.sent_at);
    if (f.code == errc::unauthorized && options_.token_refused && !std::exchange(g.refused, true)) {
      options_.token_refused();
      return ask_token(grant_index);
    }
    if (f.code == errc::unauthorized)  // which may be what is wrong
      f.detail +=
          " (this machine's clock says " +
          format_iso_time(std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now())) +
          ")";
    const auto what = reaction_to(f.code);
    return token_trouble(grant_index, std::move(f), what);
  }
  const time now = io::clock::now();
  count(nullptr, g.sent_at);
  g.asked = g.refused = false;
  g.granted = true;
  g.expires = expires;
  // A signature that is past its end by our clock may be good by the broker's.
  const auto left = expires - now;
  g.refresh_at = now + (left > 0s ? std::max<io::clock::duration>(left / 2, shortest_wait) : 1s);
  proceed();
}

void receiver_link::impl::token_trouble(size_t grant_index, failure f, reaction r) {
  if (stage_ == stage::closed || stage_ == stage::ending) return;
  grant& g = grants_[grant_index];
  g.asked = g.refused = false;
  if (stage_ != stage::ready)
    return was_ready_ ? interrupted(std::move(f), r) : connection_->end(std::move(f));
  // The old token is good for a while yet; when it ends at last, the broker detaches the link and says so.
  const time now = io::clock::now();
  g.refresh_at = now + std::clamp<io::clock::duration>((g.expires - now) / 4, shortest_wait, longest_retry);
}

void receiver_link::impl::refresh_tokens(time now) {
  for (size_t i = 0; i < grants_.size(); ++i) {
    if (grants_[i].asked || !grants_[i].refresh_at || *grants_[i].refresh_at > now) continue;
    if (!cbs_) {
      open_cbs();
      phase_deadline_ = now + options_.operation_timeout;
    }
    if (cbs_->attached()) ask_token(i);
  }
}

}  // namespace mw::amqp
