// One way to get an Entra access token: a link of the chain. Everything runs on the loop's thread. A
// credential that does not apply here (nothing is configured, no such endpoint) says `unavailable` and the
// chain goes on; one that is configured and fails ends the attempt, so that a wrong secret never signs in as
// somebody else. Finite time-outs and retries are the credential's own. Failure details hold no secret and no
// token.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/azure/refresh.hpp"
#include "protocol/azure/token_answer.hpp"
#include "protocol/http/client.hpp"
#include "protocol/io/loop.hpp"

namespace mw::azure {

struct credential_answer {
  result<grant> token;
  bool unavailable = false;  ///< with a failure: this credential does not apply here
};
using credential_done = std::function<void(credential_answer)>;

class credential {
 public:
  virtual ~credential() = default;
  virtual std::string_view name() const = 0;
  /// `done` runs once, never after this object is gone.
  virtual void fetch(const std::string& scope, credential_done done) = 0;
};

/// What all credentials use.
struct credential_context {
  io::loop& loop;
  http::client& http;
  milliseconds retry_unit{800};
  milliseconds request_timeout{10'000};
  milliseconds probe_timeout{1'000};
  milliseconds command_timeout{15'000};
  uint64_t seed = 1;
};

struct client_identity {
  std::string authority_host = "https://login.microsoftonline.com";
  std::string tenant_id;
  std::string client_id;
  std::string client_secret;
  std::string federated_token_file;
};

/// AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET.
std::shared_ptr<credential> make_client_secret(const credential_context& context, client_identity who);
/// AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE; the file is read for each request.
std::shared_ptr<credential> make_workload_identity(const credential_context& context, client_identity who);

struct identity_endpoint {
  std::string url;        ///< IDENTITY_ENDPOINT
  std::string header;     ///< IDENTITY_HEADER, a secret
  std::string imds_host;  ///< used where the two are not set
  std::string client_id;  ///< of a user-assigned identity; empty: the system-assigned one
};
/// The endpoint of App Service and Container Apps, else the virtual machine's metadata service (IMDS).
std::shared_ptr<credential> make_managed_identity(const credential_context& context, identity_endpoint at);

/// `az account get-access-token`, of whoever is signed in there.
std::shared_ptr<credential> make_azure_cli(const credential_context& context, std::string tenant_id);

}  // namespace mw::azure
