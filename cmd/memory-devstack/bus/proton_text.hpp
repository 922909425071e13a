// Small bridges between Proton's C structures and our types.
#pragma once

#include <proton/codec.h>
#include <proton/condition.h>

#include <string>
#include <vector>

#include "cmd/memory-devstack/bus/content.hpp"

namespace mw::devstack {

inline std::string text_or_empty(const char* text) {
  return text == nullptr ? std::string{} : std::string{text};
}

inline void set_condition(pn_condition_t* c, const std::string& name, const std::string& description) {
  pn_condition_set_name(c, name.c_str());
  pn_condition_set_description(c, description.c_str());
}

/// The entries of a Proton data object that holds one map; empty when it holds none.
inline std::vector<property> properties_of(pn_data_t* data) {
  const ssize_t size = data == nullptr ? 0 : pn_data_encoded_size(data);
  if (size <= 0) return {};
  std::string bytes(static_cast<size_t>(size), '\0');
  if (pn_data_encode(data, bytes.data(), bytes.size()) != size) return {};
  std::string_view in = bytes;
  const auto map = amqp::read_value(in);
  return map ? properties_of(*map) : std::vector<property>{};
}

}  // namespace mw::devstack
