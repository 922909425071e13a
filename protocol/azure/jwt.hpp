// What a JSON web token says, read without verifying it: our own access tokens come from Entra over TLS or
// from the machine's identity endpoint. Pure. What is no such token has no claims: empty or nullopt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mw::azure {

/// The payload's JSON text; nullopt where the token does not have three parts.
std::optional<std::string> jwt_payload(std::string_view token);
/// A claim that is a string, as `oid`.
std::string jwt_text(std::string_view token, const char* claim);
/// A claim that is a number, as `exp` (seconds since the epoch).
std::optional<int64_t> jwt_number(std::string_view token, const char* claim);

}  // namespace mw::azure
