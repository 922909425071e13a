#include "actors/receiver.hpp"

#include <algorithm>

#include "actors/counting.hpp"
#include "actors/guard.hpp"
#include "actors/lock_words.hpp"
#include "actors/tell.hpp"
#include "actors/tracing.hpp"
#include "protocol/chat/event.hpp"

namespace mw {
namespace {

amqp::outcome outcome_of(const flow::settlement& s) {
  amqp::outcome o;
  switch (s.what) {
    case action::dead_letter:
      o.kind = amqp::outcome_kind::dead_letter;
      break;
    case action::abandon:
      o.kind = amqp::outcome_kind::abandon;
      break;
    case action::complete:
      o.kind = amqp::outcome_kind::complete;
      break;
    default:
      o.kind = amqp::outcome_kind::release;
      break;
  }
  o.reason = s.reason;
  o.description = s.description;
  return o;
}

link_event event_of(link_event::what kind, int64_t sequence_number = 0) {
  link_event e;
  e.kind = kind;
  e.sequence_number = sequence_number;
  return e;
}

const failure lost_lock = fail(dependency::bus, errc::lock_lost, "the lock was lost");
/// What the supervisor is told: a refusal is tried again slowly, a busy bus after some seconds.
errc reported_as(errc closed) {
  const auto c = classify(closed);
  const bool named = c == error_class::throttled || (c == error_class::fatal && closed != errc::internal);
  return named ? closed : errc::connection_lost;
}

/// The sender's trace context, if it is one, and no more than that: it is kept as long as the window.
std::string_view trace_of(const amqp::incoming& in) {
  for (const std::string_view text : {std::string_view{in.traceparent}, std::string_view{in.diagnostic_id}})
    if (observe::parse_traceparent(text)) return text.substr(0, observe::traceparent_length);
  return {};
}

int64_t epoch_ms(wall_time t) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count();
}

}  // namespace

receiver_actor::behavior_type receiver(receiver_actor::stateful_pointer<receiver_state> self,
                                       std::shared_ptr<services> s) {
  self->state.init(self, std::move(s));
  return self->state.behavior();
}

void receiver_state::init(receiver_actor::pointer self, std::shared_ptr<services> s) {
  self_ = self;
  services_ = std::move(s);
  self_->set_default_handler(caf::drop);
  const caf::actor_addr weak = self_->address();
  const auto tell = [weak](link_event e) { mw::tell<receiver_actor>(weak, std::move(e)); };
  using what = link_event::what;
  amqp::listener l;
  l.ready = [tell] { tell(event_of(what::ready)); };
  l.back = [tell] { tell(event_of(what::back)); };
  l.away = [tell](failure why, std::chrono::milliseconds pause) {
    auto e = event_of(what::away);
    e.error = std::move(why);
    e.pause = pause;
    tell(std::move(e));
  };
  l.delivery = [tell](amqp::incoming in) {
    auto e = event_of(what::delivered, in.sequence_number);
    e.received = std::make_shared<amqp::incoming>(std::move(in));
    tell(std::move(e));
  };
  l.settled = [tell](int64_t sequence, const status& how) {
    auto e = event_of(what::settled, sequence);
    e.failed = !how;
    if (!how) e.error = how.error();
    tell(std::move(e));
  };
  l.not_released = [tell](int64_t sequence) { tell(event_of(what::not_released, sequence)); };
  l.lock_lost = [tell](int64_t sequence) { tell(event_of(what::lock_lost, sequence)); };
  l.drained = [tell] { tell(event_of(what::drained)); };
  l.closed = [tell](failure why) {
    auto e = event_of(what::closed);
    e.failed = true;
    e.error = std::move(why);
    tell(std::move(e));
  };
  link_ = services_->outside.make_bus(std::move(l));
  link_->start();
  count_link();
}

receiver_actor::behavior_type receiver_state::behavior() {
  return {
      [this](const routes& r) { guarded(self_, 0, [&] { take_routes(r); }); },
      [this](const settle& s) { guarded(self_, 0, [&] { settle_all(s); }); },
      [this](const intake& i) {
        guarded(self_, 0, [&] {
          if (!i.open) return drain_link(true);
          if (i.credit > 0) link_->add_credit(i.credit);
        });
      },
      [this](const adopt& a) { guarded(self_, 0, [&] { adopt_all(a); }); },
      [this](const link_event& e) { guarded(self_, 0, [&] { take_link(e); }); },
      [this](tick_message) { guarded(self_, 0, [&] { count_link(); }); },
  };
}

