#include "protocol/amqp/guid.hpp"

#include <algorithm>
#include <utility>

#include "protocol/base/hex.hpp"

namespace mw::amqp {
namespace {

/// .NET Guid order to text order; its own inverse.
void swap_order(uuid& bytes) {
  std::swap(bytes[0], bytes[3]);
  std::swap(bytes[1], bytes[2]);
  std::swap(bytes[4], bytes[5]);
  std::swap(bytes[6], bytes[7]);
}

}  // namespace

std::optional<uuid> token_of_tag(std::string_view tag) {
  uuid token{};
  if (tag.size() != token.size()) return std::nullopt;
  std::transform(tag.begin(), tag.end(), token.begin(), [](char c) { return static_cast<uint8_t>(c); });
  swap_order(token);
  return token;
}

std::string tag_of_token(const uuid& token) {
  uuid bytes = token;
  swap_order(bytes);
  return {bytes.begin(), bytes.end()};
}

std::string to_text(const uuid& token) {
  std::string text;
  text.reserve(36);
  for (size_t i = 0; i < token.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text.push_back('-');
    append_hex(text, token[i]);
  }
  return text;
}

}  // namespace mw::amqp
