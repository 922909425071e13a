// The identity endpoints of a machine: App Service and Container Apps, and IMDS.
#include <fmt/format.h>

#include "cmd/memory-devstack/entra/aadsts.hpp"
#include "cmd/memory-devstack/entra/service.hpp"
#include "protocol/base/json_writer.hpp"

namespace mw::devstack {
namespace {

std::string bad_request(std::string_view words) {
  std::string body;
  json_writer{body}
      .begin_object()
      .field("error", "invalid_request")
      .field("error_description", words)
      .end_object();
  return body;
}

std::string refusal(int status, std::string_view words) {
  std::string body;
  json_writer{body}.begin_object().field("statusCode", status).field("message", words).end_object();
  return body;
}

}  // namespace

std::optional<std::string> entra_service::refused_identity(const http::server_request& r,
                                                           std::string_view version) const {
  if (r.parameter("api-version") != version)
    return fmt::format("The api-version is missing or not supported; use {}", version);
  const auto resource = r.parameter("resource");
  if (resource.empty()) return "The required query variable 'resource' is missing.";
  if (!known_resource(resource))
    return fmt::format("AADSTS500011: The resource principal named {} was not found in the tenant.",
                       resource);
  const auto client = r.parameter("client_id");
  if (!client.empty() && client != options_.client_id) return "Identity not found";
  return std::nullopt;
}

http::server_response entra_service::app_service(const http::server_request& r) {
  bool wrong_audience = false;
  if (auto fault = faulted(token_grant::app_service, wrong_audience)) return std::move(*fault);
  const std::lock_guard lock{mutex_};
  if (r.method != "GET") return json_response(405, refusal(405, "Only GET is supported."));
  if (r.header("x-identity-header") != options_.identity_header)
    return json_response(401, refusal(401, "The X-IDENTITY-HEADER is missing or wrong."));
  if (const auto refused = refused_identity(r, "2019-08-01")) {
    const bool no_identity = *refused == "Identity not found";
    return json_response(400,
                         refusal(400, no_identity ? "No User Assigned or Delegated Managed Identity found "
                                                    "for specified ClientId/ResourceId/PrincipalId."
                                                  : *refused));
  }
  std::string body;
  json_writer w{body};
  w.begin_object().field("access_token",
                         issue(token_grant::app_service, r.parameter("resource"), wrong_audience));
  w.field("expires_on", std::to_string(now_() + options_.token_life_s));
  w.field("resource", r.parameter("resource")).field("token_type", "Bearer");
  w.field("client_id", options_.client_id).end_object();
  return json_response(200, std::move(body));
}

http::server_response entra_service::imds(const http::server_request& r) {
  // Before the faults: a probe without the header is no token request.
  if (r.header("metadata") != "true" || !r.header("x-forwarded-for").empty())
    return json_response(400, bad_request("Required metadata header not specified"));
  bool wrong_audience = false;
  if (auto fault = faulted(token_grant::imds, wrong_audience)) return std::move(*fault);
  const std::lock_guard lock{mutex_};
  if (r.method != "GET") return json_response(405, bad_request("Only GET is supported"));
  if (const auto refused = refused_identity(r, "2018-02-01"))
    return json_response(400, bad_request(*refused));
  const auto life = std::to_string(options_.token_life_s);
  std::string body;
  json_writer w{body};
  w.begin_object().field("access_token", issue(token_grant::imds, r.parameter("resource"), wrong_audience));
  w.field("client_id", options_.client_id).field("expires_in", life).field("ext_expires_in", life);
  w.field("expires_on", std::to_string(now_() + options_.token_life_s));
  w.field("not_before", std::to_string(now_())).field("resource", r.parameter("resource"));
  w.field("token_type", "Bearer").end_object();
  return json_response(200, std::move(body));
}

}  // namespace mw::devstack
