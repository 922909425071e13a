// When tokens are asked for again, pure: refresh ahead of expiry, retries of one request, pauses after
// failures. Used by the identity and its credentials; `random` is uniform in [0, 1). Times are milliseconds.
#pragma once

#include <chrono>
#include <optional>

#include "protocol/base/errors.hpp"

namespace mw::azure {

using std::chrono::milliseconds;

/// About half the life, or when the issuer wants it; a tenth earlier or later, so that replicas spread.
milliseconds refresh_delay(milliseconds life, milliseconds refresh_in, double random);

/// The n-th background refresh in a row failed while the token lives `left` longer.
milliseconds refresh_retry_delay(unsigned n, milliseconds left, const failure& why, double random);

/// No token, and the n-th attempt in a row failed: the next one not before. What a person must repair is
/// tried less often than what heals by itself.
milliseconds pause_after(unsigned n, const failure& why, double random);

enum class issuer : uint8_t { entra, app_service, imds };

/// Whether a request that ended so (0: no answer came) is sent again within the same attempt, and when.
/// IMDS wants 404, 410, 429 and 5xx retried with exponential backoff, 410 for at least 70 s.
std::optional<milliseconds> request_retry_delay(issuer who, unsigned attempt, int status,
                                                milliseconds retry_after, milliseconds unit, double random);

}  // namespace mw::azure
