// What the dispatcher tells people: log lines, counters, the status board. No policy here.
#include "actors/counting.hpp"
#include "actors/dispatcher.hpp"
#include "actors/tracing.hpp"

namespace mw {
namespace {

std::string_view name_of(dependency d) {
  switch (d) {
    case dependency::redis:
      return "redis";
    case dependency::llm:
      return "llm";
    case dependency::memory:
      return "memory";
    case dependency::bus:
      return "bus";
    case dependency::none:
      break;
  }
  return "none";
}

void name_job(observe::log_line& line, const flow::dispatch_port::detail& d) {
  if (d.job == nullptr) return;
  line.field("session", d.job->ids.session())
      .field("message", d.job->ids.chat_message())
      .field("sequence", d.job->sequence_number)
      .field("attempt", d.job->attempt);
  if (!d.job->ids.traceparent().empty()) line.field("trace", d.job->ids.traceparent());
}

}  // namespace

void dispatcher_state::note(flow::note n, const detail& d) {
  switch (n) {
    case flow::note::window_opened:
    case flow::note::window_closed:
      return;
    case flow::note::job_started:
    case flow::note::job_ended:
    case flow::note::job_held:
      return note_job(n, d);
    case flow::note::message_given_up: {
      services_->metrics.messages_missing.Increment();
      auto line = observe::log(log_level::warning, "message-given-up");
      name_job(line, d);
      line.field("effect",
                 "the event's message is not in the conversation: what is new there is analysed without it");
      return;
    }
    case flow::note::breaker_opened:
    case flow::note::breaker_closed:
      return note_breaker(n, d);
    case flow::note::redis_emptied: {
      auto line = observe::log(log_level::error, "redis-came-back-empty");
      name_job(line, d);
      line.field("detail",
                 "conversations are missing in a row or Redis's run id changed; deliveries are held");
      return;
    }
    case flow::note::refused_for_everybody:
    case flow::note::refusals_over:
      return note_refusals(n, d);
    case flow::note::redelivery_count_rose: {
      services_->metrics.released_counted.Increment();
      auto line = observe::log(log_level::error, "released-delivery-was-counted");
      name_job(line, d);
      line.field(
          "detail",
          "giving back costs delivery counts on this subscription: held longer from now on, and what is "
          "near its last delivery is not given back in an outage");
      return;
    }
  }
}

void dispatcher_state::note_job(flow::note n, const detail& d) {
  auto& m = services_->metrics;
  if (n == flow::note::job_started) return trace_started(*services_, *d.job, now());
  const auto& r = *d.result;
  if (n == flow::note::job_ended) trace_ended(*services_, *d.job, r, now());
  m.job_seconds.Observe(in_seconds(d.elapsed));
  m.jobs_ended.at(to_string(r.end)).Increment();
  if (r.end != flow::job_end::failed) {
    const auto now_ms =
        std::chrono::floor<std::chrono::milliseconds>(services_->wall_clock()).time_since_epoch();
    if (r.end == flow::job_end::committed && d.job->completed_at_ms > 0)
      m.memory_age_seconds.Observe(static_cast<double>(now_ms.count() - d.job->completed_at_ms) / 1000.0);
    auto line = observe::log(log_level::debug, "job-ended");
    name_job(line, d);
    line.field("end", to_string(r.end)).field("calls", r.calls_used);
    return;
  }
  m.failures.at(to_string(r.error.code)).Increment();
  if (r.error.code == errc::conversation_missing) m.conversations_missing.Increment();
  const bool held = n == flow::note::job_held;
  auto line = observe::log(held ? log_level::warning : log_level::error, held ? "job-held" : "job-given-up");
  name_job(line, d);
  line.field("stage", to_string(r.at)).field("rule", d.rule).failed(r.error);
}

void dispatcher_state::note_refusals(flow::note n, const detail& d) {
  const bool over = n == flow::note::refusals_over;
  const auto part = name_of(d.about);
  if (!over) services_->metrics.refused_for_everybody.Increment();
  services_->status.set("refusals", over ? observe::state::ok : observe::state::down,
                        over ? "conversations pass again" : to_string(d.result->error));
  auto line = observe::log(over ? log_level::info : log_level::error,
                           over ? "refusals-over" : "refused-for-everybody");
  line.field("dependency", part);
  if (over) return;
  name_job(line, d);
  line.field("stage", to_string(d.result->at))
      .field("effect",
             "one user after the other is refused and nobody passes: deliveries are held, not dead-lettered")
      .failed(d.result->error);
}

void dispatcher_state::note_breaker(flow::note n, const detail& d) {
  const bool opened = n == flow::note::breaker_opened;
  const auto part = name_of(d.about);
  const std::string why = d.result != nullptr ? to_string(d.result->error) : std::string{d.what};
  services_->metrics.breaker.at(to_string(d.about)).Set(opened ? 2 : 0);
  // A probe or a lost connection has put its own words on the board already.
  if (!opened || d.result != nullptr)
    services_->status.set(part, opened ? observe::state::down : observe::state::ok,
                          opened ? why : "answers again");
  observe::log(opened ? log_level::error : log_level::info, opened ? "dependency-down" : "dependency-well")
      .field("dependency", part)
      .field("detail", why);
}

void dispatcher_state::publish_gauges() {
  auto& m = services_->metrics;
  const auto& s = *settings_;
  const double deliveries = static_cast<double>(core_->deliveries());
  m.deliveries_unsettled.Set(deliveries);
  m.deliveries_held.Set(static_cast<double>(core_->held()));
  m.windows_open.Set(static_cast<double>(core_->open_windows() + core_->waiting()));
  m.window_room.Set(static_cast<double>(s.receiver.window_room) - deliveries);
  m.job_room.Set(static_cast<double>(s.dispatcher.max_jobs) - static_cast<double>(core_->running()));
  m.bytes_in_flight.Set(static_cast<double>(services_->bytes.used()));
  m.bytes_in_flight_limit.Set(static_cast<double>(services_->bytes.total()));
  services_->status.fact("windows_open", static_cast<double>(core_->open_windows()));
  services_->status.fact("windows_waiting", static_cast<double>(core_->waiting()));
  services_->status.fact("jobs_running", static_cast<double>(core_->running()));
  services_->status.fact("jobs_held", static_cast<double>(core_->held()));
  services_->status.fact("deliveries_unsettled", deliveries);
  services_->status.fact("bytes_in_flight", static_cast<double>(services_->bytes.used()));
}

}  // namespace mw
