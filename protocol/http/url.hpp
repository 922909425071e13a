// Percent-coding of URL parts, for the server's paths and queries and for clients that put ids into paths.
// Pure; no errors but nullopt for a text that is not valid percent-coding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mw::http {

/// nullopt: a '%' without two hex digits, or a decoded NUL. `plus_is_space`: as in form-coded queries.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
/// Everything but unreserved characters (letters, digits, "-._~") is coded: safe as one path segment or one
/// query value.
std::string percent_encode(std::string_view text);

}  // namespace mw::http
