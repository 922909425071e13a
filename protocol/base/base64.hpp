// Base64 of RFC 4648 4, with padding, as embeddings come. Strict: other signs, a missing or a misplaced "="
// and bits behind the last byte are no base64. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mw {

/// The bytes; nullopt: this is no base64.
std::optional<std::string> base64_bytes(std::string_view text);

}  // namespace mw
