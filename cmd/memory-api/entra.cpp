#include "cmd/memory-api/entra.hpp"

#include <unistd.h>

namespace mw::api {

entra::entra(const entra_access& who, const log& l) : http_(loop_.get(), {.ca_file = who.ca_file}) {
  azure::credential_context context{.loop = loop_.get(), .http = http_};
  context.seed = static_cast<uint64_t>(getpid());
  azure::identity_options o;
  o.seed = context.seed;
  o.refresh_failed = [&l](const std::string& scope, const failure& why) {
    l.write(log_level::warning, "token-refresh-failed", {{"scope", scope}, {"detail", to_string(why)}});
  };
  o.signed_in = [&l](const std::string& scope, const std::string& link) {
    l.write(log_level::info, "signed-in", {{"scope", scope}, {"identity", link}});
  };
  identity_ = azure::make_default_identity(
      context,
      {who.authority_host, who.tenant_id, who.client_id, who.client_secret, who.federated_token_file},
      {who.identity_endpoint, who.identity_header, who.imds_host, who.client_id}, std::move(o));
}

}  // namespace mw::api
