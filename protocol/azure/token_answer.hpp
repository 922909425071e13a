// Reads what a token endpoint answers: Entra, App Service's and Container Apps' identity endpoint, IMDS,
// Azure CLI. Pure; called by the credentials. A token's life is counted from its arrival by our own clock:
// `expires_in`, or `expires_on` against the answer's own Date, so a clock that is wrong does no harm.
// Failures: unauthorized, forbidden, misconfigured, throttled, unreachable; the detail keeps the AADSTS code,
// never a token or secret.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "protocol/base/errors.hpp"
#include "protocol/http/client.hpp"

namespace mw::azure {

/// A token as it was issued.
struct grant {
  std::string token;
  std::chrono::milliseconds life{};        ///< from now on
  std::chrono::milliseconds refresh_in{};  ///< when the issuer wants it renewed; 0: not said
};

result<grant> read_token_answer(const http::response& r, std::chrono::system_clock::time_point now);

/// What `az account get-access-token --output json` printed.
result<grant> read_cli_answer(std::string_view json, std::chrono::system_clock::time_point now);

/// The first line, without control characters and Entra's trace ids, at most 300 bytes.
std::string first_words(std::string_view text);

/// "https://x/.default" becomes "https://x": what the endpoints of the first generation call a resource.
std::string resource_of(std::string_view scope);

}  // namespace mw::azure
