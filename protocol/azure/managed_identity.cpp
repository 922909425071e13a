// Managed identity: the platform's identity endpoint (App Service, Container Apps), else IMDS.
#include "protocol/azure/exchange.hpp"
#include "protocol/http/url.hpp"

namespace mw::azure {
namespace {

std::string query(std::string_view api_version, const std::string& scope, const std::string& client_id) {
  std::string q = "api-version=";
  q.append(api_version).append("&resource=").append(http::percent_encode(resource_of(scope)));
  if (!client_id.empty()) q.append("&client_id=").append(http::percent_encode(client_id));
  return q;
}

class app_service_credential final : public credential {
 public:
  app_service_credential(const credential_context& context, identity_endpoint at)
      : at_(std::move(at)), exchange_(std::make_shared<exchange>(context, issuer::app_service)) {}

  std::string_view name() const override { return "managed identity (identity endpoint)"; }

  void fetch(const std::string& scope, credential_done done) override {
    exchange_->run(
        [this, scope]() -> result<http::request> {
          http::request r;
          const char* const divider = at_.url.find('?') == std::string::npos ? "?" : "&";
          r.url = at_.url + divider + query("2019-08-01", scope, at_.client_id);
          r.headers = {{"X-IDENTITY-HEADER", at_.header}};
          return r;
        },
        [done = std::move(done)](const result<http::response>& r) {
          if (!r) return done({no_answer(r.error())});
          done({read_token_answer(*r, std::chrono::system_clock::now())});
        });
  }

 private:
  identity_endpoint at_;
  std::shared_ptr<exchange> exchange_;
};

class imds_credential final : public credential, public std::enable_shared_from_this<imds_credential> {
 public:
  imds_credential(const credential_context& context, identity_endpoint at)
      : context_(context), at_(std::move(at)), exchange_(std::make_shared<exchange>(context, issuer::imds)) {
    if (at_.imds_host.find("://") == std::string::npos) at_.imds_host = "http://" + at_.imds_host;
    while (at_.imds_host.back() == '/') at_.imds_host.pop_back();
  }

  std::string_view name() const override { return "managed identity (IMDS)"; }

  void fetch(const std::string& scope, credential_done done) override {
    if (found_) return ask(scope, std::move(done));
    // Without its header IMDS refuses at once; elsewhere nobody answers, and the chain must not wait for
    // that.
    http::request r;
    r.url = at_.imds_host + "/metadata/identity/oauth2/token";
    r.no_proxy = true;
    r.connect_timeout = context_.probe_timeout;
    r.total_timeout = context_.probe_timeout;
    context_.http.send(std::move(r), [weak = weak_from_this(), scope,
                                      done = std::move(done)](const result<http::response>& answer) mutable {
      const auto self = weak.lock();
      if (!self) return;
      if (!answer)
        return done({fail(errc::unreachable, "no metadata service answers at " + self->at_.imds_host), true});
      self->found_ = true;
      self->ask(scope, std::move(done));
    });
  }

 private:
  void ask(const std::string& scope, credential_done done) {
    exchange_->run(
        [this, scope]() -> result<http::request> {
          http::request r;
          r.url =
              at_.imds_host + "/metadata/identity/oauth2/token?" + query("2018-02-01", scope, at_.client_id);
          r.headers = {{"Metadata", "true"}};
          return r;
        },
        [done = std::move(done)](const result<http::response>& r) {
          if (!r) return done({no_answer(r.error())});
          // 400: this machine has no such identity. 403: somebody else answers at that address.
          const bool none = r->status == 400 || r->status == 403;
          done({read_token_answer(*r, std::chrono::system_clock::now()), none});
        });
  }

  credential_context context_;
  identity_endpoint at_;
  std::shared_ptr<exchange> exchange_;
  bool found_ = false;
};

}  // namespace

std::shared_ptr<credential> make_managed_identity(const credential_context& context, identity_endpoint at) {
  if (!at.url.empty() && !at.header.empty())
    return std::make_shared<app_service_credential>(context, std::move(at));
  return std::make_shared<imds_credential>(context, std::move(at));
}

}  // namespace mw::azure
