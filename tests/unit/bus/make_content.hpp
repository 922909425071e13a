// Messages for the bus's tests.
#pragma once

#include <string>
#include <string_view>

#include "cmd/memory-devstack/bus/entity.hpp"

namespace mw::devstack::test {

inline std::string encoded_message(std::string_view id, std::string_view body) {
  std::string out;
  amqp::encoder e{out};
  if (!id.empty()) e.begin_section(amqp::section_code::properties).begin_list().string(id).end();
  e.begin_section(amqp::section_code::data).binary(body);
  return out;
}

inline content_ptr make_content(std::string_view id, std::string_view body = "{}") {
  return *parse_content(encoded_message(id, body), [] { return std::string{"made-up"}; });
}

/// A token that is different for each n.
inline amqp::uuid token(uint8_t n) {
  amqp::uuid t{};
  t[0] = n;
  return t;
}

inline std::string text_property_of(const message& m, std::string_view key) {
  const auto v = application_property(*m.what, key);
  return v ? std::string{v->text().value_or("")} : std::string{};
}

}  // namespace mw::devstack::test
