// The `$cbs` node: put-token with shared access signatures or the tokens of the Entra stand-in.
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "cmd/memory-devstack/bus/requests.hpp"
#include "cmd/memory-devstack/jwt/jwt.hpp"
#include "protocol/base/base64.hpp"
#include "protocol/http/url.hpp"

namespace mw::devstack {
namespace {

constexpr std::string_view sas_prefix = "SharedAccessSignature ";

response refused(std::string why) {
  return {401, std::move(why), "amqp:unauthorized-access", {}};
}

std::string signature(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return base64({reinterpret_cast<const char*>(digest.data()), size});
}

struct sas_token {
  std::string_view resource_encoded;
  std::string signature;
  std::string_view expiry_text;
  wall_ms expiry = 0;
};

std::optional<sas_token> parse_sas(std::string_view token) {
  if (!token.starts_with(sas_prefix)) return std::nullopt;
  token.remove_prefix(sas_prefix.size());
  sas_token t;
  bool named = false;
  while (!token.empty()) {
    const size_t end = token.find('&');
    const std::string_view part = token.substr(0, end);
    token = end == std::string_view::npos ? std::string_view{} : token.substr(end + 1);
    const std::string_view text = part.substr(std::min(part.size(), part.find('=') + 1));
    if (part.starts_with("sr=")) t.resource_encoded = text;
    if (part.starts_with("se=")) t.expiry_text = text;
    if (part.starts_with("skn=")) named = !text.empty();
    if (part.starts_with("sig=")) t.signature = http::percent_decode(text).value_or("");
  }
  int64_t seconds = 0;
  const char* end = t.expiry_text.data() + t.expiry_text.size();
  if (!named || t.resource_encoded.empty() || t.signature.empty() || t.expiry_text.empty() ||
      std::from_chars(t.expiry_text.data(), end, seconds).ptr != end || seconds > 1'000'000'000'000) {
    return std::nullopt;
  }
  t.expiry = seconds * 1000;
  return t;
}

/// The end of a live token's grant, and whether its owner may receive.
result<path_grant> check_jwt(std::string_view token, const request& r, const token_rules& rules,
                             wall_ms now) {
  if (rules.jwt_key.empty()) {
    if (!rules.sas_key.empty())
      return fail(errc::unauthorized, "This bus knows shared access signatures only.");
    const auto expires = amqp::find_key(r.properties, "expiration");
    const auto until = expires ? expires->integer() : std::nullopt;
    if (until && *until <= now) return fail(errc::unauthorized, "ExpiredToken: the token's life is over.");
    return path_grant{until.value_or(std::numeric_limits<wall_ms>::max())};
  }
  const auto seen = verify_jwt(token, rules.jwt_key, rules.jwt_audience, now / 1000);
  if (!seen) return seen.error();
  const auto& all = rules.listeners;
  const bool listens = all.empty() || std::find(all.begin(), all.end(), seen->object_id) != all.end();
  return path_grant{seen->expires * 1000, listens};
}

bool covers(const std::string& path, std::string_view wanted) {
  return wanted.starts_with(path) &&
         (path.empty() || wanted.size() == path.size() || wanted[path.size()] == '/');
}

bool same_text(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

response put_token(const request& r, const token_rules& rules, wall_ms now, granted_paths& granted) {
  const auto refuse = [](const char* why) { return response{400, why, "amqp:not-allowed", {}}; };
  if (r.operation != "put-token") return refuse("The only operation here is put-token.");
  const auto name = amqp::find_key(r.properties, "name");
  const auto type = amqp::find_key(r.properties, "type");
  const auto token = r.body.text();
  if (!name || !name->text() || !type || !token || token->empty())
    return refuse("put-token needs name and type as application properties and the token as body.");
  if (type->text() == "jwt") {
    const auto grant = check_jwt(*token, r, rules, now);
    if (!grant) return refused(grant.error().detail);
    granted[normal_address(*name->text())] = *grant;
    return {};
  }
  if (type->text() != "servicebus.windows.net:sastoken") return refuse("The token's type is unknown.");
  if (rules.sas_key.empty() && !rules.jwt_key.empty())
    return refused("LocalAuthDisabled: this bus takes Entra tokens only.");
  const auto sas = parse_sas(*token);
  if (!sas) return refused("InvalidSignature: the token is no shared access signature.");
  if (sas->expiry <= now) return refused("ExpiredToken: the token's life is over.");
  const std::string signed_text = std::string{sas->resource_encoded} + "\n" + std::string{sas->expiry_text};
  if (!rules.sas_key.empty() && !same_text(signature(rules.sas_key, signed_text), sas->signature))
    return refused("InvalidSignature: the token has an invalid signature.");
  const auto resource = http::percent_decode(sas->resource_encoded);
  if (!resource || !may_use({{normal_address(*resource), {sas->expiry}}}, *name->text(), now))
    return refused("InvalidAudience: the token's resource does not cover the name.");
  granted[normal_address(*name->text())] = {sas->expiry};
  return {};
}

bool may_use(const granted_paths& granted, std::string_view address, wall_ms now) {
  const std::string wanted = normal_address(address);
  return std::any_of(granted.begin(), granted.end(),
                     [&](const auto& g) { return g.second.until > now && covers(g.first, wanted); });
}

bool may_listen(const granted_paths& granted, std::string_view address, wall_ms now) {
  const std::string wanted = normal_address(address);
  return std::any_of(granted.begin(), granted.end(), [&](const auto& g) {
    return g.second.until > now && g.second.listen && covers(g.first, wanted);
  });
}

}  // namespace mw::devstack
