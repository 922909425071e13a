// Every metric of the process, declared once: name, help, label, known values. Actors count through the
// members (`metrics.deliveries_settled.at("complete").Increment()`); a count is an atomic addition. Made once
// by main, outlives every actor; thread-safe. Times are seconds, sizes bytes. No label ever holds an id of a
// user, a session or a message.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errors.hpp"
#include "protocol/base/skip_reasons.hpp"
#include "protocol/observe/labelled.hpp"

namespace mw::observe {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

/// Makes families in one registry; the base of `metrics`, so that it is there before the members.
class metric_registry {
 public:
  using names = std::vector<std::string_view>;

 protected:
  Counter& counter(const char* name, const char* help);
  Gauge& gauge(const char* name, const char* help);
  Histogram& histogram(const char* name, const char* help, const std::vector<double>& bounds);
  labelled<Counter> counters(const char* name, const char* help, const char* label, const names& known);
  labelled<Gauge> gauges(const char* name, const char* help, const char* label, const names& known);
  labelled<Histogram> histograms(const char* name, const char* help, const char* label,
                                 const std::vector<double>& bounds, const names& known);
  /// One family, two labels: dependency and result.
  labelled<Counter> requests(const char* name, const char* help, std::string_view dependency_name);

  prometheus::Registry registry_;
};

/// Upper bounds of buckets, in seconds: of calls and stages, and of waits.
extern const std::vector<double> call_bounds;
extern const std::vector<double> wait_bounds;

struct metrics : private metric_registry {
  explicit metrics(std::string_view version);
  /// Prometheus text format 0.0.4; reads the process's own figures first.
  std::string expose();
  /// A request to a dependency ended after `took`; `error` is nullptr where it succeeded.
  void request_ended(dependency d, const failure* error, std::chrono::nanoseconds took);

  // --- intake and settlement
  labelled<Counter> deliveries_received =
      counters("memory_worker_deliveries_received_total", "Deliveries from the bus.", "kind",
               {"first", "redelivered"});
  labelled<Counter> deliveries_settled =
      counters("memory_worker_deliveries_settled_total", "Dispositions the bus accepted, by outcome.",
               "outcome", {"complete", "abandon", "release", "dead-letter"});
  Counter& settlements_refused =
      counter("memory_worker_settlements_refused_total", "Dispositions the bus refused.");
  labelled<Counter> dead_letters =
      counters("memory_worker_dead_letters_total", "Deliveries dead-lettered, by reason.", "reason",
               {"invalid-event", "session-owner-mismatch", "conversation-not-found", "message-not-found",
                "conversation-malformed", "conversation-too-large", "dependency-rejects-this",
                "memory-rejected", "not-storable", "crashed-worker"});
  Counter& events_merged =
      counter("memory_worker_events_merged_total",
              "Events completed because a later one of the same conversation covers them.");
  Gauge& deliveries_unsettled =
      gauge("memory_worker_deliveries_unsettled", "Deliveries received and not yet settled.");
  Gauge& deliveries_held = gauge("memory_worker_deliveries_held",
                                 "Deliveries held under renewed locks because a dependency is down.");
  Counter& lock_renewals = counter("memory_worker_lock_renewals_total", "Locks renewed.");
  Counter& links_lost =
      counter("memory_worker_links_lost_total",
              "Bus links that ended while their connection lived, and were attached again.");
  Counter& released_counted =
      counter("memory_worker_released_counted_total",
              "Deliveries given back as released that came again with a higher delivery count.");
  Counter& locks_lost =
      counter("memory_worker_locks_lost_total", "Locks that ended before their delivery was settled.");

  // --- windows and jobs
  Gauge& windows_open =
      gauge("memory_worker_windows_open", "Conversations waiting for a quiet moment or for their turn.");
  Gauge& window_room = gauge("memory_worker_window_room_free", "Deliveries for which there is room.");
  Gauge& job_room = gauge("memory_worker_job_room_free", "Jobs for which there is room.");
  labelled<Counter> jobs_ended =
      counters("memory_worker_jobs_ended_total", "Jobs ended, by how.", "end",
               {"committed", "partial", "covered", "forgotten", "postponed", "failed"});
  Histogram& job_seconds = histogram("memory_worker_job_duration_seconds",
                                     "Time of a job from its start to its end.", call_bounds);
  labelled<Histogram> stage_seconds =
      histograms("memory_worker_stage_duration_seconds", "Time of a job in a stage.", "stage", call_bounds,
                 {"load", "analyse", "commit"});
  Histogram& memory_age_seconds =
      histogram("memory_worker_event_to_memory_seconds",
                "Time from a message's completion to its memory being stored.", wait_bounds);
  Gauge& bytes_in_flight = gauge("memory_worker_bytes_in_flight", "Bytes of conversations held in memory.");
  Gauge& bytes_in_flight_limit = gauge("memory_worker_bytes_in_flight_limit", "Their limit.");
  Counter& messages_missing = counter(
      "memory_worker_messages_missing_total",
      "Events whose message was not in the conversation, and what is new there was analysed without it.");
  labelled<Counter> messages_unreadable =
      counters("memory_worker_messages_unreadable_total",
               "New messages of a conversation that were passed over since they cannot be read, by cause.",
               "cause", {"shape", "unknown-role", "content"});
  Counter& messages_of_unknown_time =
      counter("memory_worker_messages_of_unknown_time_total",
              "New messages of a user left out because nothing shows that they came after a wish to be "
              "forgotten: their times cannot be read, or run ahead of the broker's clock.");
  Counter& conversations_missing =
      counter("memory_worker_conversations_missing_total", "Reads that found no conversation.");
  Counter& refused_for_everybody = counter(
      "memory_worker_refused_for_everybody_total",
      "Times that one user after the other was refused and nobody passed: held instead of dead-lettered.");
  labelled<Counter> failures =
      counters("memory_worker_job_failures_total", "Job failures, by code.", "code", {});
  labelled<Counter> probes_not_sent =
      counters("memory_worker_probes_not_sent_total", "Probes for which this process had no open file left.",
               "dependency", {"llm", "memory-store"});

