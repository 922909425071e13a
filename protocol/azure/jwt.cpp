#include "protocol/azure/jwt.hpp"

#include <simdjson.h>

#include "protocol/base/base64.hpp"

namespace mw::azure {
namespace {

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

std::optional<std::string> jwt_payload(std::string_view token) {
  const auto first = token.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const auto second = token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  return base64url_bytes(token.substr(first + 1, second - first - 1));
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
