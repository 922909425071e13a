// The rows of [azure]: how the worker signs in with Entra. The environment variables are those of Azure's own
// SDKs and platforms.
#include "protocol/config/option_rows.hpp"

namespace mw::config {

void add_azure(std::vector<option>& t) {
  using s = azure_settings;
  auto add = rows_of(t, "azure", &settings::azure);
  add(&s::tenant_id, "tenant-id", {.env = {"AZURE_TENANT_ID"}, .doc = "Entra tenant of the application."});
  add(&s::client_id, "client-id",
      {.env = {"AZURE_CLIENT_ID"},
       .doc = "The application's client id; without a secret or federated token file the client id of a "
              "user-assigned managed identity."});
  add(&s::client_secret, "client-secret",
      {.env = {"AZURE_CLIENT_SECRET"}, .doc = "The application's client secret."});
  add(&s::authority_host, "authority-host",
      {.env = {"AZURE_AUTHORITY_HOST"}, .doc = "Where Entra is; other in national clouds."});
  add(&s::federated_token_file, "federated-token-file",
      {.env = {"AZURE_FEDERATED_TOKEN_FILE"},
       .doc = "File of the platform's token that signs in as the application (workload identity)."});
  add(&s::identity_endpoint, "identity-endpoint",
      {.type = option_type::url,
       .env = {"IDENTITY_ENDPOINT"},
       .doc = "Managed identity endpoint, set by App Service and Container Apps."});
  add(&s::identity_header, "identity-header",
      {.env = {"IDENTITY_HEADER"}, .doc = "Its secret header, set by the platform too."});
  add(&s::imds_host, "imds-host",
      {.type = option_type::url,
       .env = {"AZURE_POD_IDENTITY_AUTHORITY_HOST"},
       .doc = "Metadata service that gives a virtual machine's managed identity its tokens."});
}

}  // namespace mw::config
