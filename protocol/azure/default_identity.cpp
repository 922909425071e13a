#include "protocol/azure/default_identity.hpp"

namespace mw::azure {

std::shared_ptr<identity> make_default_identity(const means& m, const client_identity& client,
                                                identity_endpoint managed, identity_options options) {
  std::vector<std::shared_ptr<credential>> links{
      make_client_secret(m, client), make_workload_identity(m, client),
      make_managed_identity(m, std::move(managed)), make_azure_cli(m, client.tenant_id)};
  return std::make_shared<identity>(m.loop, std::make_shared<credential_chain>(std::move(links)),
                                    std::move(options));
}

}  // namespace mw::azure
