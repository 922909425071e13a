#include "cmd/memory-worker/entra.hpp"

#include "protocol/observe/log.hpp"

namespace mw {

std::shared_ptr<azure::identity> make_identity(io::loop& loop, http::client& http,
                                               const config::azure_settings& s, uint64_t seed) {
  azure::credential_context context{.loop = loop, .http = http};
  context.seed = seed;
  azure::client_identity client{s.authority_host, s.tenant_id, s.client_id, s.client_secret.value,
                                s.federated_token_file};
  azure::identity_endpoint managed{s.identity_endpoint, s.identity_header.value, s.imds_host, s.client_id};
  azure::identity_options o;
  o.seed = seed;
  o.refresh_failed = [](const std::string& scope, const failure& why) {
    observe::log(log_level::warning, "token-refresh-failed")
        .field("scope", scope)
        .field("effect", "the old token is used while it lives; tried again in the background")
        .failed(why);
  };
  o.signed_in = [](const std::string& scope, const std::string& link) {
    observe::log(log_level::info, "signed-in").field("scope", scope).field("identity", link);
  };
  return azure::make_default_identity(context, client, std::move(managed), std::move(o));
}

void sign_in_with(const std::shared_ptr<azure::token_source>& identity, amqp::link_options& o) {
  auto used = std::make_shared<std::string>();  // the loop thread's
  o.token_for = [identity, used](const std::string&,
                                 std::function<void(result<amqp::link_options::token>)> done) {
    identity->get(azure::service_bus_scope, [used, done = std::move(done)](result<azure::access_token> t) {
      if (!t) {
        failure why = t.error();
        why.from = dependency::bus;
        return done(std::move(why));
      }
      *used = t->value;
      done(amqp::link_options::token{"jwt", std::move(t->value), t->expires});
    });
  };
  o.token_refused = [identity, used] { identity->refused(azure::service_bus_scope, *used); };
}

}  // namespace mw