void receiver_state::take_routes(const routes& r) {
  const bool new_dispatcher = r.dispatcher && r.dispatcher != routes_.dispatcher;
  const bool lost_dispatcher = routes_.dispatcher && r.dispatcher != routes_.dispatcher;
  routes_ = r;
  if (lost_dispatcher) forget_grants();
  if (!new_dispatcher) return;
  const auto dispatcher = handle_of<dispatcher_actor>(routes_.dispatcher);
  for (const auto& [sequence, d] : unsettled_)
    if (!pending_settlements_.contains(sequence)) self_->send(dispatcher, d);
  if (drains_.empty()) {
    tell_closed();
  } else {
    drains_.back() = true;
  }
  if (ready_) self_->send(dispatcher, link_up{});
}

void receiver_state::tell_closed() {
  if (const auto dispatcher = handle_of<dispatcher_actor>(routes_.dispatcher))
    self_->send(dispatcher, intake_closed{});
}

// A dispatcher's successor grants from zero, and knows nothing of what an earlier connection received: those
// locks are left to lapse, so that the deliveries come again.
void receiver_state::forget_grants() {
  std::fill(drains_.begin(), drains_.end(), false);
  if (ready_) drain_link(false);
  for (const int64_t sequence : adopted_)
    if (!pending_settlements_.contains(sequence)) link_->give_up(sequence);
  adopted_.clear();
}

void receiver_state::take_link(const link_event& e) {
  const auto dispatcher = handle_of<dispatcher_actor>(routes_.dispatcher);
  switch (e.kind) {
    case link_event::what::ready:
      ready_ = true;
      services_->status.set("bus", observe::state::ok, "link attached");
      observe::log(log_level::info, "link-attached")
          .field("subscription", services_->settings->receiver.subscription);
      if (dispatcher) self_->send(dispatcher, link_up{});
      return;
    case link_event::what::away:
      return take_away(e);
    case link_event::what::back:
      services_->status.set("bus", observe::state::ok, "link attached");
      observe::log(log_level::info, "link-attached-again");
      return;
    case link_event::what::delivered:
      return take_delivered(*e.received);
    case link_event::what::settle_again:
      if (pending_settlements_.contains(e.sequence_number)) settle_by_token(e.sequence_number);
      return;
    case link_event::what::settled:
      return take_settled(e);
    case link_event::what::not_released:
      pending_settlements_.erase(e.sequence_number);
      second_try_.erase(e.sequence_number);
      if (dispatcher) self_->send(dispatcher, not_released{e.sequence_number});
      return;
    case link_event::what::lock_lost:
      services_->metrics.locks_lost.Increment();
      if (const auto told = pending_settlements_.find(e.sequence_number); told != pending_settlements_.end())
        trace_settled(*services_, e.sequence_number, to_string(told->second.what), &lost_lock,
                      self_->clock().now());
      unsettled_.erase(e.sequence_number);
      adopted_.erase(e.sequence_number);
      if (dispatcher) self_->send(dispatcher, lock_lost{e.sequence_number});
      return;
    case link_event::what::drained:
      return take_drained();
    case link_event::what::closed:
      services_->status.set("bus", observe::state::down, to_string(e.error));
      return self_->quit(down_reason(reported_as(e.error.code), 0, to_string(e.error)));
  }
}

// A pause of a second or more means trouble that people should see; less is a link that moved.
void receiver_state::take_away(const link_event& e) {
  const bool trouble = e.pause >= std::chrono::seconds{1};
  services_->metrics.links_lost.Increment();
  if (trouble) services_->status.set("bus", observe::state::down, to_string(e.error));
  observe::log(trouble ? log_level::error : log_level::info, "link-lost")
      .field("detail", to_string(e.error))
      .field("again_in_ms", e.pause.count());
}

void receiver_state::take_delivered(const amqp::incoming& in) {
  delivery d;
  d.sequence_number = in.sequence_number;
  d.delivery_count = in.delivery_count;
  d.enqueued_ms = in.enqueued_ms;
  std::tie(d.token_high, d.token_low) = words_of(in.token);
  auto event = in.body_readable
                   ? chat::parse_event(in.body, services_->zone)
                   : result<chat::completed_event>{
                         fail(errc::invalid_event, "the body is neither a data section nor a string")};
  if (event) {
    d.ids = event_ids{event->user_id, event->session_id, event->chat_message_id, trace_of(in)};
    if (event->completed_at) {
      d.completed_at_ms = epoch_ms(*event->completed_at);
      d.since_completed_ms = std::max<int64_t>(0, epoch_ms(services_->wall_clock()) - d.completed_at_ms);
    }
  } else {
    d.unreadable = event.error().detail;
    observe::log(log_level::warning, "event-unreadable")
        .field("message", in.message_id)
        .field("detail", event.error().detail);
  }
  services_->metrics.deliveries_received.at(in.delivery_count > 0 ? "redelivered" : "first").Increment();
  trace_received(*services_, d, in, self_->clock().now());
  const auto held = unsettled_.find(d.sequence_number);
  if (held != unsettled_.end() && !same_event(held->second.ids, d.ids)) forget(d.sequence_number);
  unsettled_.insert_or_assign(d.sequence_number, d);
  if (const auto dispatcher = handle_of<dispatcher_actor>(routes_.dispatcher))
    self_->send(dispatcher, std::move(d));
}

