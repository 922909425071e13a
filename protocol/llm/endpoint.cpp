#include "protocol/llm/endpoint.hpp"

#include <algorithm>
#include <optional>

#include "protocol/http/url.hpp"

namespace mw::llm {
namespace {

constexpr std::string_view shapes =
    "; use https://NAME.openai.azure.com/openai/deployments/DEPLOYMENT, "
    "https://NAME.openai.azure.com/openai/v1 with a model, or http(s)://HOST[:PORT]/v1";

struct url_parts {
  std::string scheme;
  std::string host;  // with port
  std::string path;  // no trailing slash
  std::string query;
};

std::optional<url_parts> split(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  url_parts p;
  p.scheme = url.substr(0, scheme);
  url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find('#'));
  if (const size_t q = url.find('?'); q != std::string_view::npos) {
    p.query = url.substr(q + 1);
    url = url.substr(0, q);
  }
  const size_t slash = std::min(url.find('/'), url.size());
  p.host = url.substr(0, slash);
  p.path = url.substr(slash);
  while (p.path.ends_with('/')) p.path.pop_back();
  const bool odd = p.host.find_first_of("@ \t\r\n") != std::string::npos ||
                   p.path.find_first_of(" \t\r\n") != std::string::npos;
  if ((p.scheme != "http" && p.scheme != "https") || p.host.empty() || odd) return std::nullopt;
  return p;
}

bool is_azure(const url_parts& p) {
  const std::string_view host = std::string_view{p.host}.substr(0, p.host.find(':'));
  return host.ends_with(".openai.azure.com") || host.ends_with(".services.ai.azure.com") ||
         host.ends_with(".cognitiveservices.azure.com") || host.ends_with(".openai.azure.us");
}

std::string query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    if (pair.starts_with(name) && pair.substr(name.size()).starts_with('='))
      return std::string{pair.substr(name.size() + 1)};
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
  }
  return {};
}

constexpr std::string_view leaf = "/chat/completions";
constexpr std::string_view deployments = "/openai/deployments/";

failure bad(std::string why) {
  return fail(dependency::llm, errc::misconfigured, "LLM endpoint: " + std::move(why) + std::string{shapes});
}

/// The deployment's name in the path, or empty.
std::string deployment_of(const std::string& path) {
  const size_t at = path.find(deployments);
  if (at == std::string::npos) return {};
  const std::string_view rest = std::string_view{path}.substr(at + deployments.size());
  return std::string{rest.substr(0, rest.find('/'))};
}

}  // namespace

result<endpoint> make_endpoint(const endpoint_options& options) {
  auto parts = split(options.url);
  if (!parts)
    return bad("not a usable URL (it needs http:// or https://, a host, and no user or password in it)");
  if (parts->path.ends_with(leaf)) parts->path.resize(parts->path.size() - leaf.size());
  const bool azure = is_azure(*parts);
  std::string version = options.api_version;
  if (version.empty()) version = query_value(parts->query, "api-version");
  if (azure && (parts->path.empty() || parts->path == "/openai")) {
    if (options.model.empty()) return bad("the URL names no deployment and no model is configured");
    parts->path =
        version.empty() ? "/openai/v1" : std::string{deployments} + http::percent_encode(options.model);
  }
  endpoint e;
  e.host = parts->host;
  const std::string deployment = deployment_of(parts->path);
  if (parts->path.find(deployments) != std::string::npos) {
    if (deployment.empty()) return bad("the deployment's name is missing in the URL");
    e.shown_model = http::percent_decode(deployment).value_or(deployment);
    if (version.empty()) version = default_api_version;
  } else {
    if (azure && !parts->path.ends_with("/openai/v1"))
      return bad("the URL's path is not one of Azure OpenAI's");
    if (azure && options.model.empty()) return bad("the v1 form needs a model (the deployment's name)");
    if (!parts->path.ends_with("/v1")) parts->path += "/v1";
    e.body_model = options.model;
    e.shown_model = options.model;
  }
  e.url = parts->scheme + "://" + parts->host + parts->path + std::string{leaf};
  if (!version.empty()) e.url += "?api-version=" + version;
  e.headers.emplace_back("content-type", "application/json");
  const bool key_header = azure || !deployment.empty();
  if (!options.api_key.empty())
    e.headers.emplace_back(key_header ? "api-key" : "authorization",
                           (key_header ? "" : "Bearer ") + options.api_key);
  return e;
}

}  // namespace mw::llm
