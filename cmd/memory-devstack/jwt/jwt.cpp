#include "cmd/memory-devstack/jwt/jwt.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "protocol/azure/jwt.hpp"
#include "protocol/base/base64.hpp"

namespace mw::devstack {
namespace {

std::string signature_of(std::string_view text, std::string_view key) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
  return base64url({reinterpret_cast<const char*>(mac.data()), size});
}

std::string_view without_slash(std::string_view text) {
  if (text.ends_with('/')) text.remove_suffix(1);
  return text;
}

failure wrong(const char* words) {
  return fail(errc::unauthorized, words);
}

}  // namespace

std::string sign_jwt(std::string_view payload, std::string_view key) {
  std::string token = base64url(R"({"typ":"JWT","alg":"HS256"})");
  token.append(".").append(base64url(payload));
  const std::string signature = signature_of(token, key);
  return token.append(".").append(signature);
}

result<verified_jwt> verify_jwt(std::string_view token, std::string_view key, std::string_view audience,
                                int64_t now_seconds) {
  const auto last = token.rfind('.');
  if (!azure::jwt_payload(token) || last == std::string_view::npos)
    return wrong("InvalidToken: the token is no JSON web token.");
  const std::string expected = signature_of(token.substr(0, last), key);
  const std::string_view given = token.substr(last + 1);
  if (given.size() != expected.size() || CRYPTO_memcmp(given.data(), expected.data(), given.size()) != 0)
    return wrong("InvalidSignature: the token has an invalid signature.");
  if (without_slash(azure::jwt_text(token, "aud")) != without_slash(audience))
    return wrong("InvalidAudience: the token is meant for another service.");
  const auto expires = azure::jwt_number(token, "exp");
  if (!expires || *expires <= now_seconds) return wrong("ExpiredToken: the token's life is over.");
  return verified_jwt{azure::jwt_text(token, "oid"), azure::jwt_text(token, "sub"),
                      azure::jwt_text(token, "iss"), *expires};
}

}  // namespace mw::devstack
