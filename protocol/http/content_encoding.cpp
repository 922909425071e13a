#include "protocol/http/content_encoding.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "protocol/base/ascii.hpp"

namespace mw::http {
namespace {

constexpr size_t most_layers = 3;

/// As inflateInit2() takes them: gzip or zlib by their first bytes, and deflate without any.
constexpr int by_first_bytes = 32 + MAX_WBITS;
constexpr int without_header = -MAX_WBITS;

bool begins_as_gzip(std::string_view body) {
  return body.starts_with("\x1f\x8b");
}

enum class outcome : uint8_t { done, broken, too_large };

outcome inflate_into(std::string& out, std::string_view body, int window, size_t max_bytes) {
  z_stream z{};
  if (inflateInit2(&z, window) != Z_OK) return outcome::broken;
  std::string input{body};  // zlib's interface takes no const
  z.next_in = reinterpret_cast<Bytef*>(input.data());
  z.avail_in = static_cast<uInt>(input.size());
  std::array<char, 16'384> piece;
  int state = Z_OK;
  out.clear();
  while (state == Z_OK && out.size() <= max_bytes) {
    z.next_out = reinterpret_cast<Bytef*>(piece.data());
    z.avail_out = static_cast<uInt>(piece.size());
    state = inflate(&z, Z_NO_FLUSH);
    out.append(piece.data(), piece.size() - z.avail_out);
  }
  inflateEnd(&z);
  if (out.size() > max_bytes) return outcome::too_large;
  return state == Z_STREAM_END ? outcome::done : outcome::broken;
}

failure unreadable(std::string_view encoding, const char* why) {
  const bool plain = encoding.size() <= 32 && std::all_of(encoding.begin(), encoding.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                     });
  return fail(errc::malformed, std::string{"the answer is encoded as "}
                                   .append(plain ? encoding : "something unknown")
                                   .append(", which was not asked for, and ")
                                   .append(why));
}

/// In the order in which they were applied.
std::vector<std::string> encodings_of(const response& r) {
  std::vector<std::string> out;
  std::string_view rest = r.header("content-encoding");
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    std::string_view one = rest.substr(0, comma);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (!one.empty() && lower_case(one) != "identity") out.push_back(lower_case(one));
  }
  return out;
}

status undo(std::string& body, std::string_view encoding, size_t max_bytes) {
  const bool gzip = encoding == "gzip" || encoding == "x-gzip";
  if (!gzip && encoding != "deflate") return unreadable(encoding, "cannot be read here");
  if (gzip && !begins_as_gzip(body)) return ok;  // undone on its way, and only the header stayed
  std::string plain;
  auto how = inflate_into(plain, body, by_first_bytes, max_bytes);
  if (how == outcome::broken && !gzip) {
    how = inflate_into(plain, body, without_header, max_bytes);
    if (how == outcome::broken && body.find_first_of("{[<") == 0) return ok;
  }
  if (how == outcome::too_large)
    return fail(errc::too_large, "the answer is larger than " + std::to_string(max_bytes) + " bytes");
  if (how == outcome::broken) return unreadable(encoding, "is broken or ends too early");
  body = std::move(plain);
  return ok;
}

}  // namespace

bool is_encoded(const response& r) {
  return begins_as_gzip(r.body) || (!r.body.empty() && !r.header("content-encoding").empty());
}

status decode_body(response& r, size_t max_bytes) {
  auto encodings = encodings_of(r);
  if (encodings.empty() && begins_as_gzip(r.body)) encodings.emplace_back("gzip");
  if (encodings.size() > most_layers) return unreadable("many-layers", "cannot be read here");
  std::string body = r.body;
  for (; !encodings.empty(); encodings.pop_back())
    if (auto undone = undo(body, encodings.back(), max_bytes); !undone) return undone;
  r.body = std::move(body);
  return ok;
}

}  // namespace mw::http
