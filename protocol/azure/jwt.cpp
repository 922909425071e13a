#include "protocol/azure/jwt.hpp"

#include <simdjson.h>

namespace mw::azure {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Runs `read` on the claim's value while the parsed payload lives.
template <class Read>
auto claim_of(std::string_view token, const char* claim, Read read) -> decltype(read({})) {
  const auto payload = jwt_payload(token);
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::dom::element found;
  if (!payload || parser.parse(*payload).get(root) != simdjson::SUCCESS || !root.is_object() ||
      root[claim].get(found) != simdjson::SUCCESS)
    return {};
  return read(found);
}

}  // namespace

std::optional<std::string> base64url_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    const auto at = alphabet.find(c);
    if (at == std::string_view::npos) return std::nullopt;
    bits = (bits << 6) | static_cast<uint32_t>(at);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out.push_back(static_cast<char>((bits >> have) & 0xff));
  }
  return text.size() % 4 == 1 ? std::nullopt : std::optional{std::move(out)};
}

std::string base64url_encode(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 4 / 3 + 3);
  uint32_t bits = 0;
  int have = 0;
  for (const char c : bytes) {
    bits = (bits << 8) | static_cast<uint8_t>(c);
    have += 8;
    for (; have >= 6; have -= 6) out.push_back(alphabet[(bits >> (have - 6)) & 63]);
  }
  if (have > 0) out.push_back(alphabet[(bits << (6 - have)) & 63]);
  return out;
}

std::optional<std::string> jwt_payload(std::string_view token) {
  const auto first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return base64url_decode(token.substr(first + 1, second - first - 1));
}

std::string jwt_text(std::string_view token, const char* claim) {
  return claim_of(token, claim, [](simdjson::dom::element e) {
    std::string_view text;
    return e.get(text) == simdjson::SUCCESS ? std::string{text} : std::string{};
  });
}

std::optional<int64_t> jwt_number(std::string_view token, const char* claim) {
  return claim_of(token, claim, [](simdjson::dom::element e) {
    int64_t n = 0;
    return e.get(n) == simdjson::SUCCESS ? std::optional{n} : std::nullopt;
  });
}

}  // namespace mw::azure
