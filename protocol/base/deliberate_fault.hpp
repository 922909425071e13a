// Faults built in on purpose, for the test of the judge that looks for them (tests/crash): the build with
// MW_DELIBERATE_FAULTS, which is never shipped, has the one that MEMORY_WORKER_DELIBERATE_FAULT names. In
// every other build deliberate_fault() is a constant, and nothing of a fault is compiled in.
#pragma once

#include <string_view>

#ifdef MW_DELIBERATE_FAULTS
#include <cstdlib>
#include <string>
#endif

namespace mw {

#ifdef MW_DELIBERATE_FAULTS
inline bool deliberate_fault(std::string_view name) {
  static const std::string chosen = [] {
    const char* value = std::getenv("MEMORY_WORKER_DELIBERATE_FAULT");
    return std::string{value == nullptr ? "" : value};
  }();
  return chosen == name;
}
#else
constexpr bool deliberate_fault(std::string_view) {
  return false;
}
#endif

}  // namespace mw
