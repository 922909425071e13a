#include "protocol/base/skip_reasons.hpp"

namespace mw {

std::string_view skip_reason(errc code) {
  return code == errc::budget_exhausted ? skipped_for::budget : to_string(code);
}

std::vector<std::string_view> skip_reasons() {
  auto out = give_up_reasons();
  out.push_back(skipped_for::budget);
  return out;
}

// What waits for the budget is never given up under that name.
std::vector<std::string_view> give_up_reasons() {
  std::vector<std::string_view> out;
  for (const errc code : bad_answers) out.push_back(skip_reason(code));
  out.insert(out.end(), {skipped_for::memory_rejected, skipped_for::budget_expired, skipped_for::expired});
  return out;
}

}  // namespace mw
