// What the program runs with: one struct per actor, plain typed values. `settings{}` holds the defaults: an
// initialiser here is the one place of a default. Which key, environment variable, range and text belongs to
// a field is said in options.cpp, once. config::load() fills it; after load() no "0 = derived" value is left
// (bytes_in_flight, threads, max_in_flight, node_name, llm endpoint are resolved). Times are milliseconds,
// sizes are bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "protocol/base/log_level.hpp"

namespace mw::config {

using std::chrono::milliseconds;

/// A text that no log, metric or printed configuration may show. Reading it is a deliberate `.value`.
struct secret {
  std::string value;
  bool empty() const { return value.empty(); }
  bool operator==(const secret&) const = default;
};

enum class window_preset : uint8_t { fresh, balanced, cheap };
enum class trace_sampler : uint8_t {
  parentbased_always_on,
  parentbased_always_off,
  parentbased_traceidratio,
  always_on,
  always_off,
  traceidratio
};
enum class otlp_protocol : uint8_t { http_protobuf, http_json };
enum class otlp_compression : uint8_t { none, gzip };
enum class traces_exporter : uint8_t { otlp, none };
enum class restart_strategy : uint8_t { one_for_one, rest_for_one };

struct receiver_settings {
  secret connection_string;  ///< empty: Entra, with fully_qualified_namespace
  std::string fully_qualified_namespace;
  uint16_t port = 5671;  ///< of the namespace, where it names none
  std::string topic = "message-completed";
  std::string subscription = "memory-worker-message-completed";
  uint32_t window_room = 50'000;  ///< unsettled deliveries, becomes link credit
  milliseconds lock_duration{60'000};
  uint32_t max_delivery_count = 10;
  milliseconds operation_timeout{30'000};
  milliseconds idle_timeout{60'000};
  std::string ca_file;  ///< empty: the system's
  restart_strategy restart = restart_strategy::one_for_one;
};

struct dispatcher_settings {
  window_preset preset = window_preset::balanced;
  milliseconds quiet{60'000};     ///< 0: no window, every event is a job at once
  milliseconds max_age{600'000};  ///< not used when quiet is 0
  uint32_t max_events = 200;
  uint32_t max_tokens = 24'000;
  uint32_t max_jobs = 10;
  double user_share = 0.25;  ///< of max_jobs
  uint32_t jobs_per_user = 4;
  milliseconds hold_limit{600'000};
  uint32_t attempts = 5;
  milliseconds job_deadline{300'000};
  uint64_t bytes_in_flight = 0;  ///< 0 only before load(): 40 % of the memory limit
  restart_strategy restart = restart_strategy::one_for_one;
};

struct session_loader_settings {
  std::string host;
  uint16_t port = 10'000;
  bool tls = true;
  std::string username;
  secret password;  ///< empty: Entra over TLS, else no log-in
  std::string ca_file;
  milliseconds connect_timeout{5'000};
  milliseconds command_timeout{5'000};
  uint64_t max_conversation = 8u << 20;
  milliseconds missing_retry{5'000};
  uint32_t mailbox_limit = 64;
  bool own_keys = true;
  bool lease = true;  ///< only with own_keys
  std::string key_prefix = "memory-worker:";
  restart_strategy restart = restart_strategy::one_for_one;
};

struct llm_analyzer_settings {
  std::string endpoint;
  std::string azure_endpoint;    ///< with azure_deployment: another way to say endpoint
  std::string azure_deployment;  ///< load() composes endpoint from the two
  secret api_key;                ///< empty: Entra where the host is Azure's
  std::string scope = "https://cognitiveservices.azure.com/.default";
  std::string api_version;
  std::string model;
  std::string embeddings_endpoint;    ///< empty after load(): summaries are not embedded
  std::string embeddings_deployment;  ///< load() composes embeddings_endpoint and embeddings_model from it
  std::string embeddings_model;
  secret embeddings_api_key;  ///< empty: api_key where the host is the same, else Entra
  uint32_t embeddings_dimensions = 3'072;
  uint32_t max_output_tokens = 1'500;
  milliseconds request_timeout{60'000};
  milliseconds connect_timeout{5'000};
  uint32_t max_in_flight = 0;  ///< 0 only before load(): dispatcher.max_jobs
  std::optional<double> temperature;
  std::string reasoning_effort;  ///< empty: not sent
  uint32_t breaker_failures = 5;
  milliseconds probe_interval{5'000};
  milliseconds probe_timeout{5'000};
  uint32_t mailbox_limit = 64;
  uint64_t budget_tokens_per_day = 0;  ///< 0: no budget
  bool repair_evidence = true;
  restart_strategy restart = restart_strategy::one_for_one;
};

struct memory_writer_settings {
  std::string endpoint;
  secret token;
  milliseconds request_timeout{10'000};
  milliseconds connect_timeout{3'000};
  uint32_t mailbox_limit = 64;
  std::string cosmos_endpoint;
  secret cosmos_key;  ///< empty: Entra
  std::string cosmos_database = "memory_db";
  std::string cosmos_conversations = "conversations";
  std::string cosmos_user_memories = "user-memories";
  restart_strategy restart = restart_strategy::one_for_one;
};

struct azure_settings {
  std::string tenant_id;
  std::string client_id;
  secret client_secret;
  std::string authority_host = "https://login.microsoftonline.com";
  std::string federated_token_file;
  std::string identity_endpoint;
  secret identity_header;
  std::string imds_host = "http://169.254.169.254";
};

struct supervisor_settings {
  uint32_t max_restarts = 5;  ///< within period; one more escalates
  milliseconds period{30'000};
  milliseconds backoff_min{100};
  milliseconds backoff_max{30'000};
  milliseconds drain_limit{20'000};
};

struct admin_settings {
  bool enabled = true;
  std::string bind = "127.0.0.1";
  uint16_t port = 9464;  ///< 0: the system picks one
};

struct process_settings {
  log_level level = log_level::info;
  uint32_t threads = 0;  ///< 0 only before load(): CPUs of the cgroup, rounded up, less one; at least one
  std::string node_name;
  std::string service_name = "memory-worker";
  std::string ca_file;  ///< of every HTTPS peer; empty: the system's
  std::string naive_times_zone = "UTC";
};

/// Times of OpenTelemetry's variables are whole milliseconds.
struct telemetry_settings {
  secret app_insights;               ///< connection string; empty: off
  std::string otlp_endpoint;         ///< base; empty, and no traces endpoint: off
  std::string otlp_traces_endpoint;  ///< as it is
  secret otlp_headers;
  otlp_protocol protocol = otlp_protocol::http_protobuf;
  otlp_compression compression = otlp_compression::none;
  uint32_t otlp_timeout_ms = 10'000;
  std::string ca_file;  ///< empty: the system's
  traces_exporter exporter = traces_exporter::otlp;
  bool disabled = false;
  trace_sampler sampler = trace_sampler::parentbased_always_on;
  double sampler_arg = 1;
  std::string resource_attributes;
  uint32_t max_queue = 2'048;  ///< spans
  uint32_t max_batch = 512;    ///< spans
  uint32_t schedule_delay_ms = 5'000;
  uint32_t metric_interval_ms = 60'000;
  bool capture_content = false;
};

struct settings {
  receiver_settings receiver;
  dispatcher_settings dispatcher;
  session_loader_settings session_loader;
  llm_analyzer_settings llm_analyzer;
  memory_writer_settings memory_writer;
  azure_settings azure;
  supervisor_settings supervisor;
  admin_settings admin;
  process_settings process;
  telemetry_settings telemetry;
};

}  // namespace mw::config
