// UTF-8 helpers shared by the codecs. Lengths are bytes unless a name says code points.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mw {

/// Bytes of the well-formed code point at `i` (1 to 4), or 0 where the text is not UTF-8 (overlong,
/// surrogate, cut).
size_t utf8_length_at(std::string_view text, size_t i);
/// The longest prefix of at most `max_bytes` bytes that does not cut a code point.
std::string_view utf8_prefix(std::string_view text, size_t max_bytes);
bool utf8_valid(std::string_view text);
bool is_ascii(std::string_view text);
/// The code point at `i`, which moves behind it; a byte that is not UTF-8 gives U+FFFD.
char32_t next_code_point(std::string_view text, size_t& i);
void append_code_point(std::string& out, char32_t c);

}  // namespace mw
