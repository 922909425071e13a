#include "protocol/cosmos/signing.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <ctime>

#include "protocol/base/ascii.hpp"
#include "protocol/base/base64.hpp"
#include "protocol/base/epoch.hpp"
#include "protocol/base/utf8.hpp"
#include "protocol/http/url.hpp"

namespace mw::cosmos {
namespace {

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

void append_escaped(std::string& out, char32_t code) {
  if (code >= 0x10000) {
    code -= 0x10000;
    out +=
        fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (uint32_t{code} >> 10), 0xDC00 + (uint32_t{code} & 0x3FF));
  } else if (code < 0x20 || code >= 0x7F) {
    out += fmt::format("\\u{:04x}", uint32_t{code});
  } else {
    if (code == '"' || code == '\\') out += '\\';
    out += static_cast<char>(code);
  }
}

}  // namespace

result<std::string> decode_key(std::string_view text) {
  auto bytes = base64_bytes(trim(text));
  if (!bytes || bytes->empty())
    return fail(errc::misconfigured, "the Cosmos DB key is not base64; copy the account's primary key whole");
  return std::move(*bytes);
}

std::string http_date(std::chrono::system_clock::time_point t) {
  constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = std::chrono::system_clock::to_time_t(t);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", days.at(static_cast<size_t>(utc.tm_wday)),
                     utc.tm_mday, months.at(static_cast<size_t>(utc.tm_mon)), utc.tm_year + 1900, utc.tm_hour,
                     utc.tm_min, utc.tm_sec);
}

std::chrono::system_clock::time_point parse_http_date(std::string_view text) {
  std::tm utc{};
  const std::string whole{text};
  const char* const end = strptime(whole.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &utc);
  if (end == nullptr || *end != '\0') return {};
  return at_epoch_seconds(timegm(&utc)).value_or(std::chrono::system_clock::time_point{});
}

std::string signature(std::string_view key_bytes, const signed_parts& p) {
  const std::string text = fmt::format("{}\n{}\n{}\n{}\n\n", lower_case(p.method),
                                       lower_case(p.resource_type), p.link, lower_case(p.date));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key_bytes.data(), static_cast<int>(key_bytes.size()), bytes_of(text), text.size(),
       digest.data(), &size);
  return base64({reinterpret_cast<const char*>(digest.data()), size});
}

std::string master_authorization(std::string_view key_bytes, const signed_parts& parts) {
  return http::percent_encode("type=master&ver=1.0&sig=" + signature(key_bytes, parts));
}

std::string token_authorization(std::string_view token) {
  return http::percent_encode(fmt::format("type=aad&ver=1.0&sig={}", token));
}

std::string partition_key_header(std::string_view value) {
  std::string out = "[\"";
  for (size_t i = 0; i < value.size();) append_escaped(out, next_code_point(value, i));
  out += "\"]";
  return out;
}

status check_id(std::string_view what, std::string_view id) {
  const auto refused = [&](std::string_view why) {
    return fail(dependency::memory, errc::not_storable,
                fmt::format("Cosmos DB takes no such id: {} {}", what, why));
  };
  if (id.empty()) return refused("is empty");
  if (id.size() > max_id_bytes) return refused("is longer than 1023 bytes");
  if (id.find_first_of("/\\?#") != std::string_view::npos) return refused("contains one of / \\ ? #");
  if (id.ends_with(' ')) return refused("ends with a space");
  if (id == "." || id == "..") return refused("is a step of a path");
  for (const char c : id)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return refused("contains a control character");
  if (!utf8_valid(id)) return refused("is not UTF-8");
  return ok;
}

}  // namespace mw::cosmos
