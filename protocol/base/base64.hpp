// Base64 of RFC 4648: section 4 with padding, as keys, signatures and embeddings come, and section 5 without,
// as in tokens. Strict: other signs, a missing or a misplaced "=" and bits behind the last byte are no
// base64. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mw {

std::string base64(std::string_view bytes);
/// The bytes; nullopt: this is no base64.
std::optional<std::string> base64_bytes(std::string_view text);

/// The signs of URLs, without padding.
std::string base64url(std::string_view bytes);
std::optional<std::string> base64url_bytes(std::string_view text);

}  // namespace mw
