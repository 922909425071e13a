// The Entra stand-in without its socket: takes a request, gives the answer of Entra's token endpoint, of App
// Service's identity endpoint or of IMDS, or the fault that was ordered. Refuses what they refuse, with their
// status codes and AADSTS errors. handle() may run on any number of threads at once; hanging goes through the
// given function, which returns false when the server is stopping.
//   POST /{tenant}/oauth2/v2.0/token    GET /msi/token    GET /metadata/identity/oauth2/token
//   GET|DELETE /_admin/stats   GET|POST|DELETE /_admin/faults   POST /_admin/settings
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "protocol/http/server.hpp"

namespace mw::devstack {

struct entra_options {
  std::string tenant = "11111111-1111-1111-1111-111111111111";
  std::string client_id = "22222222-2222-2222-2222-222222222222";
  std::string client_secret = "dev-secret";
  std::string object_id = "33333333-3333-3333-3333-333333333333";
  std::string identity_header = "dev-header";
  std::string jwt_key = "dev-key";  ///< HS256, shared with the fakes that verify tokens
  std::string federated_key;        ///< HS256 of the federated tokens; empty: client assertions are refused
  std::string federated_subject = "system:serviceaccount:default:memory-worker";
  std::vector<std::string> resources;  ///< known beside Azure's own
  int64_t token_life_s = 3600;
};

enum class token_grant : uint8_t { client_secret, client_assertion, app_service, imds };
std::string_view to_string(token_grant g);

struct entra_fault {
  std::string kind;   ///< error, throttle, hang, bad_json, wrong_audience
  std::string grant;  ///< empty: any
  int64_t next = -1;  ///< how many more requests; -1: no limit
  int64_t status = 500;
  int64_t retry_after_s = 1;
  int64_t hang_ms = 600'000;
};
/// {"clear"?, "faults":[{"kind", "grant"?, "next"?, "status"?, "retry_after_s"?, "hang_ms"?}]}; rejected:
/// names the field.
result<std::vector<entra_fault>> parse_entra_faults(std::string_view json, bool& clear);

class entra_service {
 public:
  using wait_fn = std::function<bool(std::chrono::milliseconds)>;
  using now_fn = std::function<int64_t()>;  ///< unix seconds
  entra_service(entra_options options, wait_fn wait, now_fn now);

  http::server_response handle(const http::server_request& request);

 private:
  struct counts {
    uint64_t requests = 0;
    uint64_t granted = 0;
  };
  http::server_response token_endpoint(const http::server_request& r);
  http::server_response app_service(const http::server_request& r);
  http::server_response imds(const http::server_request& r);
  std::optional<http::server_response> refused_assertion(std::string_view assertion) const;
  /// What both identity endpoints check: api-version, resource, client id; the body of the refusal.
  std::optional<std::string> refused_identity(const http::server_request& r, std::string_view version) const;
  bool known_resource(std::string_view resource) const;
  std::string issue(token_grant g, std::string audience, bool wrong_audience);
  /// The answer that replaces the real one; or says that the token shall be for somebody else.
  std::optional<http::server_response> faulted(token_grant g, bool& wrong_audience);
  http::server_response administer(const http::server_request& r);
  http::server_response set_settings(std::string_view json);
  std::string stats() const;

  const wait_fn wait_;
  const now_fn now_;
  mutable std::mutex mutex_;  // guards the rest
  entra_options options_;
  std::vector<entra_fault> faults_;
  std::map<token_grant, counts> counts_;
  std::map<std::string, uint64_t> audiences_;
  uint64_t next_id_ = 1;
};

}  // namespace mw::devstack