// A bus that was made anew counts from the start again: what had this number is gone with the old one.
void receiver_state::forget(int64_t sequence_number) {
  pending_settlements_.erase(sequence_number);
  second_try_.erase(sequence_number);
  adopted_.erase(sequence_number);
  std::erase(released_, sequence_number);
}

void receiver_state::settle_all(const settle& s) {
  for (const auto& one : s.settlements) {
    if (!pending_settlements_.insert_or_assign(one.sequence_number, one).second)
      continue;  // its answer is on the way
    const auto outcome = outcome_of(one);
    if (outcome.kind == amqp::outcome_kind::release && !drains_.empty()) {
      released_.push_back(one.sequence_number);
    } else {
      link_->settle(one.sequence_number, outcome);
    }
  }
}

// While credit is left the broker would hand what is given back straight to us again.
void receiver_state::drain_link(bool asked) {
  drains_.push_back(asked);
  link_->drain();
}

void receiver_state::take_drained() {
  const bool asked = drains_.front();
  drains_.pop_front();
  if (asked) tell_closed();
  if (!drains_.empty()) return;
  for (const int64_t sequence : std::exchange(released_, {}))
    if (const auto told = pending_settlements_.find(sequence); told != pending_settlements_.end())
      link_->settle(sequence, outcome_of(told->second));
}

void receiver_state::take_settled(const link_event& e) {
  const auto told = pending_settlements_.find(e.sequence_number);
  if (told == pending_settlements_.end()) return;
  const bool lost = e.failed && e.error.code == errc::lock_lost;
  if (e.failed && !lost && try_again(e)) return;
  if (e.failed) {
    observe::log(log_level::warning, "settlement-refused")
        .field("sequence", e.sequence_number)
        .field("outcome", to_string(told->second.what))
        .field("detail", to_string(e.error));
  }
  count_settled(services_->metrics, told->second, e.failed);
  trace_settled(*services_, e.sequence_number, to_string(told->second.what), e.failed ? &e.error : nullptr,
                self_->clock().now());
  pending_settlements_.erase(told);
  second_try_.erase(e.sequence_number);
  unsettled_.erase(e.sequence_number);
  adopted_.erase(e.sequence_number);
  const auto dispatcher = handle_of<dispatcher_actor>(routes_.dispatcher);
  if (e.failed && !lost) {
    link_->give_up(e.sequence_number);
    if (dispatcher) self_->send(dispatcher, settlement_failed{e.sequence_number});
  } else if (dispatcher) {
    self_->send(dispatcher, settled{{e.sequence_number}});
  }
}

// Once, by lock token: at once, or after some seconds where the bus asked for them.
bool receiver_state::try_again(const link_event& e) {
  if (!unsettled_.contains(e.sequence_number) || !second_try_.insert(e.sequence_number).second) return false;
  constexpr std::chrono::seconds busy_pause{4};
  if (e.error.code == errc::throttled) {
    self_->delayed_send(self_, busy_pause, event_of(link_event::what::settle_again, e.sequence_number));
  } else {
    settle_by_token(e.sequence_number);
  }
  return true;
}

void receiver_state::settle_by_token(int64_t sequence_number) {
  const auto held = unsettled_.find(sequence_number);
  if (held != unsettled_.end())
    link_->adopt({{sequence_number, token_of(held->second.token_high, held->second.token_low)}});
  link_->settle(sequence_number, outcome_of(pending_settlements_.at(sequence_number)));
}

void receiver_state::adopt_all(const adopt& a) {
  std::vector<amqp::held_lock> locks;
  locks.reserve(a.sequence_numbers.size());
  for (size_t i = 0; i < a.sequence_numbers.size(); ++i) {
    if (unsettled_.contains(a.sequence_numbers[i])) continue;
    adopted_.insert(a.sequence_numbers[i]);
    locks.push_back({a.sequence_numbers[i], token_of(a.token_high.at(i), a.token_low.at(i)),
                     flow::time_point{std::chrono::nanoseconds{a.latest_end_ns.at(i)}}});
  }
  if (!locks.empty()) link_->adopt(std::move(locks));
}

void receiver_state::count_link() {
  const uint64_t renewed = link_->counters().renewed;
  services_->metrics.lock_renewals.Increment(static_cast<double>(renewed - renewals_counted_));
  renewals_counted_ = renewed;
  self_->delayed_send(self_, std::chrono::seconds{5}, tick_message::value);
}

}  // namespace mw
