// The one shape of query that the stand-in runs: SELECT * or SELECT c.a, c.b ... FROM c WHERE c.PROPERTY =
// @NAME, PROPERTY being the partition key. Everything else is refused with 400.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errors.hpp"

namespace mw::cosmos_standin {

struct parsed_query {
  std::vector<std::string> fields;  ///< empty: all
  std::string value;                ///< what the partition key is compared with
};

result<parsed_query> parse_query(std::string_view body, std::string_view partition_property);

/// The document with those members only.
std::string project(std::string_view document, const std::vector<std::string>& fields);

}  // namespace mw::cosmos_standin
