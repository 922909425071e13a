// Lock tokens. On the wire a delivery tag is a 16-byte .NET Guid (first three fields little-endian), while
// $management and the x-opt-lock-token annotation carry the same token as an AMQP uuid (text order). Used by
// the receiver (settling by tag, renewing by uuid) and by the development bus. Pure functions, no errors:
// what is not 16 bytes is nullopt.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mw::amqp {

/// 16 bytes in text (RFC 4122) order.
using uuid = std::array<uint8_t, 16>;

/// The token a delivery tag stands for; nullopt unless the tag has 16 bytes.
std::optional<uuid> token_of_tag(std::string_view tag);
/// The 16-byte delivery tag of a token.
std::string tag_of_token(const uuid& token);
/// "01234567-89ab-cdef-0123-456789abcdef", lower case: how the SDKs show it.
std::string to_text(const uuid& token);

}  // namespace mw::amqp
