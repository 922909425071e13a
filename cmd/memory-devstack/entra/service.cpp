#include "cmd/memory-devstack/entra/service.hpp"

#include <fmt/format.h>

#include <array>

#include "cmd/memory-devstack/entra/aadsts.hpp"
#include "cmd/memory-devstack/jwt/jwt.hpp"
#include "protocol/base/json_writer.hpp"

namespace mw::devstack {
namespace {

constexpr std::string_view default_suffix = "/.default";

constexpr std::array<std::string_view, 8> azure_resources{
    "https://servicebus.azure.net", "https://redis.azure.com",   "https://cognitiveservices.azure.com",
    "https://ai.azure.com",         "https://monitor.azure.com", "https://cosmos.azure.com",
    "https://management.azure.com", "https://ml.azure.com"};

std::string_view without_slash(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  return text;
}

std::string field_of(const std::map<std::string, std::string>& form, const std::string& name) {
  const auto at = form.find(name);
  return at == form.end() ? std::string{} : at->second;
}

http::server_response missing_field(std::string_view name) {
  return aadsts(400, "invalid_request", 900144,
                fmt::format("The request body must contain the following parameter: '{}'.", name));
}

}  // namespace

std::string_view to_string(token_grant g) {
  static constexpr std::array<std::string_view, 4> names{"client_secret", "client_assertion", "app_service",
                                                         "imds"};
  return names[static_cast<size_t>(g)];
}

entra_service::entra_service(entra_options options, wait_fn wait, now_fn now)
    : wait_(std::move(wait)), now_(std::move(now)), options_(std::move(options)) {}

http::server_response entra_service::handle(const http::server_request& r) {
  if (r.path.starts_with("/_admin/")) return administer(r);
  if (r.path == "/msi/token") return app_service(r);
  if (r.path == "/metadata/identity/oauth2/token") return imds(r);
  if (r.path.ends_with("/oauth2/v2.0/token")) return token_endpoint(r);
  return json_response(404, R"({"error":"not_found"})");
}

bool entra_service::known_resource(std::string_view resource) const {
  resource = without_slash(resource);
  for (const auto known : azure_resources)
    if (resource == known) return true;
  for (const auto& known : options_.resources)
    if (resource == without_slash(known)) return true;
  return resource.starts_with("https://") && resource.ends_with(".documents.azure.com");
}

std::string entra_service::issue(token_grant g, std::string audience, bool wrong_audience) {
  const int64_t now = now_();
  ++counts_[g].granted;
  ++audiences_[audience];
  if (wrong_audience) audience = "https://another.example";
  std::string payload;
  json_writer w{payload};
  w.begin_object().field("aud", audience).field("iss", "https://sts.windows.net/" + options_.tenant + "/");
  // The real rest of a life is never shorter than the expires_in that is told; our clock has whole seconds.
  w.field("iat", now).field("nbf", now).field("exp", now + options_.token_life_s + 1);
  w.field("appid", options_.client_id).field("oid", options_.object_id).field("sub", options_.object_id);
  w.field("tid", options_.tenant)
      .field("ver", "1.0")
      .field("uti", fmt::format("t{}", next_id_++))
      .end_object();
  return sign_jwt(payload, options_.jwt_key);
}

std::optional<http::server_response> entra_service::refused_assertion(std::string_view assertion) const {
  if (options_.federated_key.empty())
    return aadsts(
        401, "invalid_client", 70025,
        fmt::format("The client '{}' has no configured federated identity credentials.", options_.client_id));
  const auto seen = verify_jwt(assertion, options_.federated_key, "api://AzureADTokenExchange", now_());
  if (!seen) {
    if (seen.error().detail.starts_with("ExpiredToken"))
      return aadsts(401, "invalid_client", 700024, "Client assertion is not within its valid time range.");
    if (seen.error().detail.starts_with("InvalidAudience"))
      return aadsts(401, "invalid_client", 700212,
                    "No matching federated identity record found for presented assertion audience.");
    return aadsts(401, "invalid_client", 50027, "JWT token is invalid or malformed.");
  }
  if (seen->subject != options_.federated_subject)
    return aadsts(
        401, "invalid_client", 700213,
        fmt::format("No matching federated identity record found for presented assertion subject '{}'.",
                    seen->subject));
  return std::nullopt;
}

http::server_response entra_service::token_endpoint(const http::server_request& r) {
  if (r.method != "POST")
    return aadsts(400, "invalid_request", 900561,
                  fmt::format("The endpoint only accepts POST requests. Received a {} request.", r.method));
  const bool is_form = r.header("content-type").starts_with("application/x-www-form-urlencoded");
  const auto form = is_form ? parse_form(r.body) : std::nullopt;
  if (!form) return missing_field("grant_type");
  const bool asserts = form->contains("client_assertion");
  const token_grant kind = asserts ? token_grant::client_assertion : token_grant::client_secret;
  bool wrong_audience = false;
  if (auto fault = faulted(kind, wrong_audience)) return std::move(*fault);
  const std::lock_guard lock{mutex_};
  if (r.segments.size() != 4 || r.segments[0] != options_.tenant)
    return aadsts(400, "invalid_tenant", 90002,
                  fmt::format("Tenant '{}' not found. Check to make sure you have the correct tenant ID.",
                              r.segments.empty() ? "" : r.segments[0]));
  const std::string grant_type = field_of(*form, "grant_type");
  if (grant_type.empty()) return missing_field("grant_type");
  if (grant_type != "client_credentials")
    return aadsts(400, "unsupported_grant_type", 70003,
                  fmt::format("The app requested an unsupported grant type '{}'.", grant_type));
  if (field_of(*form, "client_id").empty()) return missing_field("client_id");
  if (field_of(*form, "client_id") != options_.client_id)
    return aadsts(400, "unauthorized_client", 700016,
                  fmt::format("Application with identifier '{}' was not found in the directory '{}'.",
                              field_of(*form, "client_id"), options_.tenant));
  const std::string scope = field_of(*form, "scope");
  if (scope.empty()) return missing_field("scope");
  if (!scope.ends_with(default_suffix))
    return aadsts(
        400, "invalid_scope", 1002012,
        fmt::format("The provided value for scope {} is not valid. Client credential flows must have a "
                    "scope value with /.default suffixed to the resource identifier.",
                    scope));
  const auto resource = std::string{without_slash(std::string_view{scope}.substr(0, scope.size() - 9))};
  if (!known_resource(resource))
    return aadsts(400, "invalid_resource", 500011,
                  fmt::format("The resource principal named {} was not found in the tenant.", resource));
  if (asserts) {
    if (field_of(*form, "client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
      return missing_field("client_assertion_type");
    if (auto refused = refused_assertion(field_of(*form, "client_assertion"))) return std::move(*refused);
  } else if (!form->contains("client_secret")) {
    return aadsts(401, "invalid_client", 7000218,
                  "The request body must contain the following parameter: 'client_assertion' or "
                  "'client_secret'.");
  } else if (field_of(*form, "client_secret") != options_.client_secret) {
    return aadsts(
        401, "invalid_client", 7000215,
        fmt::format("Invalid client secret provided. Ensure the secret being sent in the request is the "
                    "client secret value, not the client secret ID, for a secret added to app '{}'.",
                    options_.client_id));
  }
  std::string body;
  json_writer w{body};
  w.begin_object().field("token_type", "Bearer").field("expires_in", options_.token_life_s);
  w.field("ext_expires_in", options_.token_life_s)
      .field("access_token", issue(kind, resource, wrong_audience))
      .end_object();
  return json_response(200, std::move(body));
}

std::optional<http::server_response> entra_service::faulted(token_grant g, bool& wrong_audience) {
  std::unique_lock lock{mutex_};
  ++counts_[g].requests;
  for (auto& f : faults_) {
    if (f.next == 0 || (!f.grant.empty() && f.grant != to_string(g))) continue;
    if (f.next > 0) --f.next;
    if (f.kind == "wrong_audience") {
      wrong_audience = true;
      return std::nullopt;
    }
    if (f.kind == "bad_json") return json_response(200, R"({"token_type":"Bearer","access_tok)");
    if (f.kind == "throttle") {
      auto r = aadsts(429, "temporarily_unavailable", 90055, "The request was throttled.");
      r.headers.emplace_back("Retry-After", std::to_string(f.retry_after_s));
      return r;
    }
    if (f.kind == "hang") {
      const std::chrono::milliseconds time{f.hang_ms};
      lock.unlock();
      wait_(time);
      http::server_response cut;
      cut.cut_after = 0;
      return cut;
    }
    return aadsts(static_cast<int>(f.status), "server_error", 90033,
                  "A transient error has occurred. Please try again.");
  }
  return std::nullopt;
}

}  // namespace mw::devstack
