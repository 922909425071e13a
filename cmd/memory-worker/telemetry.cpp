#include "cmd/memory-worker/telemetry.hpp"

#include <charconv>
#include <random>

#include "protocol/azure/sas.hpp"
#include "protocol/llm/endpoint.hpp"
#include "protocol/observe/log.hpp"

namespace mw {
namespace {

using std::chrono::milliseconds;

/// Host and port of a URL; the port is the scheme's where none is named.
std::pair<std::string, uint16_t> server_of(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return {};
  uint16_t port = url.substr(0, scheme) == "http" ? 80 : 443;
  auto host = url.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  if (const size_t at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  const size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
    const auto digits = host.substr(colon + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), port);
    host = host.substr(0, colon);
  }
  return {std::string{host}, port};
}

/// gen_ai.provider.name
std::string provider_of(std::string_view url) {
  const auto has = [&](std::string_view part) { return url.find(part) != std::string_view::npos; };
  if (has(".openai.azure.") || has("/openai/deployments/") || has(".cognitiveservices.azure."))
    return "azure.ai.openai";
  return has(".services.ai.azure.") || has(".inference.ai.azure.") ? "azure.ai.inference" : "openai";
}

observe::trace_facts facts_of(const config::settings& s) {
  observe::trace_facts f;
  f.service = s.process.service_name;
  f.node = s.process.node_name;
  f.version = MW_VERSION;
  f.bus_host = s.receiver.fully_qualified_namespace;
  if (const auto bus = azure::parse_connection_string(s.receiver.connection_string.value))
    f.bus_host = bus->host;
  f.topic = s.receiver.topic;
  f.subscription = s.receiver.subscription;
  f.redis_host = s.session_loader.host;
  f.redis_port = s.session_loader.port;
  std::tie(f.llm_host, f.llm_port) = server_of(s.llm_analyzer.endpoint);
  f.provider = provider_of(s.llm_analyzer.endpoint);
  if (const auto e =
          llm::make_endpoint({s.llm_analyzer.endpoint, {}, s.llm_analyzer.api_version, s.llm_analyzer.model}))
    f.model = e->shown_model;
  f.temperature = s.llm_analyzer.temperature;
  if (!s.memory_writer.endpoint.empty()) {
    std::tie(f.memory_host, f.memory_port) = server_of(s.memory_writer.endpoint);
  } else {
    std::tie(f.memory_host, f.memory_port) = server_of(s.memory_writer.cosmos_endpoint);
    f.cosmos_database = s.memory_writer.cosmos_database;
    f.cosmos_container = s.memory_writer.cosmos_conversations;
  }
  return f;
}

std::string traces_url(const config::telemetry_settings& t) {
  if (!t.otlp_traces_endpoint.empty()) return t.otlp_traces_endpoint;
  if (t.otlp_endpoint.empty()) return {};
  auto base = t.otlp_endpoint;
  while (base.ends_with('/')) base.pop_back();
  return base + "/v1/traces";
}

bool sends_otlp(const config::telemetry_settings& t) {
  return !t.disabled && t.exporter == config::traces_exporter::otlp && !traces_url(t).empty();
}

bool sends_insights(const config::telemetry_settings& t) {
  return !t.disabled && !t.app_insights.empty();
}

observe::otlp_options otlp_of(const config::telemetry_settings& t) {
  observe::otlp_options o;
  o.url = traces_url(t);
  o.headers = observe::parse_pairs(t.otlp_headers.value);
  o.resource = observe::parse_pairs(t.resource_attributes);
  o.protocol = static_cast<observe::otlp_protocol>(t.protocol);
  o.gzip = t.compression == config::otlp_compression::gzip;
  o.timeout = milliseconds{t.otlp_timeout_ms};
  return o;
}

}  // namespace

result<std::unique_ptr<observe::telemetry>> make_telemetry(const config::settings& s, io::loop& loop,
                                                           observe::metrics& m, azure::token_source* tokens) {
  const auto& t = s.telemetry;
  if (!sends_otlp(t) && !sends_insights(t)) return std::unique_ptr<observe::telemetry>{};
  observe::telemetry_options o;
  o.facts = facts_of(s);
  o.book.capture_content = t.capture_content;
  o.book.most_waiting = size_t{s.receiver.window_room} * 2 + 1'000;
  o.sampler = static_cast<observe::sampler_kind>(t.sampler);
  o.ratio = t.sampler_arg;
  if (sends_otlp(t)) o.otlp = otlp_of(t);
  if (sends_insights(t)) {
    auto connection = observe::parse_insights_connection(t.app_insights.value);
    if (!connection) return connection.error();
    if (!connection->audience.empty() && tokens == nullptr)
      observe::log(log_level::warning, "telemetry-without-token")
          .field("detail",
                 "the connection string names an AADAudience, but there is no credential: telemetry is "
                 "sent with the instrumentation key alone");
    o.insights.emplace();
    o.insights->connection = std::move(*connection);
    o.insights->timeout = milliseconds{t.otlp_timeout_ms};
    o.insights->tokens = tokens;
  }
  o.sender.most_items = t.max_queue;
  o.sender.batch_items = std::min(t.max_batch, t.max_queue);
  o.sender.delay = milliseconds{t.schedule_delay_ms};
  o.sender.metric_interval = milliseconds{t.metric_interval_ms};
  o.ca_file = t.ca_file;
  o.seed = (uint64_t{std::random_device{}()} << 32) | std::random_device{}();
  return std::make_unique<observe::telemetry>(loop, std::move(o), m);
}

std::string describe_telemetry(const config::settings& s) {
  const auto& t = s.telemetry;
  std::string out;
  if (sends_otlp(t)) {
    const auto [host, port] = server_of(traces_url(t));
    out = "otlp " + host + ":" + std::to_string(port);
  }
  if (sends_insights(t)) out += out.empty() ? "application-insights" : ", application-insights";
  return out;
}

}  // namespace mw
