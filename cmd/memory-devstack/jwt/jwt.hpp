// Signed tokens for the development fakes: the Entra fake issues them, the others verify them with a shared
// key. HS256 only. Pure; time is a parameter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/errors.hpp"

namespace mw::devstack {

/// `payload` is JSON text.
std::string sign_jwt(std::string_view payload, std::string_view key);

struct verified_jwt {
  std::string object_id;
  std::string subject;
  std::string issuer;
  int64_t expires = 0;  ///< unix seconds
};
/// unauthorized: what is wrong, in the words of a service (InvalidSignature, InvalidAudience, ExpiredToken,
/// ...). An audience is compared without a final slash.
result<verified_jwt> verify_jwt(std::string_view token, std::string_view key, std::string_view audience,
                                int64_t now_seconds);

}  // namespace mw::devstack
