#include "protocol/config/suggest.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include "protocol/config/value.hpp"

namespace mw::config {

namespace {

std::string plain(std::string_view name) {
  auto out = lower_case(name);
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

/// Levenshtein's distance with swaps of neighbours.
size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  std::iota(d[0].begin(), d[0].end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + cost});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string_view nearest(std::string_view name, const std::vector<std::string_view>& candidates) {
  constexpr size_t longest = 80;
  if (name.empty() || name.size() > longest) return {};
  const auto wanted = plain(name);
  std::string_view best;
  size_t least = std::max<size_t>(2, name.size() / 3) + 1;
  for (const auto candidate : candidates) {
    const size_t n = distance(wanted, plain(candidate));
    if (n >= least) continue;
    least = n;
    best = candidate;
  }
  return best;
}

}  // namespace mw::config
