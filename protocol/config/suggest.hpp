// The nearest name to a mistyped one, for "did you mean".
#pragma once

#include <string_view>
#include <vector>

namespace mw::config {

/// The candidate with the fewest typing errors, if they are few (a third of the letters, at least 2);
/// '_' counts as '-'. Empty: none is near.
std::string_view nearest(std::string_view name, const std::vector<std::string_view>& candidates);

}  // namespace mw::config
