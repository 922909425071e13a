#include "protocol/llm/endpoint.hpp"

#include <algorithm>
#include <optional>

#include "protocol/http/url.hpp"

namespace mw::llm {
namespace {

constexpr std::string_view shapes =
    "; use https://NAME.openai.azure.com/openai/deployments/DEPLOYMENT, "
    "https://NAME.openai.azure.com/openai/v1 or https://NAME.services.ai.azure.com/models with a model, or "
    "http(s)://HOST[:PORT]/v1";

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

std::string_view leaf_of(operation_kind k) {
  return k == operation_kind::chat ? "/chat/completions" : "/embeddings";
}

constexpr std::string_view deployments = "/openai/deployments/";

failure bad_endpoint(std::string why) {
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
    return bad_endpoint(
        "not a usable URL (it needs http:// or https://, a host, and no user or password in it)");
  const std::string_view leaf = leaf_of(options.operation);
  for (const auto k : {operation_kind::chat, operation_kind::embeddings})
    if (const auto tail = leaf_of(k); parts->path.ends_with(tail))
      parts->path.resize(parts->path.size() - tail.size());
  const bool azure = is_azure(*parts);
  std::string version = options.api_version;
  if (version.empty()) version = query_value(parts->query, "api-version");
  if (azure && (parts->path.empty() || parts->path == "/openai")) {
    if (options.model.empty()) return bad_endpoint("the URL names no deployment and no model is configured");
    parts->path =
        version.empty() ? "/openai/v1" : std::string{deployments} + http::percent_encode(options.model);
  }
  endpoint e;
  e.host = parts->host;
  const std::string deployment = deployment_of(parts->path);
  if (parts->path.find(deployments) != std::string::npos) {
    if (deployment.empty()) return bad_endpoint("the deployment's name is missing in the URL");
    e.shown_model = http::percent_decode(deployment).value_or(deployment);
    if (version.empty()) version = default_api_version;
  } else {
    const bool inference = azure && parts->path == "/models";
    if (azure && !inference && !parts->path.ends_with("/openai/v1"))
      return bad_endpoint("the URL's path is not one of Azure OpenAI's");
    if (azure && options.model.empty())
      return bad_endpoint("this form needs a model (the deployment's name)");
    if (inference && version.empty()) version = inference_api_version;
    // v1 knows no dated versions; the variable that names one is set beside it in the Python worker's
    // environment.
    if (azure && !inference && version.starts_with("20")) version.clear();
    // What that route does not know itself it is to hand to the model, not to refuse.
    if (inference) e.headers.emplace_back("extra-parameters", "pass-through");
    if (!inference && !parts->path.ends_with("/v1")) parts->path += "/v1";
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

bool takes_entra(std::string_view url) {
  const auto parts = split(url);
  return parts && parts->scheme == "https" && is_azure(*parts);
}

bool same_host(std::string_view a, std::string_view b) {
  const auto one = split(a);
  const auto other = split(b);
  return one && other && one->scheme == other->scheme && one->host == other->host;
}

}  // namespace mw::llm
