#include "protocol/config/load.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>

#include "protocol/base/written_time.hpp"
#include "protocol/config/layers.hpp"

extern char** environ;

namespace mw::config {

namespace fs = std::filesystem;

namespace {

constexpr size_t max_file_bytes = 1u << 20;

/// The text of a file, or why it cannot be read.
result<std::string> slurp(const fs::path& file) {
  std::error_code error;
  if (fs::is_directory(file, error)) return fail(errc::misconfigured, "is a directory");
  errno = 0;
  std::ifstream in{file, std::ios::binary};
  if (!in) return fail(errc::misconfigured, std::generic_category().message(errno));
  std::string text(max_file_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  if (in.bad()) return fail(errc::misconfigured, "reading failed");
  if (text.size() > max_file_bytes) return fail(errc::misconfigured, "is larger than 1 MiB");
  return text;
}

void add_files(layers& all, loaded& out, const inputs& in, std::string named) {
  for (const auto& [name, content] : in.environment)
    if (named.empty() && name == "MEMORY_WORKER_CONFIG") named = all.meant(name, content);
  const bool asked = !named.empty();
  const std::string file = asked ? named : std::string{default_file};
  std::error_code error;
  if (asked || fs::exists(in.directory / file, error)) {
    out.file = file;
    const auto text = slurp(in.directory / file);
    if (text)
      all.add_file(*text, file);
    else
      all.problem(fmt::format("{}: cannot read the configuration: {}; name a readable file with --config",
                              file, text.error().detail));
  }
  if (fs::is_directory(in.directory / ".env", error)) {
    out.notes.emplace_back(".env is a folder, as Python's virtual environments are: it is not read");
  } else if (fs::exists(in.directory / ".env", error)) {
    const auto text = slurp(in.directory / ".env");
    if (text)
      all.add_dotenv(*text, ".env");
    else
      all.problem(
          fmt::format(".env: cannot be read: {}; make it readable or remove it", text.error().detail));
  }
}

void resolve_preset(const layers& all, loaded& out) {
  auto& d = out.values.dispatcher;
  struct pace {
    milliseconds quiet;
    milliseconds max_age;
  };
  using namespace std::chrono_literals;
  constexpr std::array<pace, 3> paces{{{5s, 30s}, {60s, 10min}, {5min, 30min}}};
  const auto& chosen = paces.at(static_cast<size_t>(d.preset));
  const bool quiet_given = all.find("dispatcher", "quiet") != nullptr;
  const bool age_given = all.find("dispatcher", "max-age") != nullptr;
  const auto* const preset = all.find("dispatcher", "preset");
  const auto note = [&](std::string_view key) {
    if (preset != nullptr)
      out.origins.push_back({find_option("dispatcher", key), layer::preset, "preset of " + preset->place});
  };
  if (!quiet_given) {
    d.quiet = chosen.quiet;
    note("quiet");
  }
  if (!age_given) {
    d.max_age = chosen.max_age;
    note("max-age");
  }
}

constexpr std::string_view azure_api_version = "2025-04-01-preview";
constexpr std::string_view deployments = "/openai/deployments/";

/// The URL of a deployment at AZURE_OPENAI_ENDPOINT. Where that is a v1 URL it stays, and the deployment
/// becomes `model`.
std::string azure_url(std::string base, const std::string& deployment, std::string& model) {
  constexpr std::string_view v1 = "/openai/v1";
  constexpr std::string_view openai = "/openai";
  while (base.ends_with('/')) base.pop_back();
  if (base.ends_with(v1)) {
    model = deployment;
    return base;
  }
  if (base.ends_with(openai)) base.resize(base.size() - openai.size());
  return fmt::format("{}{}{}", base, deployments, deployment);
}

/// embeddings-endpoint, or embeddings-deployment beside the LLM.
void resolve_embeddings(layers& all, loaded& out) {
  auto& llm = out.values.llm_analyzer;
  const auto* const deployment = all.find("llm_analyzer", "embeddings-deployment");
  const auto* const given = all.find("llm_analyzer", "embeddings-endpoint");
  if (given != nullptr) {
    if (llm.embeddings_model.empty()) llm.embeddings_model = llm.embeddings_deployment;
    auto note = fmt::format("summaries are embedded at llm_analyzer.embeddings-endpoint of {}", given->place);
    if (deployment != nullptr) note += fmt::format(", with the model of {}", deployment->place);
    out.notes.push_back(std::move(note));
    return;
  }
  if (deployment == nullptr || llm.embeddings_deployment.empty()) {
    if (const auto* const model = all.find("llm_analyzer", "embeddings-model"))
      out.notes.push_back(fmt::format(
          "{} has no effect without llm_analyzer.embeddings-endpoint or -deployment", model->place));
    return;
  }
  llm.embeddings_model = llm.embeddings_deployment;
  const size_t at = llm.endpoint.find(deployments);
  if (!llm.azure_endpoint.empty()) {
    llm.embeddings_endpoint = azure_url(llm.azure_endpoint, llm.embeddings_deployment, llm.embeddings_model);
  } else if (at != std::string::npos) {
    llm.embeddings_endpoint = llm.endpoint.substr(0, at + deployments.size()) + llm.embeddings_deployment;
  } else {
    llm.embeddings_endpoint = llm.endpoint;
  }
  if (!llm.embeddings_endpoint.empty())
    out.notes.push_back(fmt::format(
        "summaries are embedded with the deployment of {}, beside the LLM of {}", deployment->place,
        llm.azure_endpoint.empty() ? "llm_analyzer.endpoint" : "llm_analyzer.azure-endpoint"));
}

/// endpoint, or azure-endpoint with azure-deployment; of two layers the higher one, within one the endpoint.
void resolve_llm_endpoint(layers& all, loaded& out) {
  auto& llm = out.values.llm_analyzer;
  const auto* const plain = all.find("llm_analyzer", "endpoint");
  const auto* const azure = all.find("llm_analyzer", "azure-endpoint");
  const auto* const deployment = all.find("llm_analyzer", "azure-deployment");
  if (plain != nullptr && (azure == nullptr || plain->from >= azure->from)) {
    auto note = fmt::format("llm_analyzer.endpoint is taken from {}", plain->place);
    if (azure != nullptr) note += fmt::format("; {} is not used", azure->place);
    out.notes.push_back(std::move(note));
    return;
  }
  if (azure == nullptr) return;
  if (deployment == nullptr) {
    all.problem(
        fmt::format("{}: llm_analyzer.azure-endpoint: no deployment is named; set "
                    "AZURE_OPENAI_DEPLOYMENT_NAME, or use AZURE_AI_CHAT_ENDPOINT",
                    azure->place));
    return;
  }
  llm.endpoint = azure_url(llm.azure_endpoint, llm.azure_deployment, llm.model);
  if (all.find("llm_analyzer", "api-version") == nullptr) llm.api_version = azure_api_version;
  out.notes.push_back(
      fmt::format("llm_analyzer.endpoint is composed of {} and {}", azure->place, deployment->place));
  if (plain != nullptr)
    out.notes.push_back(fmt::format("{} overrides llm_analyzer.endpoint of {}", azure->place, plain->place));
}

void resolve_stores(layers& all, loaded& out) {
  const auto* const api = all.find("memory_writer", "endpoint");
  const auto* const cosmos = all.find("memory_writer", "cosmos-endpoint");
  if (api != nullptr) {
    auto note = fmt::format("memory_writer.endpoint is taken from {}", api->place);
    if (cosmos != nullptr) note += fmt::format("; {} is not used", cosmos->place);
    out.notes.push_back(std::move(note));
  } else if (cosmos != nullptr) {
    out.notes.push_back(fmt::format(
        "memories go to Cosmos DB: memory_writer.cosmos-endpoint is taken from {}", cosmos->place));
  }
  const auto* const connection = all.find("receiver", "connection-string");
  const auto* const name = all.find("receiver", "namespace");
  if (connection != nullptr && name != nullptr)
    out.notes.push_back(
        fmt::format("{} names the Service Bus; {} is not used", connection->place, name->place));
  if (connection == nullptr && name != nullptr)
    out.notes.push_back(fmt::format(
        "the Service Bus is that of {}; no connection string is set, so the worker signs in with Entra",
        name->place));
}

/// An endpoint that is right for others, which speak gRPC to it.
void warn_of_grpc_port(layers& all, const loaded& out) {
  const auto& t = out.values.telemetry;
  if (t.disabled || t.exporter != traces_exporter::otlp) return;
  for (const auto* key : {"otlp-traces-endpoint", "otlp-endpoint"}) {
    const auto* const endpoint = all.find("telemetry", key);
    if (endpoint == nullptr) continue;
    const auto& url = std::get<std::string>(endpoint->content);
    const size_t host = url.find("://") + 3;
    if (url.substr(0, url.find('/', host)).ends_with(":4317"))
      all.warn("grpc-port",
               fmt::format("{}: 4317 is usually the port of OTLP over gRPC, which is not spoken; for "
                           "http/protobuf it is 4318",
                           endpoint->place));
    return;
  }
}

void resolve_limits(layers& all, loaded& out, const inputs& in) {
  auto& s = out.values;
  auto& bytes = s.dispatcher.bytes_in_flight;
  const auto largest = s.session_loader.max_conversation;
  if (bytes == 0) {
    bytes = default_bytes_in_flight(in.limits);
    if (bytes < largest) {
      out.notes.push_back(fmt::format(
          "dispatcher.bytes-in-flight is raised to session_loader.max-conversation: {} bytes instead of {}",
          largest, bytes));
      bytes = largest;
    }
  } else if (bytes < largest) {
    all.problem(
        fmt::format("{}: dispatcher.bytes-in-flight: {} bytes is less than session_loader.max-conversation "
                    "({} bytes); raise the one or lower the other",
                    all.find("dispatcher", "bytes-in-flight")->place, bytes, largest));
  }
  if (s.process.threads == 0) s.process.threads = default_threads(in.limits);
  if (s.llm_analyzer.max_in_flight == 0) s.llm_analyzer.max_in_flight = s.dispatcher.max_jobs;
  if (s.process.node_name.empty()) s.process.node_name = in.host_name;
}

/// Two options of one section where the first must not exceed the second.
void check_order(layers& all, const loaded& out, std::string_view section, std::string_view small,
                 std::string_view large) {
  const auto* const a = find_option(section, small);
  const auto* const b = find_option(section, large);
  const auto low = std::get<milliseconds>(a->get(out.values));
  const auto high = std::get<milliseconds>(b->get(out.values));
  if (low <= high) return;
  const auto* given = all.find(section, small);
  if (given == nullptr) given = all.find(section, large);
  all.problem(fmt::format("{}: {}: {} is longer than {} ({}); raise {} or lower {}",
                          given == nullptr ? "default" : given->place, a->name(), write_duration(low), large,
                          write_duration(high), large, small));
}

void check_zone(layers& all, const loaded& out) {
  const auto zone = naive_zone::named(out.values.process.naive_times_zone);
  if (!zone)
    all.problem(fmt::format("{}: process.naive-times-zone: {}",
                            all.find("process", "naive-times-zone")->place, zone.error().detail));
}

void check_required(layers& all, const loaded& out) {
  const std::string file = out.file.empty() ? std::string{default_file} : out.file;
  const auto& s = out.values;
  if (s.receiver.connection_string.empty() && s.receiver.fully_qualified_namespace.empty())
    all.problem(
        fmt::format("receiver.connection-string is not set: the Service Bus; set "
                    "SERVICEBUS_CONNECTION_STRING or SERVICEBUS_FULLY_QUALIFIED_NAMESPACE, "
                    "or connection-string = \"...\" in [receiver] of {}",
                    file));
  for (const auto& o : options()) {
    if (o.required.empty() || !std::get<std::string>(o.get(s)).empty()) continue;
    // What was tried and failed has its own line already.
    if (o.name() == "llm_analyzer.endpoint" && all.find("llm_analyzer", "azure-endpoint") != nullptr)
      continue;
    if (o.name() == "memory_writer.endpoint" && all.find("memory_writer", "cosmos-endpoint") != nullptr)
      continue;
    const bool refused = std::any_of(out.problems.begin(), out.problems.end(), [&](const failure& f) {
      return f.detail.find(": " + o.name() + ": ") != std::string::npos;
    });
    if (refused) continue;
    all.problem(fmt::format("{} is not set: {}; set {}, or {} = \"...\" in [{}] of {}", o.name(), o.required,
                            o.environment.front(), o.key, o.section, file));
  }
}

}  // namespace

inputs inputs_of_process(std::vector<std::string> arguments) {
  inputs in;
  in.arguments = std::move(arguments);
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      in.environment.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  std::error_code error;
  in.directory = fs::current_path(error);
  in.limits = read_limits("/", machine_resources());
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) == 0) in.host_name = name.data();
  if (in.host_name.empty()) in.host_name = "memory-worker";
  return in;
}

loaded load(const inputs& in, need what) {
  loaded out;
  layers all{out};
  const auto file = all.add_arguments(in.arguments);
  add_files(all, out, in, file);
  all.add_environment(in.environment);
  all.apply();
  resolve_preset(all, out);
  resolve_llm_endpoint(all, out);
  resolve_embeddings(all, out);
  resolve_stores(all, out);
  warn_of_grpc_port(all, out);
  resolve_limits(all, out, in);
  if (out.values.dispatcher.quiet.count() > 0) check_order(all, out, "dispatcher", "quiet", "max-age");
  check_order(all, out, "supervisor", "backoff-min", "backoff-max");
  check_zone(all, out);
  if (what == need::everything) check_required(all, out);
  return out;
}

}  // namespace mw::config
