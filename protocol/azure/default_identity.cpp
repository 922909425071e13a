#include "protocol/azure/default_identity.hpp"

namespace mw::azure {

std::shared_ptr<identity> make_default_identity(const credential_context& context,
                                                const client_identity& client, identity_endpoint managed,
                                                identity_options options) {
  std::vector<std::shared_ptr<credential>> links{
      make_client_secret(context, client), make_workload_identity(context, client),
      make_managed_identity(context, std::move(managed)), make_azure_cli(context, client.tenant_id)};
  return std::make_shared<identity>(context.loop, std::make_shared<credential_chain>(std::move(links)),
                                    std::move(options));
}

}  // namespace mw::azure
