#include "cmd/memory-api/options.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "protocol/base/bare_text.hpp"

namespace mw::api {
namespace {

template <class T>
result<T> number_of(std::string_view name, std::string_view text, T least, T most) {
  if (auto words = service_link_words(name, text); !words.empty())
    return fail(errc::misconfigured, std::string{name} + ": " + words);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most)
    return fail(errc::misconfigured, std::string{name} + " is '" + std::string{text} +
                                         "'; give a whole number from " + std::to_string(least) + " to " +
                                         std::to_string(most));
  return value;
}

result<log_level> level_of(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  if (text == "DEBUG") return log_level::debug;
  if (text == "INFO") return log_level::info;
  if (text == "WARNING" || text == "WARN") return log_level::warning;
  if (text == "ERROR" || text == "CRITICAL") return log_level::error;
  return fail(errc::misconfigured, "LOG_LEVEL is '" + text + "'; give DEBUG, INFO, WARNING or ERROR");
}

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> out;
  while (!list.empty()) {
    const size_t comma = list.find(',');
    auto part = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ') || part.ends_with('/')) part.remove_suffix(1);
    if (!part.empty()) out.emplace_back(part);
  }
  return out;
}

using environment_fn = std::function<std::string(const char*)>;

status read_environment(options& o, const environment_fn& environment) {
  if (const auto port = environment("PORT"); !port.empty()) {
    const auto value = number_of<uint16_t>("PORT", port, 0, 65535);
    if (!value) return value.error();
    o.port = *value;
  }
  if (const auto level = environment("LOG_LEVEL"); !level.empty()) {
    const auto value = level_of(level);
    if (!value) return value.error();
    o.level = *value;
  }
  if (const auto origins = environment("CORS_ORIGINS"); !origins.empty()) o.cors_origins = split(origins);
  return ok;
}

void read_azure(options& o, const environment_fn& environment) {
  const std::pair<const char*, std::string*> variables[] = {
      {"COSMOS_ENDPOINT", &o.cosmos.endpoint},
      {"COSMOS_KEY", &o.cosmos.key},
      {"COSMOS_DATABASE_NAME", &o.cosmos.database},
      {"COSMOS_CONVERSATIONS_CONTAINER_NAME", &o.cosmos.conversations},
      {"COSMOS_USER_MEMORIES_CONTAINER_NAME", &o.cosmos.user_memories},
      {"AZURE_TENANT_ID", &o.entra.tenant_id},
      {"AZURE_CLIENT_ID", &o.entra.client_id},
      {"AZURE_CLIENT_SECRET", &o.entra.client_secret},
      {"AZURE_FEDERATED_TOKEN_FILE", &o.entra.federated_token_file},
      {"AZURE_AUTHORITY_HOST", &o.entra.authority_host},
      {"IDENTITY_ENDPOINT", &o.entra.identity_endpoint},
      {"IDENTITY_HEADER", &o.entra.identity_header},
      {"AZURE_POD_IDENTITY_AUTHORITY_HOST", &o.entra.imds_host},
      {"SSL_CERT_FILE", &o.entra.ca_file},
  };
  for (const auto& [name, field] : variables)
    if (auto value = environment(name); !value.empty()) *field = std::move(value);
}

/// What only the arguments say and the rest depends on.
struct choices {
  std::string auth;
  std::string store;
  bool data = false;
};

status set_option(options& o, std::string_view name, const std::string& value, choices& chosen) {
  if (name == "--bind") {
    o.bind = value;
  } else if (name == "--data") {
    o.data = value;
    chosen.data = true;
  } else if (name == "--store") {
    if (value != "sqlite" && value != "cosmos")
      return fail(errc::misconfigured, "--store is '" + value + "'; give sqlite or cosmos");
    chosen.store = value;
  } else if (name == "--auth") {
    if (value != "none" && value != "token")
      return fail(errc::misconfigured, "--auth is '" + value + "'; give none or token");
    chosen.auth = value;
  } else if (name == "--port") {
    const auto port = number_of<uint16_t>(name, value, 0, 65535);
    if (!port) return port.error();
    o.port = *port;
  } else if (name == "--threads") {
    const auto threads = number_of<unsigned>(name, value, 1, 1000);
    if (!threads) return threads.error();
    o.threads = *threads;
  } else {
    return fail(errc::misconfigured,
                "unknown option " + std::string{name} + "; memory-api --help lists them");
  }
  return ok;
}

