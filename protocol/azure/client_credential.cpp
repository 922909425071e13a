// Client credentials at Entra's token endpoint: with a secret, or with the platform's federated token
// (workload identity).
#include <fstream>

#include "protocol/azure/exchange.hpp"
#include "protocol/http/url.hpp"

namespace mw::azure {
namespace {

constexpr std::streamsize largest_token_file = 1 << 16;

std::string without_trailing_slashes(std::string text) {
  while (!text.empty() && text.back() == '/') text.pop_back();
  return text;
}

/// "login.microsoftonline.com", with scheme or without.
std::string authority_of(std::string host) {
  if (host.find("://") == std::string::npos) host = "https://" + host;
  return without_trailing_slashes(std::move(host));
}

bool plain_word(std::string_view text) {
  return text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._") ==
         std::string_view::npos;
}

/// Secrets go over TLS, or stay on this machine.
bool safe_authority(std::string_view url) {
  for (const std::string_view start : {"https://", "http://127.0.0.1:", "http://localhost:", "http://[::1]:"})
    if (url.starts_with(start)) return true;
  return false;
}

result<std::string> read_token_file(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  std::string text(static_cast<size_t>(largest_token_file), '\0');
  if (in) in.read(text.data(), largest_token_file);
  text.resize(static_cast<size_t>(in.gcount()));
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.pop_back();
  if (text.empty())
    return fail(errc::misconfigured, "AZURE_FEDERATED_TOKEN_FILE: nothing can be read from " + path);
  return text;
}

class client_credential final : public credential {
 public:
  client_credential(const credential_context& context, client_identity who, bool federated)
      : who_(std::move(who)),
        federated_(federated),
        exchange_(std::make_shared<exchange>(context, issuer::entra)) {
    who_.authority_host = authority_of(std::move(who_.authority_host));
  }

  std::string_view name() const override { return federated_ ? "workload identity" : "environment"; }

  void fetch(const std::string& scope, credential_done done) override {
    if (auto missing = what_is_missing(); !missing.empty())
      return done({fail(errc::misconfigured, std::move(missing)), true});
    if (!plain_word(who_.tenant_id))
      return done({fail(errc::misconfigured, "AZURE_TENANT_ID is neither an id nor a domain name")});
    if (!safe_authority(who_.authority_host))
      return done({fail(errc::misconfigured, "AZURE_AUTHORITY_HOST must begin with https://")});
    exchange_->run([this, scope] { return request(scope); },
                   [done = std::move(done)](const result<http::response>& r) {
                     if (!r) return done({no_answer(r.error())});
                     done({read_token_answer(*r, std::chrono::system_clock::now())});
                   });
  }

 private:
  std::string what_is_missing() const {
    std::string names;
    const auto need = [&names](const std::string& field, std::string_view variable) {
      if (field.empty()) names.append(names.empty() ? "" : ", ").append(variable);
    };
    need(who_.tenant_id, "AZURE_TENANT_ID");
    need(who_.client_id, "AZURE_CLIENT_ID");
    if (federated_)
      need(who_.federated_token_file, "AZURE_FEDERATED_TOKEN_FILE");
    else
      need(who_.client_secret, "AZURE_CLIENT_SECRET");
    return names.empty() ? names : "not set: " + names;
  }

  result<http::request> request(const std::string& scope) const {
    using http::percent_encode;
    http::request r;
    r.method = "POST";
    r.url = who_.authority_host + "/" + who_.tenant_id + "/oauth2/v2.0/token";
    r.headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}};
    r.body = "grant_type=client_credentials&client_id=" + percent_encode(who_.client_id) +
             "&scope=" + percent_encode(scope);
    if (!federated_) {
      r.body += "&client_secret=" + percent_encode(who_.client_secret);
      return r;
    }
    const auto assertion = read_token_file(who_.federated_token_file);
    if (!assertion) return assertion.error();
    r.body += "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer" +
              ("&client_assertion=" + percent_encode(*assertion));
    return r;
  }

  client_identity who_;
  bool federated_;
  std::shared_ptr<exchange> exchange_;
};

}  // namespace

std::shared_ptr<credential> make_client_secret(const credential_context& context, client_identity who) {
  return std::make_shared<client_credential>(context, std::move(who), false);
}

std::shared_ptr<credential> make_workload_identity(const credential_context& context, client_identity who) {
  return std::make_shared<client_credential>(context, std::move(who), true);
}

}  // namespace mw::azure
