#include "protocol/config/options.hpp"

#include <algorithm>

#include "protocol/config/option_rows.hpp"

namespace mw::config {

namespace {

constexpr double kib = 1 << 10;
constexpr double mib = 1 << 20;
constexpr double gib = 1 << 30;

void add_receiver(std::vector<option>& t) {
  using s = receiver_settings;
  auto add = rows_of(t, "receiver", &settings::receiver);
  add(&s::connection_string, "connection-string",
      {.env = {"SERVICEBUS_CONNECTION_STRING"},
       .doc = "SAS connection string of the Service Bus namespace. Without it: Entra, with the namespace."});
  add(&s::fully_qualified_namespace, "namespace",
      {.env = {"SERVICEBUS_FULLY_QUALIFIED_NAMESPACE"},
       .doc = "Host of the namespace, as NAME.servicebus.windows.net; without a connection string the worker "
              "signs in to it with Entra, see [azure]."});
  add(&s::port, "port", {.min = 1, .max = 65'535, .doc = "Port of the namespace, where it names none."});
  add(&s::topic, "topic",
      {.env = {"SERVICEBUS_MESSAGE_COMPLETED_TOPIC"}, .doc = "Topic of the message-completed events."});
  add(&s::subscription, "subscription",
      {.env = {"SERVICEBUS_MESSAGE_COMPLETED_SUBSCRIPTION"}, .doc = "Subscription of the topic."});
  add(&s::window_room, "window-room",
      {.min = 1,
       .max = 1'000'000,
       .unit = "deliveries",
       .reloadable = true,
       .doc =
           "How many unsettled deliveries this process may hold, open windows above all. What is ready to be "
           "worked on is limited to a few rounds of max-jobs."});
  add(&s::lock_duration, "lock-duration",
      {.min = 5 * seconds,
       .max = 5 * minutes,
       .doc = "The subscription's lock duration; locks are renewed well before it ends."});
  add(&s::max_delivery_count, "max-delivery-count",
      {.min = 1,
       .max = 2'000,
       .unit = "deliveries",
       .doc =
           "The subscription's maximum delivery count; near it a message is treated as a suspect, alone."});
  add(&s::operation_timeout, "operation-timeout",
      {.min = 1 * seconds,
       .max = 5 * minutes,
       .doc = "Limit of one bus operation (connect, attach, token, renewal, settlement)."});
  add(&s::idle_timeout, "idle-timeout",
      {.min = 5 * seconds,
       .max = 10 * minutes,
       .doc = "AMQP idle time-out: a silent connection counts as lost after it."});
  add(&s::ca_file, "ca-file",
      {.doc = "PEM file of certificate authorities for the bus; empty: the system's."});
  add_restart(add, &s::restart);
}

void add_dispatcher(std::vector<option>& t) {
  using s = dispatcher_settings;
  auto add = rows_of(t, "dispatcher", &settings::dispatcher);
  add(&s::preset, "preset",
      {.choices = {"fresh", "balanced", "cheap"},
       .reloadable = true,
       .doc = "Defaults of quiet and max-age: fresh 5s and 30s, balanced 60s and 10min, cheap 5min and "
              "30min. Fewer LLM calls, later memories."});
  add(&s::quiet, "quiet",
      {.min = 0,
       .max = 1 * hours,
       .default_note = "of the preset",
       .reloadable = true,
       .doc = "A conversation is analysed when nothing was said for so long; 0s: at once, every event."});
  add(&s::max_age, "max-age",
      {.min = 0,
       .max = 12 * hours,
       .default_note = "of the preset",
       .reloadable = true,
       .doc = "A conversation that never falls quiet is analysed after so long."});
  add(&s::max_events, "max-events",
      {.min = 1,
       .max = 100'000,
       .unit = "events",
       .reloadable = true,
       .doc = "... or after so many events."});
  add(&s::max_tokens, "max-tokens",
      {.min = 500,
       .max = 1'000'000,
       .unit = "tokens",
       .reloadable = true,
       .doc = "A window closes when so many estimated tokens wait, and no more go into one LLM call; the "
              "rest follows in rounds."});
  add(&s::max_jobs, "max-jobs",
      {.min = 1,
       .max = 10'000,
       .unit = "jobs",
       .env = {"MAX_CONCURRENCY"},
       .reloadable = true,
       .doc = "Conversations worked on at once."});
  add(&s::user_share, "user-share",
      {.min = 0.01,
       .max = 1,
       .reloadable = true,
       .doc = "The part of max-jobs that one user may take while others wait, and of window-room for his "
              "open windows."});
  add(&s::jobs_per_user, "jobs-per-user",
      {.min = 1,
       .max = 1'000,
       .unit = "jobs",
       .reloadable = true,
       .doc = "A user with many waiting conversations widens from one job to so many at once."});
  add(&s::hold_limit, "hold-limit",
      {.min = 5 * seconds,
       .max = 12 * hours,
       .reloadable = true,
       .doc =
           "In an outage deliveries are held under renewed locks for so long, then given back to the bus."});
  add(&s::attempts, "attempts",
      {.min = 1,
       .max = 100,
       .unit = "attempts",
       .reloadable = true,
       .doc = "A conversation that a dependency refuses while it serves others is dead-lettered after so "
              "many attempts."});
  add(&s::job_deadline, "job-deadline",
      {.min = 10 * seconds,
       .max = 1 * hours,
       .reloadable = true,
       .doc =
           "A job of which no stage has said anything for so long counts as vanished and is started again."});
  add(&s::bytes_in_flight, "bytes-in-flight",
      {.type = option_type::bytes,
       .min = 0,
       .max = 1024 * gib,
       .default_note = "40 % of the memory limit",
       .doc =
           "Conversation text held in memory at once; 0: 40 % of the cgroup's (or the machine's) memory."});
  add_restart(add, &s::restart);
}

void add_session_loader(std::vector<option>& t) {
  using s = session_loader_settings;
  auto add = rows_of(t, "session_loader", &settings::session_loader);
  add(&s::host, "host",
      {.env = {"REDIS_HOST"},
       .required = "the Redis host",
       .host = true,
       .doc = "Host of the Redis that holds the conversations."});
  add(&s::port, "port", {.min = 1, .max = 65'535, .env = {"REDIS_PORT"}, .doc = "Its port."});
  add(&s::tls, "tls", {.env = {"REDIS_SSL"}, .doc = "Connect with TLS and verify the certificate."});
  add(&s::username, "username",
      {.env = {"REDIS_USERNAME"},
       .doc = "ACL user; empty: Redis's default user, with Entra the token's object id."});
  add(&s::password, "password",
      {.env = {"REDIS_PASSWORD"},
       .doc = "Password or access key; without it: Entra over TLS, else no log-in."});
  add(&s::ca_file, "ca-file", {.doc = "PEM file of certificate authorities for Redis; empty: the system's."});
  add(&s::connect_timeout, "connect-timeout",
      {.min = 100, .max = 2 * minutes, .doc = "Limit of connecting, TLS and log-in included."});
  add(&s::command_timeout, "command-timeout",
      {.min = 100, .max = 2 * minutes, .doc = "Limit of one command."});
  add(&s::max_conversation, "max-conversation",
      {.type = option_type::bytes,
       .min = 1 * kib,
       .max = 512 * mib,
       .doc = "A stored conversation larger than this is dead-lettered, not read."});
  add(&s::missing_retry, "missing-retry",
      {.min = 0,
       .max = 2 * minutes,
       .reloadable = true,
       .doc = "How long a conversation or message that is not in Redis (yet) is looked for again."});
  add(&s::mailbox_limit, "mailbox-limit",
      {.min = 1,
       .max = 100'000,
       .unit = "jobs",
       .doc = "Jobs this stage takes on at once; the rest waits upstream."});
  add(&s::own_keys, "own-keys",
      {.doc =
           "Whether the worker may write keys of its own (saved answers, attempts, leases) to this Redis."});
  add(&s::lease, "lease",
      {.doc = "Lease a conversation in Redis while it is worked on, so that of several replicas one pays for "
              "the LLM; needs own-keys. Costs two pipelined commands per job."});
  add(&s::key_prefix, "key-prefix", {.doc = "What the worker's own keys start with."});
  add_restart(add, &s::restart);
}

void add_memory_writer(std::vector<option>& t) {
  using s = memory_writer_settings;
  auto add = rows_of(t, "memory_writer", &settings::memory_writer);
  add(&s::endpoint, "endpoint",
      {.type = option_type::url,
       .env = {"MEMORY_API_ENDPOINT"},
       .required = "the Memory API endpoint, or COSMOS_ENDPOINT for Cosmos DB",
       .doc = "Base URL of the Memory API, as http://memory-api:8003. Wins over cosmos-endpoint."});
  add(&s::token, "token", {.env = {"MEMORY_API_TOKEN"}, .doc = "Bearer token for the Memory API."});
  add(&s::request_timeout, "request-timeout",
      {.min = 100,
       .max = 5 * minutes,
       .doc = "Limit of one request; over Cosmos DB of a whole read or commit."});
  add(&s::connect_timeout, "connect-timeout",
      {.min = 100, .max = 2 * minutes, .doc = "Limit of connecting."});
  add(&s::mailbox_limit, "mailbox-limit",
      {.min = 1,
       .max = 100'000,
       .unit = "jobs",
       .doc = "Jobs this stage takes on at once; the rest waits upstream."});
  add(&s::cosmos_endpoint, "cosmos-endpoint",
      {.type = option_type::url,
       .env = {"COSMOS_ENDPOINT"},
       .doc =
           "Cosmos DB account, as https://ACCOUNT.documents.azure.com:443/. Used when endpoint is not set."});
  add(&s::cosmos_key, "cosmos-key", {.env = {"COSMOS_KEY"}, .doc = "Key of the account; without it: Entra."});
  add(&s::cosmos_database, "cosmos-database", {.env = {"COSMOS_DATABASE_NAME"}, .doc = "Database."});
  add(&s::cosmos_conversations, "cosmos-conversations",
      {.env = {"COSMOS_CONTAINER_NAME_CONVERSATIONS"},
       .doc = "Container of the records, partitioned by /userId."});
  add(&s::cosmos_user_memories, "cosmos-user-memories",
      {.env = {"COSMOS_CONTAINER_NAME_USER_MEMORIES"},
       .doc = "Container of the profiles, partitioned by /userId."});
  add_restart(add, &s::restart);
}

void add_supervisor(std::vector<option>& t) {
  using s = supervisor_settings;
  auto add = rows_of(t, "supervisor", &settings::supervisor);
  add(&s::max_restarts, "max-restarts",
      {.min = 0,
       .max = 1'000,
       .unit = "restarts",
       .doc = "Crashes of an actor within period that are healed by a restart; one more ends the process."});
  add(&s::period, "period",
      {.min = 1 * seconds, .max = 1 * hours, .doc = "The time in which they are counted."});
  add(&s::backoff_min, "backoff-min",
      {.min = 1,
       .max = 10 * minutes,
       .doc = "Upper bound of the first wait before a restart or reconnect; doubled each time, with full "
              "jitter."});
  add(&s::backoff_max, "backoff-max", {.min = 1, .max = 10 * minutes, .doc = "The longest such wait."});
  add(&s::drain_limit, "drain-limit",
      {.min = 0,
       .max = 10 * minutes,
       .reloadable = true,
       .doc = "At SIGTERM work in hand may take so long; what is not done is given back to the bus."});
}

void add_admin(std::vector<option>& t) {
  using s = admin_settings;
  auto add = rows_of(t, "admin", &settings::admin);
  add(&s::enabled, "enabled", {.doc = "Serve /metrics, /health/live, /health/ready and /status."});
  add(&s::bind, "bind", {.env = {"MEMORY_WORKER_ADMIN_BIND"}, .host = true, .doc = "Address to listen on."});
  add(&s::port, "port",
      {.min = 0, .max = 65'535, .doc = "Port to listen on; 0: the system picks one (the log says which)."});
}

void add_process(std::vector<option>& t) {
  using s = process_settings;
  auto add = rows_of(t, "process", &settings::process);
  add(&s::level, "log-level",
      {.env = {"LOG_LEVEL"},
       .choices = {"debug", "info", "warning", "error"},
       .reloadable = true,
       .doc = "The least level that is logged."});
  add(&s::threads, "threads",
      {.min = 0,
       .max = 64,
       .unit = "threads",
       .default_note = "CPUs of the cgroup less one, at least one",
       .doc = "Threads that run the actors; 1: the I/O thread does, which costs the least CPU; 0: from the "
              "cgroup's CPU limit."});
  add(&s::node_name, "node-name",
      {.default_note = "the host's name", .doc = "Name of this process in logs and status."});
  add(&s::service_name, "service-name",
      {.env = {"OTEL_SERVICE_NAME"}, .doc = "Name of the service in logs and status."});
  add(&s::ca_file, "ca-file",
      {.env = {"SSL_CERT_FILE"},
       .doc = "PEM file of certificate authorities for every HTTPS peer; empty: the system's."});
  add(&s::naive_times_zone, "naive-times-zone",
      {.env = {"MEMORY_WORKER_NAIVE_TIMES_ZONE"},
       .doc = "Zone of the chat's times that name none: UTC, an offset such as +02:00, or a name of the IANA "
              "database such as Europe/Berlin (package tzdata)."});
}

std::vector<option> make_table() {
  std::vector<option> t;
  add_receiver(t);
  add_dispatcher(t);
  add_session_loader(t);
  add_llm_analyzer(t);
  add_memory_writer(t);
  add_azure(t);
  add_supervisor(t);
  add_admin(t);
  add_process(t);
  add_telemetry(t);
  return t;
}

}  // namespace

const std::vector<option>& options() {
  static const std::vector<option> table = make_table();
  return table;
}

const option* find_option(std::string_view section, std::string_view key) {
  const auto& table = options();
  const auto at = std::find_if(table.begin(), table.end(),
                               [&](const option& o) { return o.section == section && o.key == key; });
  return at == table.end() ? nullptr : &*at;
}

}  // namespace mw::config
