// The tables of tests/issues/cases/texts: rows of texts and what is right about them.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <string>

#include "protocol/chat/json_document.hpp"

namespace mw::issues {

inline std::string text_case_path(std::string_view name) {
  return std::string{MW_SOURCE_DIR} + "/tests/issues/cases/texts/" + std::string{name};
}

/// Calls `row` for each of the file's "pairs".
inline void each_text_pair(std::string_view file,
                           const std::function<void(const simdjson::dom::object&)>& row) {
  simdjson::dom::parser parser;
  simdjson::dom::array pairs;
  REQUIRE(parser.load(text_case_path(file))["pairs"].get(pairs) == simdjson::SUCCESS);
  REQUIRE(pairs.size() > 0);
  for (const simdjson::dom::object pair : pairs) row(pair);
}

inline std::string text_in(const simdjson::dom::object& row, std::string_view name) {
  return std::string{std::string_view{row[name]}};
}

}  // namespace mw::issues
