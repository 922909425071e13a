#include "protocol/amqp/link_impl.hpp"

#include <proton/event.h>
#include <proton/link.h>
#include <proton/session.h>

#include "protocol/base/deliberate_fault.hpp"

namespace mw::amqp {
namespace {

constexpr std::chrono::seconds longest_close{5};

}  // namespace

receiver_link::impl::impl(io::loop& loop, link_options options, listener l)
    : loop_(loop),
      options_(std::move(options)),
      listener_(std::move(l)),
      name_(options_.container_id + "-receiver"),
      random_(options_.seed),
      locks_(options_.seed, {}) {}

void receiver_link::impl::submit(command c) {
  bool post = false;
  {
    const std::lock_guard lock{command_mutex_};
    commands_.push_back(std::move(c));
    post = !std::exchange(posted_, true);
  }
  if (post) loop_.post([self = shared_from_this()] { self->run_commands(); });
}

void receiver_link::impl::silence() {
  const std::lock_guard lock{callback_mutex_};
  silent_ = true;
}

link_counters receiver_link::impl::counters() const {
  return {counters_.renewed, counters_.renew_requests, counters_.locks_lost,
          counters_.settled, counters_.bytes_in,       counters_.bytes_out};
}

void receiver_link::impl::run_commands() {
  std::vector<command> batch;
  {
    const std::lock_guard lock{command_mutex_};
    batch.swap(commands_);
    posted_ = false;
  }
  for (auto& c : batch) std::visit([this](auto& it) { run(std::move(it)); }, c);
  if (!connection_ || stage_ == stage::closed) return;
  flush_dispositions();
  connection_->pump();
}

void receiver_link::impl::run(start_command) {
  if (stage_ == stage::idle) connect();
}

void receiver_link::impl::run(credit_command c) {
  flow(c.n);
}

void receiver_link::impl::run(drain_command) {
  credit_waiting_ = 0;
  if (stage_ == stage::closed) return;
  if (!receiver_open_) return tell(listener_.drained);
  ++drains_asked_;
  if (drain_deadline_) return;
  drain_deadline_ = io::clock::now() + options_.operation_timeout;
  pn_link_drain(receiver_, 0);
  check_drained();
}

void receiver_link::impl::run(settle_command c) {
  settle(c.sequence_number, std::move(c.what));
}

void receiver_link::impl::run(adopt_command c) {
  const time now = io::clock::now();
  for (const auto& lock : c.locks) {
    if (held_.contains(lock.sequence_number))
      continue;  // redelivered here already: that lock is the good one
    held_.emplace(lock.sequence_number, held{.token = lock.token});
    if (deliberate_fault("adopt-with-old-lock-end"))
      locks_.hold(lock.sequence_number, lock.token, now, now);
    else
      locks_.adopt(lock.sequence_number, lock.token, lock.latest_end, now);
  }
}

void receiver_link::impl::run(give_up_command c) {
  const auto it = held_.find(c.sequence_number);
  if (it != held_.end() && !it->second.settling) forget(c.sequence_number);
}

void receiver_link::impl::run(peek_command c) {
  if (!management_usable() || stage_ == stage::closed)
    return c.done(fail(dependency::bus, errc::connection_lost, "the link is not attached"));
  const auto parts = peek_request(c.from, c.count, name_);
  management_->send(parts.application_properties, parts.body, io::clock::now() + options_.operation_timeout,
                    [done = std::move(c.done)](result<reply> r) {
                      if (!r) return done(r.error());
                      if (r->status / 100 != 2) return done(map_status("peek", r->status, r->error));
                      done(peeked_in(r->body));
                    });
}

void receiver_link::impl::run(stop_command) {
  if (timer_ != 0) loop_.cancel(std::exchange(timer_, 0));
  const bool over = std::exchange(stage_, stage::closed) == stage::closed;
  if (!connection_ || over) return;
  flush_dispositions();
  // Keeps this object until the close is through, or the loop is gone. The last reference must not go while
  // the connection is still on the stack: hence the empty task.
  linger_timer_ = loop_.after(longest_close, [self = shared_from_this()] {});
  connection_->close([this] {
    loop_.post([self = shared_from_this()] {});
    loop_.cancel(linger_timer_);
  });
}

void receiver_link::impl::on_event(pn_event_t* e) {
  pn_link_t* link = pn_event_link(e);
  switch (pn_event_type(e)) {
    case PN_CONNECTION_REMOTE_OPEN:
      return authorise();
    case PN_SESSION_REMOTE_CLOSE:
      return connection_->end(map_condition("session ended by the broker",
                                            words_of(pn_session_remote_condition(pn_event_session(e))),
                                            errc::connection_lost));
    case PN_LINK_REMOTE_CLOSE:
    case PN_LINK_REMOTE_DETACH:
      return on_link_ended(link);
    case PN_LINK_REMOTE_OPEN:
    case PN_LINK_FLOW:
    case PN_DELIVERY:
      break;
    default:
      return;
  }
  if (receiver_ && link == receiver_) {
    if (pn_event_type(e) == PN_DELIVERY) return on_delivery(pn_event_delivery(e));
    if (pn_event_type(e) == PN_LINK_FLOW) return check_drained();
  } else if (cbs_ && cbs_->owns(link)) {
    cbs_->on_event(e);
  } else if (management_ && management_->owns(link)) {
    management_->on_event(e);
  }
  if (pn_event_type(e) == PN_LINK_REMOTE_OPEN) on_attached(link);
}

void receiver_link::impl::on_pumped() {
  const auto bytes = connection_->bytes();
  counters_.bytes_in = bytes.bytes_in;
  counters_.bytes_out = bytes.bytes_out;
  arm();
}

void receiver_link::impl::report_settled(int64_t sequence_number, status s) {
  if (s) ++counters_.settled;
  tell(listener_.settled, sequence_number, std::move(s));
}

void receiver_link::impl::on_ended(failure f) {
  if (end_reason_) f = *end_reason_;
  stage_ = stage::closed;
  if (f.code == errc::unauthorized && options_.token_refused) options_.token_refused();
  if (timer_ != 0) loop_.cancel(std::exchange(timer_, 0));
  const failure unanswered = fail(dependency::bus, errc::connection_lost,
                                  "the connection ended before the broker answered: " + f.detail);
  if (!was_ready_) count(&f, connecting_since_);
  for (auto& [id, s] : std::exchange(settling_, {})) {
    count(&unanswered, s.since);
    report_settled(s.sequence_number, unanswered);
  }
  for (auto& s : std::exchange(settle_when_ready_, {})) report_settled(s.sequence_number, unanswered);
  if (management_) management_->fail_all(unanswered);
  if (cbs_) cbs_->fail_all(unanswered);
  tell(listener_.closed, std::move(f));
}

std::optional<receiver_link::impl::time> receiver_link::impl::next_deadline() {
  std::optional<time> next;
  const auto consider = [&](std::optional<time> t) {
    if (t && (!next || *t < *next)) next = t;
  };
  consider(phase_deadline_);
  consider(repair_at_);
  consider(drain_deadline_);
  if (!settling_deadlines_.empty()) consider(settling_deadlines_.front().first);
  if (cbs_) consider(cbs_->next_deadline());
  if (management_) consider(management_->next_deadline());
  if (lives() && management_usable()) consider(locks_.next_due());
  // One that is due already waits for its `$cbs` link.
  if (stage_ == stage::ready && (!cbs_ || cbs_->attached()))
    for (const auto& g : grants_) consider(g.refresh_at);
  return next;
}

void receiver_link::impl::arm() {
  if (stage_ == stage::closed) return;
  const auto next = next_deadline();
  if (!next) return;
  // An armed timer that is early does no harm: it finds nothing due and arms again.
  if (timer_ != 0 && timer_at_ <= *next) return;
  if (timer_ != 0) loop_.cancel(timer_);
  const time now = io::clock::now();
  timer_at_ = std::max(*next, now);
  timer_ = loop_.after(timer_at_ - now, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self || self->stage_ == stage::closed) return;
    self->timer_ = 0;
    self->on_timer(io::clock::now());
  });
}

void receiver_link::impl::on_timer(time now) {
  if (phase_deadline_ && *phase_deadline_ <= now) {
    phase_deadline_.reset();
    connection_->end(end_reason_.value_or(fail(dependency::bus, errc::timed_out, where() + ": no answer")));
  }
  if (cbs_) cbs_->expire(now);
  if (management_) management_->expire(now);
  expire_settlements(now);
  if (drain_deadline_ && *drain_deadline_ <= now) finish_drain();
  if (repair_at_ && *repair_at_ <= now) repair();
  if (stage_ == stage::ready) refresh_tokens(now);
  if (lives() && management_usable()) renew_due(now);
  flush_dispositions();
  connection_->pump();
}

}  // namespace mw::amqp