status read_arguments(options& o, const std::vector<std::string>& arguments, choices& chosen) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    if (name == "--help" || name == "-h") {
      o.help = true;
      continue;
    }
    if (name == "--version") {
      o.version = true;
      continue;
    }
    std::optional<std::string> value;
    if (const size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (name.starts_with("--") && i + 1 < arguments.size()) {
      value = arguments[++i];
    }
    if (!value || value->empty())
      return fail(errc::misconfigured, name.starts_with("--")
                                           ? name + " needs a value; see memory-api --help"
                                           : "unexpected argument '" + name + "'; see memory-api --help");
    if (const auto set = set_option(o, name, *value, chosen); !set) return set.error();
  }
  return ok;
}

}  // namespace

result<options> read_options(const std::vector<std::string>& arguments, const environment_fn& variable) {
  options o;
  const environment_fn environment = [&](const char* name) {
    const auto given = variable(name);
    const auto bare = bare_text(given);
    const bool told = std::find(o.trimmed.begin(), o.trimmed.end(), name) != o.trimmed.end();
    if (bare.size() != given.size() && !told) o.trimmed.emplace_back(name);
    return std::string{bare};
  };
  choices chosen;
  if (const auto read = read_environment(o, environment); !read) return read.error();
  read_azure(o, environment);
  if (const auto read = read_arguments(o, arguments, chosen); !read) return read.error();
  o.token = chosen.auth == "none" ? "" : environment("MEMORY_API_TOKEN");
  if (chosen.auth == "token" && o.token.empty())
    return fail(errc::misconfigured, "--auth token needs the token in the environment: set MEMORY_API_TOKEN");
  const bool by_environment = chosen.store.empty() && !chosen.data && !o.cosmos.endpoint.empty();
  if (chosen.store == "cosmos" || by_environment) o.store = store_kind::cosmos;
  if (o.store == store_kind::cosmos && o.cosmos.endpoint.empty())
    return fail(errc::misconfigured,
                "--store cosmos needs the account in the environment: set COSMOS_ENDPOINT");
  return o;
}

bool is_loopback(std::string_view bind) {
  return bind == "localhost" || bind == "::1" || bind.starts_with("127.");
}

std::string_view usage_text() {
  return R"(memory-api: keeps conversation summaries and user profiles, serves them over HTTP

  --port N        port to listen on, 0 picks a free one        (PORT, default 8003)
  --bind ADDRESS  address to listen on                         (default 127.0.0.1)
  --store KIND    sqlite or cosmos       (default: cosmos if COSMOS_ENDPOINT is set and --data is not given)
  --data FILE     SQLite database, created where missing       (default ./memory.db)
  --auth MODE     none, or token: every request but /health needs "Authorization: Bearer TOKEN" with the
                  token of the environment variable MEMORY_API_TOKEN
                  (default: token if MEMORY_API_TOKEN is set, else none)
  --threads N     connections served at once                   (default 96)
  --help          this text
  --version       the version

Environment: PORT, LOG_LEVEL (DEBUG, INFO, WARNING, ERROR; default INFO), MEMORY_API_TOKEN,
CORS_ORIGINS (comma-separated origins that browsers may call from, default *; never with credentials).
Cosmos DB: COSMOS_ENDPOINT, COSMOS_KEY (without it: Entra), COSMOS_DATABASE_NAME (memory),
COSMOS_CONVERSATIONS_CONTAINER_NAME (conversations), COSMOS_USER_MEMORIES_CONTAINER_NAME (user-memories);
both containers partitioned by /userId. Which store was taken is logged. Entra signs in as the AZURE_* and IDENTITY_*
variables say, with the Azure CLI last.

Prints {"listening":PORT} on stdout when ready, logs JSON lines on stderr. SIGTERM or SIGINT stops it.
Exit codes: 0 stopped, 78 it cannot work as configured.
)";
}

}  // namespace mw::api
