// What a Cosmos DB request is signed and addressed with: the Authorization value for a master key or an Entra
// token, the date, the partition-key header, and which ids the service takes. Used by account.cpp, and by
// the development stand-in, which verifies what the account signs. Pure; time is a parameter. Errors:
// misconfigured (a key that is not base64), not_storable (an id the service does not take); details never
// carry a key or a token.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "protocol/base/errors.hpp"

namespace mw::cosmos {

/// The master key's bytes.
result<std::string> decode_key(std::string_view base64);

/// "Tue, 24 Nov 2026 10:00:00 GMT"
std::string http_date(std::chrono::system_clock::time_point t);
/// The epoch where the text is no such date.
std::chrono::system_clock::time_point parse_http_date(std::string_view text);

struct signed_parts {
  std::string_view method;
  std::string_view resource_type;  ///< "docs", "colls"
  std::string_view link;           ///< not percent-encoded, case kept: "dbs/D/colls/C/docs/ID"
  std::string_view date;           ///< as in x-ms-date
};

/// base64(HMAC-SHA256), as it stands behind `sig=`.
std::string signature(std::string_view key_bytes, const signed_parts& parts);
/// The header's value: percent-encoded `type=master&ver=1.0&sig=...`.
std::string master_authorization(std::string_view key_bytes, const signed_parts& parts);
/// The header's value: percent-encoded `type=aad&ver=1.0&sig=TOKEN`.
std::string token_authorization(std::string_view token);

/// `["value"]` in ASCII: everything beyond it as \uXXXX, since header values are bytes.
std::string partition_key_header(std::string_view value);

inline constexpr size_t max_id_bytes = 1'023;

/// not_storable where Cosmos DB takes no such id; the detail calls it `what` ("the user id").
status check_id(std::string_view what, std::string_view id);

}  // namespace mw::cosmos