  // --- analysis and memory
  labelled<Counter> llm_calls =
      counters("memory_worker_llm_calls_total", "LLM calls, by purpose.", "purpose",
               {"analysis", "repair", "repair-evidence", "enlarge", "split", "part", "probe", "embedding"});
  labelled<Counter> llm_tokens = counters("memory_worker_llm_tokens_total", "Tokens as the LLM counted them.",
                                          "kind", {"input", "cached", "output", "reasoning", "embedding"});
  labelled<Counter> embeddings = counters(
      "memory_worker_embeddings_total",
      "Embeddings of summaries, by result (ok, or the error's code: stored without).", "result", {"ok"});
  labelled<Gauge> llm_quota_left =
      gauges("memory_worker_llm_quota_left",
             "What the LLM last said is left of its quota a minute; not there until it did.", "kind", {});
  Gauge& llm_in_flight = gauge("memory_worker_llm_in_flight", "LLM calls in flight.");
  Counter& operations_applied =
      counter("memory_worker_operations_applied_total", "Profile operations applied.");
  labelled<Counter> operations_dropped =
      counters("memory_worker_operations_dropped_total", "Profile operations dropped, by cause.", "cause",
               {"not-fresh", "not-user", "no-quote", "malformed", "secret", "outdated", "not-applied"});
  Counter& items_evicted = counter("memory_worker_items_evicted_total",
                                   "Profile items with the oldest evidence that gave way in a full list.");
  labelled<Counter> prompts_shortened = counters(
      "memory_worker_prompts_shortened_total",
      "What was too long for the prompt: items of a profile left out, titles, summaries and answers cut.",
      "what", {"profile", "title", "summary", "answer"});
  labelled<Counter> summaries_unusable = counters(
      "memory_worker_summaries_unusable_total",
      "Analyses whose summary says nothing, by cause: one that is stored stays, and the facts are taken.",
      "cause", {"empty", "too-short", "placeholder", "apology"});
  labelled<Counter> spans_skipped =
      counters("memory_worker_spans_skipped_total", "Parts of conversations recorded as skipped, by reason.",
               "reason", skip_reasons());
  labelled<Counter> spans_given_up =
      counters("memory_worker_spans_given_up_total",
               "Skipped parts of conversations that will not be asked about again, by the last reason.",
               "reason", give_up_reasons());
  labelled<Counter> commits = counters("memory_worker_commits_total", "Commits, by outcome.", "outcome",
                                       {"stored", "covered", "reload", "forgotten"});

  // --- dependencies and the process itself
  labelled<Gauge> breaker = gauges("memory_worker_breaker_state", "0 closed, 2 open.", "dependency",
                                   {"redis", "llm", "memory-store"});
  labelled<Counter> cosmos_request_units =
      counters("memory_worker_cosmos_request_units_total", "Request units Cosmos DB charged, by operation.",
               "operation", {});
  labelled<Counter> cosmos_requests =
      counters("memory_worker_cosmos_requests_total", "Answers of Cosmos DB, by operation.", "operation", {});
  labelled<Counter> cosmos_retries = counters("memory_worker_cosmos_retries_total",
                                              "Requests asked again within a call, by cause.", "cause", {});
  labelled<Counter> telemetry_sent =
      counters("memory_worker_telemetry_sent_total", "Spans and envelopes a receiver took, by exporter.",
               "exporter", {"otlp", "application-insights"});
  labelled<Counter> telemetry_dropped =
      counters("memory_worker_telemetry_dropped_total", "Spans and envelopes that were dropped, by cause.",
               "cause", {"queue-full", "refused", "quota", "gave-up", "shutdown"});
  labelled<Counter> config_reloads =
      counters("memory_worker_config_reloads_total", "Configurations read anew at SIGHUP, by result.",
               "result", {"applied", "rejected"});
  labelled<Counter> configuration_warnings =
      counters("memory_worker_configuration_warnings_total",
               "Values of the configuration that are not followed although the worker runs, by cause.",
               "cause", {"unsupported-value", "unreadable-value", "grpc-port"});
  labelled<Counter> actor_restarts =
      counters("memory_worker_actor_restarts_total", "Restarts by the supervisor, by actor.", "actor",
               {"receiver", "dispatcher", "session_loader", "llm_analyzer", "memory_writer", "admin"});

 private:
  void read_process();

  std::array<labelled<Counter>, 4> requests_;  ///< by dependency, in the order of the enum without `none`
  labelled<Histogram> request_seconds_ =
      histograms("memory_worker_request_duration_seconds", "Time of a request to a dependency.", "dependency",
                 call_bounds, {});
  Gauge& resident_ = gauge("process_resident_memory_bytes", "Resident memory size in bytes.");
  Gauge& start_time_ = gauge("process_start_time_seconds", "Start time of the process since the epoch.");
  Counter& cpu_ = counter("process_cpu_seconds_total", "Total user and system CPU time.");
  std::mutex scrape_;
};

}  // namespace mw::observe
