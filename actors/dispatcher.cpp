#include "actors/dispatcher.hpp"

#include "actors/guard.hpp"
#include "actors/lock_words.hpp"

namespace mw {
namespace {

using std::chrono::milliseconds;

flow::dispatch_options options_of(const config::settings& s) {
  flow::dispatch_options o;
  o.windows = {s.dispatcher.quiet, s.dispatcher.max_age, s.dispatcher.max_events};
  o.windows.max_tokens = s.dispatcher.max_tokens;
  o.turns = {s.dispatcher.max_jobs, s.dispatcher.user_share, s.dispatcher.jobs_per_user,
             s.dispatcher.jobs_per_user};
  o.breaker.failures = s.llm_analyzer.breaker_failures;
  o.breaker.probe_interval = s.llm_analyzer.probe_interval;
  o.window_room = s.receiver.window_room;
  o.max_failures = s.dispatcher.attempts;
  o.max_delivery_count = s.receiver.max_delivery_count;
  o.hold_limit = s.dispatcher.hold_limit;
  o.missing_limit = s.session_loader.missing_retry;
  o.job_deadline = s.dispatcher.job_deadline;
  return o;
}

flow::lock lock_of(const delivery& d) {
  return {token_of(d.token_high, d.token_low)};
}

}  // namespace

dispatcher_actor::behavior_type dispatcher(dispatcher_actor::stateful_pointer<dispatcher_state> self,
                                           std::shared_ptr<services> s) {
  self->state.init(self, std::move(s));
  return self->state.behavior();
}

void dispatcher_state::init(dispatcher_actor::pointer self, std::shared_ptr<services> s) {
  self_ = self;
  services_ = std::move(s);
  settings_ = services_->settings.get();
  auto options = options_of(*settings_);
  options.first_job = (static_cast<uint64_t>(self_->id()) << 32) + 1;
  core_ = std::make_unique<flow::dispatch>(options, *this, services_->seed);
  core_->receiver_lost();  // until the routes name one
  services_->bytes.give_back_all();
  services_->calls.forget_all();
  if (services_->traces != nullptr) services_->traces->ledger_restarted();
  self_->set_default_handler(caf::drop);
  arm_tick();
}

flow::time_point dispatcher_state::now() const {
  return self_->clock().now();
}

template <class F>
void dispatcher_state::handle(F&& f) {
  guarded(self_, 0, [&] {
    f();
    flush_outbox();
    arm_tick();
  });
}

dispatcher_actor::behavior_type dispatcher_state::behavior() {
  return {
      [this](const routes& r) { handle([&] { take_routes(r); }); },
      [this](const delivery& d) { handle([&] { take_delivery(d); }); },
      [this](const settled& s) {
        handle([&] {
          for (const int64_t n : s.sequence_numbers) core_->settled(n);
        });
      },
      [this](const lock_lost& l) { handle([&] { core_->lock_lost(l.sequence_number); }); },
      [this](const settlement_failed& f) { handle([&] { core_->settlement_failed(f.sequence_number); }); },
      [this](const not_released& n) { handle([&] { core_->not_released(n.sequence_number, now()); }); },
      [this](const link_up&) { handle([&] { after_link_up(); }); },
      [this](const intake_closed&) { handle([&] { core_->intake_closed(); }); },
      [this](const demand& d) { handle([&] { core_->loader_demand(d.items, now()); }); },
      [this](const entered& e) { handle([&] { core_->entered(e.id, e.attempt, e.at, now()); }); },
      [this](const job_done& d) { handle([&] { take_job_done(d); }); },
      [this](const failure_counted& f) { handle([&] { core_->failures_counted(f.job, f.failures); }); },
      [this](const stage_down& s) { handle([&] { core_->stage_lost(s.at, s.culprit, s.away, now()); }); },
      [this](const probed& p) { handle([&] { core_->probed(p.about, p.well, now()); }); },
      [this](const flush_windows& f) { handle([&] { core_->flush(f.user, f.session, now()); }); },
      [this](settings_changed) {
        handle([&] {
          settings_ = services_->settings.get();
          core_->set_options(options_of(*settings_), now());
        });
      },
      [this](const drain& d) {
        handle([&] {
          draining_ = true;
          drain_asked_by_ = self_->current_sender();
          if (d.abort) {
            core_->abort(now());
          } else if (d.without_stage) {
            core_->drain_without(d.gone, now());
          } else {
            core_->drain(now());
          }
        });
      },
      [this](tick_message, uint64_t generation) {
        if (generation != tick_generation_) return;
        armed_for_ = {};
        handle([&] {
          core_->tick(now());
          publish_gauges();
        });
      },
  };
}

void dispatcher_state::take_routes(const routes& r) {
  const bool receiver_changed = r.receiver != routes_.receiver;
  routes_ = r;
  if (receiver_changed) {
    if (std::exchange(link_is_up_, false)) link_lost_at_ = now();
    core_->receiver_lost();
    if (routes_.receiver) core_->receiver_came();
  }
}

void dispatcher_state::after_link_up() {
  link_is_up_ = true;
  const auto receiver = handle_of<receiver_actor>(routes_.receiver);
  if (!receiver) return;
  // The configured duration, and as much beyond as the link believes a broker that says otherwise.
  const auto latest_end = link_lost_at_ + settings_->receiver.lock_duration * 3 / 2;
  adopt a;
  for (const auto& [sequence, l] : core_->unsettled()) {
    a.sequence_numbers.push_back(sequence);
    const auto [high, low] = words_of(l.token);
    a.token_high.push_back(high);
    a.token_low.push_back(low);
    a.latest_end_ns.push_back(latest_end.time_since_epoch().count());
  }
  if (!a.sequence_numbers.empty()) self_->send(receiver, std::move(a));
  core_->repeat_settlements();
}

void dispatcher_state::take_delivery(const delivery& d) {
  if (!d.unreadable.empty())
    return core_->arrived_unreadable(d.sequence_number, lock_of(d), fail(errc::invalid_event, d.unreadable));
  flow::arrival a;
  a.sequence_number = d.sequence_number;
  a.delivery_count = d.delivery_count;
  a.ids = d.ids;
  a.completed_at_ms = d.completed_at_ms;
  a.enqueued_ms = d.enqueued_ms;
  a.since_completed = milliseconds{d.since_completed_ms};
  core_->arrived(a, lock_of(d), now());
}

void dispatcher_state::take_job_done(const job_done& d) {
  const auto& r = d.result;
  const bool countable = r.end == flow::job_end::failed && classify(r.error.code) != error_class::poison &&
                         classify(r.error.code) != error_class::throttled && core_->intake_open();
  if (countable) {
    const auto sequence = core_->sequence_of(r.id);
    const auto loader = handle_of<loader_actor>(routes_.loader);
    if (sequence && loader) self_->send(loader, count_failure{r.id, *sequence});
  }
  core_->finished(r, now());
}

// --- what the policy asks for
// -----------------------------------------------------------------------------------

void dispatcher_state::settle(const flow::settlement& s) {
  to_settle_.push_back(s);
}

void dispatcher_state::submit(const flow::job_spec& spec) {
  services_->bytes.open(spec.id);
  send_freed();  // before the job: what is freed may be an older attempt of it
  if (const auto loader = handle_of<loader_actor>(routes_.loader)) self_->send(loader, job{spec});
}

void dispatcher_state::intake(bool open) {
  if (const auto receiver = handle_of<receiver_actor>(routes_.receiver))
    self_->send(receiver, mw::intake{open, 0});
  services_->status.set("intake", open ? observe::state::ok : observe::state::degraded,
                        open        ? "open"
                        : draining_ ? "closed: draining"
                                    : "paused: a dependency is down");
  if (!draining_)
    observe::log(open ? log_level::info : log_level::warning, open ? "intake-resumed" : "intake-paused");
}

void dispatcher_state::probe(dependency d) {
  if (d == dependency::redis) {
    // A Redis that hangs ends its connection, so while the loader is there the next job is the probe.
    caf::anon_send(dispatcher_actor{self_}, probed{d, static_cast<bool>(routes_.loader)});
  } else if (d == dependency::llm) {
    if (const auto a = handle_of<analyzer_actor>(routes_.analyzer)) self_->send(a, mw::probe{d});
  } else if (d == dependency::memory) {
    if (const auto w = handle_of<writer_actor>(routes_.writer)) self_->send(w, mw::probe{d});
  }
}

void dispatcher_state::free_bytes(uint64_t id) {
  services_->bytes.give_back(id);
  freed_bytes_.push_back(id);
}

void dispatcher_state::forget_job(uint64_t id) {
  services_->calls.forget(id);
  if (services_->traces != nullptr) services_->traces->closed(id, now());
}

void dispatcher_state::send_freed() {
  if (freed_bytes_.empty()) return;
  if (const auto loader = handle_of<loader_actor>(routes_.loader))
    self_->send(loader, freed{std::move(freed_bytes_)});
  freed_bytes_.clear();
}

void dispatcher_state::flush_outbox() {
  if (link_is_up_ && !to_settle_.empty()) {
    if (const auto receiver = handle_of<receiver_actor>(routes_.receiver))
      self_->send(receiver, mw::settle{std::move(to_settle_)});
  }
  to_settle_.clear();  // without a link the ledger keeps them for repeat_settlements()
  send_freed();
  if (link_is_up_) {
    const uint32_t credit = core_->take_grant();
    if (credit > 0)
      if (const auto receiver = handle_of<receiver_actor>(routes_.receiver))
        self_->send(receiver, mw::intake{true, credit});
  }
  if (draining_ && core_->idle() && drain_asked_by_) {
    if (core_->left_to_lapse() > 0)
      observe::log(log_level::warning, "left-to-lapse")
          .field("deliveries", core_->left_to_lapse())
          .field("detail", "received by a link that has ended: they come again when their locks end");
    caf::anon_send(caf::actor_cast<caf::actor>(drain_asked_by_),
                   drained{core_->deliveries() + core_->left_to_lapse()});
    drain_asked_by_ = nullptr;
  }
}

void dispatcher_state::arm_tick() {
  const auto t = now();
  const auto due = std::max(core_->next_due(t), t + milliseconds{10});
  if (armed_for_ != flow::time_point{} && armed_for_ <= due + milliseconds{10}) return;
  armed_for_ = due;
  self_->delayed_send(self_, due - t, tick_message::value, ++tick_generation_);
}

}  // namespace mw
