#include <proton/delivery.h>
#include <proton/link.h>

#include "protocol/amqp/delivery_decode.hpp"
#include "protocol/amqp/guid.hpp"
#include "protocol/amqp/link_impl.hpp"

namespace mw::amqp {
namespace {

int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// A part of the lock, so that a renewal without an answer is tried again several times before the lock ends.
std::chrono::milliseconds renewal_timeout(const link_options& o) {
  constexpr int tries = 10;
  constexpr std::chrono::milliseconds shortest{250};
  return std::min(std::max(o.lock_duration / tries, shortest), o.operation_timeout);
}

failure not_held(int64_t sequence_number) {
  return fail(
      dependency::bus, errc::lock_lost,
      "message " + std::to_string(sequence_number) + " is not held: settled already, or its lock was lost");
}

}  // namespace

void receiver_link::impl::on_delivery(pn_delivery_t* d) {
  if (pn_delivery_partial(d) && !pn_delivery_aborted(d)) return;
  message_.resize(pn_delivery_pending(d));
  const ssize_t n = pn_link_recv(receiver_, message_.data(), message_.size());
  message_.resize(n > 0 ? static_cast<size_t>(n) : 0);
  const pn_delivery_tag_t tag = pn_delivery_tag(d);
  auto decoded = decode_delivery(message_, {tag.start, tag.size});
  const bool aborted = pn_delivery_aborted(d);
  pn_link_advance(receiver_);
  pn_delivery_settle(d);  // to Proton it came settled: nothing goes out
  const auto delivery_id = connection_->next_delivery_id();
  if (aborted) {
    flow(1);
    return check_drained();
  }
  if (!delivery_id)
    return connection_->end(
        fail(dependency::bus, errc::internal, "a delivery without an id from the frame tap"));
  if (!decoded) return connection_->end(decoded.error());
  accept_delivery(std::move(*decoded), *delivery_id);
  check_drained();
}

void receiver_link::impl::accept_delivery(decoded_delivery d, uint32_t delivery_id) {
  incoming& m = d.message;
  const time now = loop_.now();
  m.locked_until = lock_end(now, options_.lock_duration, d.locked_until_ms, wall_ms());
  held& h = held_[m.sequence_number];
  if (h.settling) {
    // It came again, so the answer that is still due can only be "lock lost".
    if (h.on_link) settling_.erase(h.delivery_id);
    report_settled(m.sequence_number,
                   fail(dependency::bus, errc::lock_lost,
                        "message " + std::to_string(m.sequence_number) + " was delivered again"));
  }
  h = held{.token = m.token, .delivery_id = delivery_id, .on_link = true};
  locks_.hold(m.sequence_number, m.token, m.locked_until, now);
  tell(listener_.delivery, std::move(m));
}

void receiver_link::impl::settle(int64_t sequence_number, outcome what) {
  if (stage_ == stage::closed) return;
  const auto it = held_.find(sequence_number);
  if (it == held_.end()) return report_settled(sequence_number, not_held(sequence_number));
  held& h = it->second;
  if (h.settling)
    return report_settled(sequence_number,
                          fail(dependency::bus, errc::conflict,
                               "message " + std::to_string(sequence_number) + " is being settled already"));
  if (h.on_link)
    settle_on_link(sequence_number, h, std::move(what));
  else
    settle_by_token(sequence_number, h, std::move(what));
}

void receiver_link::impl::settle_on_link(int64_t sequence_number, held& h, outcome what) {
  h.settling = true;
  const bool joins = run_ && run_->last + 1 == h.delivery_id && run_->what.kind == what.kind &&
                     what.kind != outcome_kind::dead_letter;
  if (joins) {
    run_->last = h.delivery_id;
  } else {
    flush_dispositions();
    run_ = disposition_run{h.delivery_id, h.delivery_id, what};
  }
  const time now = io::clock::now();
  settling_deadlines_.emplace_back(now + options_.operation_timeout, h.delivery_id);
  settling_.insert_or_assign(h.delivery_id, settlement{sequence_number, std::move(what), now});
}

void receiver_link::impl::flush_dispositions() {
  if (!run_) return;
  connection_->dispose(run_->first, run_->last, run_->what);
  run_.reset();
}

void receiver_link::impl::settle_by_token(int64_t sequence_number, held& h, outcome what) {
  const auto parts = disposition_request(h.token, what, name_);
  if (!parts) {
    h.settling = false;
    return tell(listener_.not_released, sequence_number);
  }
  h.settling = true;
  const time now = io::clock::now();
  if (!management_usable()) {
    settle_when_ready_.push_back({sequence_number, std::move(what), now});
    return;
  }
  ++by_token_under_way_;
  management_->send(parts->application_properties, parts->body, now + options_.operation_timeout,
                    [this, sequence_number, token = h.token, now](result<reply> r) {
                      --by_token_under_way_;
                      on_settled_by_token(sequence_number, token, now, std::move(r));
                    });
}

void receiver_link::impl::on_settled_by_token(int64_t sequence_number, const lock_token& token, time since,
                                              result<reply> r) {
  status s = ok;
  if (!r)
    s = r.error();
  else if (r->status / 100 != 2)
    s = map_status("settlement of message " + std::to_string(sequence_number), r->status, r->error);
  count(s, since);
  const auto it = held_.find(sequence_number);
  if (it != held_.end() && it->second.token == token) {
    it->second.settling = false;
    if (s || s.error().code == errc::lock_lost) forget(sequence_number);
    report_settled(sequence_number, std::move(s));
  }  // else it was delivered again meanwhile, and the answer was given then
  if (stage_ == stage::ending) check_ending();
}

void receiver_link::impl::on_disposition(const remote_disposition& d) {
  if (!d.settled || stage_ == stage::closed) return;
  const uint32_t count = d.last - d.first + 1;  // serial numbers: may wrap
  bool unexpected = false;
  if (count == 0 || count > settling_.size() + 1) {
    unexpected = true;
    std::vector<uint32_t> ids;
    for (const auto& [id, s] : settling_)
      if (id - d.first < count) ids.push_back(id);
    for (const uint32_t id : ids) {
      auto node = settling_.extract(id);
      finish_settlement(id, std::move(node.mapped()), d);
    }
  } else {
    for (uint32_t i = 0; i < count; ++i) {
      auto node = settling_.extract(d.first + i);
      if (node.empty())
        unexpected = true;
      else
        finish_settlement(node.key(), std::move(node.mapped()), d);
    }
  }
  if (unexpected) lost_by_broker(d.first, d.last);
  drop_answered_deadlines();
  if (stage_ == stage::ending) check_ending();
}

void receiver_link::impl::finish_settlement(uint32_t delivery_id, settlement s, const remote_disposition& d) {
  status answer = ok;
  if (d.refused)
    answer =
        map_condition("settlement of message " + std::to_string(s.sequence_number), d.error, errc::rejected);
  else if (!confirms(d.outcome, s.what.kind))
    answer = fail(dependency::bus, errc::rejected,
                  "settlement of message " + std::to_string(s.sequence_number) +
                      ": the broker answered with another outcome");
  count(answer, s.since);
  const auto it = held_.find(s.sequence_number);
  if (it != held_.end() && it->second.on_link && it->second.delivery_id == delivery_id) {
    if (answer || answer.error().code == errc::lock_lost) {
      forget(s.sequence_number);
    } else {
      // The broker has settled the delivery, so only the token is left to try again with.
      it->second.settling = false;
      it->second.on_link = false;
    }
  }
  report_settled(s.sequence_number, std::move(answer));
}

void receiver_link::impl::lost_by_broker(uint32_t first, uint32_t last) {
  std::vector<int64_t> lost;
  for (const auto& [sequence_number, h] : held_)
    if (h.on_link && !h.settling && h.delivery_id - first <= last - first) lost.push_back(sequence_number);
  for (const int64_t n : lost) locks_.forget(n);
  report_lost(lost);
}

void receiver_link::impl::drop_answered_deadlines() {
  while (!settling_deadlines_.empty() && !settling_.contains(settling_deadlines_.front().second))
    settling_deadlines_.pop_front();
}

void receiver_link::impl::expire_settlements(time now) {
  for (drop_answered_deadlines(); !settling_deadlines_.empty(); drop_answered_deadlines()) {
    const auto [deadline, id] = settling_deadlines_.front();
    if (deadline > now) return;
    settling_deadlines_.pop_front();
    const auto it = settling_.find(id);
    const int64_t sequence_number = it->second.sequence_number;
    const time since = it->second.since;
    settling_.erase(it);
    const auto h = held_.find(sequence_number);
    if (h != held_.end() && h->second.delivery_id == id) {
      h->second.settling = false;
      h->second.on_link = false;
    }
    status late =
        fail(dependency::bus, errc::timed_out,
             "the broker did not answer the settlement of message " + std::to_string(sequence_number));
    count(late, since);
    report_settled(sequence_number, std::move(late));
  }
}

void receiver_link::impl::settle_rest_by_token() {
  run_.reset();
  settling_deadlines_.clear();
  for (auto& [id, s] : std::exchange(settling_, {})) {
    const auto it = held_.find(s.sequence_number);
    if (it == held_.end()) continue;
    it->second.on_link = false;
    settle_by_token(s.sequence_number, it->second, std::move(s.what));
  }
}

void receiver_link::impl::flow(uint32_t credit) {
  if (credit == 0) return;
  if (stage_ != stage::ready || drain_deadline_) {
    credit_waiting_ += credit;
    return;
  }
  pn_link_flow(receiver_, static_cast<int>(credit));
}

void receiver_link::impl::check_drained() {
  if (drain_deadline_ && pn_link_credit(receiver_) == 0) finish_drain();
}

void receiver_link::impl::finish_drain() {
  drain_deadline_.reset();
  if (receiver_) pn_link_set_drain(receiver_, false);
  for (; drains_asked_ > 0; --drains_asked_) tell(listener_.drained);
  if (credit_waiting_ > 0) flow(static_cast<uint32_t>(std::exchange(credit_waiting_, 0)));
}

void receiver_link::impl::renew_due(time now) {
  while (auto batch = locks_.take_due(now)) {
    ++counters_.renew_requests;
    const auto parts = renew_lock_request(batch->tokens, name_);
    management_->send(
        parts.application_properties, parts.body, now + renewal_timeout(options_),
        [this, id = batch->id, tokens = batch->tokens.size(), now](result<reply> r) {
          on_renewed(id, tokens, now, std::move(r));
        },
        true);
  }
}

void receiver_link::impl::on_renewed(uint64_t batch, size_t tokens, time sent, result<reply> r) {
  if (stage_ == stage::closed) return;
  const time now = io::clock::now();
  if (r && r->status / 100 == 2) {
    count(nullptr, sent);
    const int64_t wall =
        wall_ms() - std::chrono::duration_cast<std::chrono::milliseconds>(now - sent).count();
    auto until_ms = renewed_until(r->body).value_or(std::vector<int64_t>{});
    until_ms.resize(tokens, 0);
    std::vector<time> until;
    until.reserve(tokens);
    for (const int64_t ms : until_ms) until.push_back(lock_end(sent, options_.lock_duration, ms, wall));
    locks_.renewed(batch, until, now);
    counters_.renewed += tokens;
    return;
  }
  const failure f = r ? map_status("renewal of locks", r->status, r->error) : r.error();
  count(&f, sent);
  if (f.code == errc::lock_lost) return report_lost(locks_.refused(batch, now));
  if (f.code == errc::unauthorized)
    for (auto& g : grants_)
      if (!g.asked) g.refresh_at = now;
  const std::chrono::seconds pause{f.code == errc::throttled ? 4 : 0};
  if (r) return locks_.failed(batch, now, pause);
  locks_.unanswered(batch, now, pause);
}

void receiver_link::impl::report_lost(const std::vector<int64_t>& sequence_numbers) {
  for (const int64_t n : sequence_numbers) {
    const auto it = held_.find(n);
    // One that is being settled hears it from the answer to that.
    if (it == held_.end() || it->second.settling) continue;
    held_.erase(it);
    ++counters_.locks_lost;
    tell(listener_.lock_lost, n);
  }
}

void receiver_link::impl::forget(int64_t sequence_number) {
  held_.erase(sequence_number);
  locks_.forget(sequence_number);
}

}  // namespace mw::amqp
