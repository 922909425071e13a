#include "actors/supervisor.hpp"

#include "actors/admin.hpp"
#include "actors/dispatcher.hpp"
#include "actors/guard.hpp"
#include "actors/llm_analyzer.hpp"
#include "actors/memory_writer.hpp"
#include "actors/receiver.hpp"
#include "actors/session_loader.hpp"

namespace mw {
namespace {

using self_ptr = caf::stateful_actor<supervisor_state>*;
using restart_atom = caf::atom_constant<caf::atom("restart")>;
using limit_atom = caf::atom_constant<caf::atom("drainlimit")>;
using gone_atom = caf::atom_constant<caf::atom("allgone")>;

constexpr std::chrono::milliseconds abort_grace{2'000};

caf::actor spawn_child(caf::event_based_actor* self, child_id which, const std::shared_ptr<services>& s) {
  switch (which) {
    case child_id::admin:
      return caf::actor_cast<caf::actor>(self->spawn(admin, s));
    case child_id::writer:
      return caf::actor_cast<caf::actor>(self->spawn(memory_writer, s));
    case child_id::analyzer:
      return caf::actor_cast<caf::actor>(self->spawn(llm_analyzer, s));
    case child_id::loader:
      return caf::actor_cast<caf::actor>(self->spawn(session_loader, s));
    case child_id::dispatcher:
      return caf::actor_cast<caf::actor>(self->spawn(dispatcher, s));
    case child_id::receiver:
      return caf::actor_cast<caf::actor>(self->spawn(receiver, s));
  }
  return {};
}

config::restart_strategy strategy_of(const config::settings& s, child_id which) {
  switch (which) {
    case child_id::admin:
      return config::restart_strategy::one_for_one;
    case child_id::writer:
      return s.memory_writer.restart;
    case child_id::analyzer:
      return s.llm_analyzer.restart;
    case child_id::loader:
      return s.session_loader.restart;
    case child_id::dispatcher:
      return s.dispatcher.restart;
    case child_id::receiver:
      return s.receiver.restart;
  }
  return config::restart_strategy::one_for_one;
}

child_end end_of(errc code) {
  if (code == errc::connection_lost) return child_end::lost;
  if (code == errc::throttled) return child_end::busy;
  return classify(code) == error_class::fatal && code != errc::internal ? child_end::refused
                                                                        : child_end::crashed;
}

std::string_view log_name(child_end how) {
  if (how == child_end::crashed) return "actor-crashed";
  return how == child_end::refused ? "connection-refused" : "connection-lost";
}

std::optional<flow::stage> stage_of(child_id which) {
  switch (which) {
    case child_id::writer:
      return flow::stage::commit;
    case child_id::analyzer:
      return flow::stage::analyse;
    case child_id::loader:
      return flow::stage::load;
    default:
      return std::nullopt;
  }
}

caf::strong_actor_ptr pointer_to(self_ptr self, child_id which) {
  const auto& c = self->state.children[static_cast<size_t>(which)];
  return caf::actor_cast<caf::strong_actor_ptr>(c.handle);
}

routes routes_now(self_ptr self) {
  routes r;
  r.writer = pointer_to(self, child_id::writer);
  r.analyzer = pointer_to(self, child_id::analyzer);
  r.loader = pointer_to(self, child_id::loader);
  r.dispatcher = pointer_to(self, child_id::dispatcher);
  r.receiver = pointer_to(self, child_id::receiver);
  return r;
}

void tell_routes(self_ptr self) {
  const routes r = routes_now(self);
  // Who hears of another actor answers it at once (demand goes upstream, link_up to the dispatcher), and the
  // other must know it by then: a stage's demand that came before the routes would be void.
  for (const auto which : {child_id::dispatcher, child_id::loader, child_id::analyzer, child_id::writer,
                           child_id::receiver, child_id::admin})
    if (const auto& c = self->state.children[static_cast<size_t>(which)]; c.handle) self->send(c.handle, r);
}

void start(self_ptr self, child_id which) {
  auto& c = self->state.children[static_cast<size_t>(which)];
  c.restart_pending = false;
  if (c.handle) return;
  c.policy->started(self->clock().now());
  c.handle = self->state.spawn(self, which);
  self->monitor(c.handle);
}

bool any_alive(self_ptr self) {
  return std::any_of(self->state.children.begin(), self->state.children.end(),
                     [](const auto& c) { return static_cast<bool>(c.handle); });
}

void stop_all(self_ptr self) {
  auto& st = self->state;
  if (st.stopping) return;
  st.stopping = true;
  // Producers first: nothing is sent to a child that is gone.
  for (size_t i = child_count; i-- > 0;)
    if (st.children[i].handle) self->send_exit(st.children[i].handle, caf::exit_reason::user_shutdown);
  if (!any_alive(self)) self->quit(st.stop_reason);
  self->delayed_send(self, abort_grace, gone_atom::value);
}

void send_drain(self_ptr self) {
  const auto& st = self->state;
  drain d;
  d.without_stage = st.gone.has_value();
  d.gone = st.gone.value_or(flow::stage::load);
  self->send(st.children[static_cast<size_t>(child_id::dispatcher)].handle, d);
}

// Its successor, once: it hears of the drain before the receiver replays to it what is unsettled, so that it
// only gives back.
void drain_with_a_new_dispatcher(self_ptr self) {
  auto& st = self->state;
  if (std::exchange(st.last_dispatcher, true)) return stop_all(self);
  start(self, child_id::dispatcher);
  self->send(st.children[static_cast<size_t>(child_id::dispatcher)].handle, routes_now(self));
  send_drain(self);
  tell_routes(self);
}

void begin_drain(self_ptr self) {
  auto& st = self->state;
  if (std::exchange(st.draining, true)) return;
  const auto limit = st.shared->settings->supervisor.drain_limit;
  observe::log(log_level::info, "draining").field("limit_ms", limit.count());
  self->delayed_send(self, limit, limit_atom::value, uint32_t{1});
  if (!st.children[static_cast<size_t>(child_id::dispatcher)].handle)
    return drain_with_a_new_dispatcher(self);
  send_drain(self);
}

// This child is not started again (the receiver once, for what can still be settled): finish and give back
// what can be, then end with an error.
void escalate(self_ptr self, child_id which) {
  auto& st = self->state;
  st.stop_reason =
      caf::make_error(caf::sec::runtime_error, "restart intensity exceeded", std::string{to_string(which)});
  if (which == child_id::receiver) {
    if (std::exchange(st.last_receiver, true)) return stop_all(self);
    start(self, child_id::receiver);
  }
  if (const auto at = stage_of(which)) st.gone = st.gone ? std::max(*st.gone, *at) : *at;
  const bool was_draining = st.draining;
  begin_drain(self);
  if (was_draining && st.gone) send_drain(self);
}

void schedule_restart(self_ptr self, child_id which, flow::duration delay) {
  auto& c = self->state.children[static_cast<size_t>(which)];
  if (c.restart_pending) return;
  c.restart_pending = true;
  self->delayed_send(self, delay, restart_atom::value, static_cast<uint8_t>(which));
}

void child_ended(self_ptr self, child_id which, const caf::error& reason) {
  auto& st = self->state;
  const auto info = read_down_reason(reason, self->system());
  const auto how = end_of(info.code);
  const bool away = how != child_end::crashed;
  const auto now = self->clock().now();
  st.shared->metrics.actor_restarts.at(to_string(which)).Increment();
  if (const auto at = stage_of(which)) {
    if (const auto& d = st.children[static_cast<size_t>(child_id::dispatcher)].handle)
      self->send(d, stage_down{*at, info.job, away});
  }
  const auto delay = st.children[static_cast<size_t>(which)].policy->ended(how, now, st.random);
  const bool expected = how == child_end::lost || how == child_end::busy;
  observe::log(expected ? log_level::warning : log_level::error, log_name(how))
      .field("actor", to_string(which))
      .field("detail", info.detail)
      .field("again_in_ms", delay ? std::chrono::floor<std::chrono::milliseconds>(*delay).count() : 0);
  if (which == child_id::dispatcher && st.draining) return drain_with_a_new_dispatcher(self);
  if (!delay) {
    observe::log(log_level::error, "restart-intensity-exceeded").field("actor", to_string(which));
    return escalate(self, which);
  }
  schedule_restart(self, which, *delay);
  if (!away && strategy_of(*st.shared->settings.get(), which) == config::restart_strategy::rest_for_one)
    for (size_t i = static_cast<size_t>(which) + 1; i < child_count; ++i)
      if (st.children[i].handle) self->send_exit(st.children[i].handle, caf::exit_reason::user_shutdown);
}

void take_down(self_ptr self, const caf::down_msg& dm) {
  auto& st = self->state;
  for (size_t i = 0; i < child_count; ++i) {
    auto& c = st.children[i];
    if (!c.handle || c.handle.address() != dm.source) continue;
    c.handle = nullptr;
    if (st.stopping) {
      if (!any_alive(self)) self->quit(st.stop_reason);
      return;
    }
    if (dm.reason == caf::exit_reason::user_shutdown) {  // stopped by rest-for-one
      if (st.draining && static_cast<child_id>(i) == child_id::dispatcher)
        return drain_with_a_new_dispatcher(self);
      schedule_restart(self, static_cast<child_id>(i), std::chrono::milliseconds{1});
      if (const auto at = stage_of(static_cast<child_id>(i)))
        if (const auto& d = st.children[static_cast<size_t>(child_id::dispatcher)].handle)
          self->send(d, stage_down{*at, 0, true});
    } else {
      child_ended(self, static_cast<child_id>(i), dm.reason);
    }
    tell_routes(self);
    return;
  }
}

}  // namespace

std::string_view to_string(child_id c) {
  switch (c) {
    case child_id::admin:
      return "admin";
    case child_id::writer:
      return "memory_writer";
    case child_id::analyzer:
      return "llm_analyzer";
    case child_id::loader:
      return "session_loader";
    case child_id::dispatcher:
      return "dispatcher";
    case child_id::receiver:
      return "receiver";
  }
  return "unknown";
}

caf::behavior supervisor(caf::stateful_actor<supervisor_state>* self, std::shared_ptr<services> s) {
  auto& st = self->state;
  st.shared = s;
  st.random.seed(s->seed);
  if (!st.spawn)
    st.spawn = [s](caf::event_based_actor* me, child_id which) { return spawn_child(me, which, s); };
  const auto o = s->settings->supervisor;
  for (auto& c : st.children)
    c.policy.emplace(restart_options{o.max_restarts, o.period, o.backoff_min, o.backoff_max});
  self->set_default_handler(caf::drop);
  self->set_down_handler([self](caf::down_msg& dm) { take_down(self, dm); });
  self->set_exit_handler([self](caf::exit_msg& m) {
    self->state.stop_reason = m.reason;
    stop_all(self);
  });
  for (size_t i = 0; i < child_count; ++i) start(self, static_cast<child_id>(i));
  tell_routes(self);
  return {
      [self](restart_atom, uint8_t which) {
        if (self->state.stopping) return;
        start(self, static_cast<child_id>(which));
        tell_routes(self);
      },
      [self](shutdown_atom) { begin_drain(self); },
      [self](settings_changed) {
        for (const auto which :
             {child_id::dispatcher, child_id::loader, child_id::analyzer, child_id::writer})
          if (const auto& c = self->state.children[static_cast<size_t>(which)]; c.handle)
            self->send(c.handle, settings_changed::value);
      },
      [self](const drained& d) {
        observe::log(log_level::info, "drained").field("left", d.left);
        stop_all(self);
      },
      [self](limit_atom, uint32_t round) {
        if (self->state.stopping) return;
        const auto& d = self->state.children[static_cast<size_t>(child_id::dispatcher)].handle;
        if (round == 1 && d) {
          observe::log(log_level::warning, "drain-limit-reached");
          self->send(d, drain{true});
          self->delayed_send(self, abort_grace, limit_atom::value, uint32_t{2});
        } else {
          stop_all(self);
        }
      },
      [self](gone_atom) {
        for (const auto& c : self->state.children)
          if (c.handle) self->send_exit(c.handle, caf::exit_reason::kill);
      },
  };
}

}  // namespace mw
