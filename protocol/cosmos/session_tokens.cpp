#include "protocol/cosmos/session_tokens.hpp"

#include <charconv>
#include <cstdint>
#include <tuple>

namespace mw::cosmos {
namespace {

constexpr size_t max_ranges = 64;  // more would not fit a header; what is missing costs freshness only

int64_t number(std::string_view text, int64_t otherwise) {
  int64_t value = otherwise;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

session_tokens::position session_tokens::parse(std::string_view text) {
  position p;
  p.text = text;
  const size_t first = text.find('#');
  if (first == std::string_view::npos) {
    p.lsn = number(text, 0);
    return p;
  }
  p.version = number(text.substr(0, first), -1);
  p.lsn = number(text.substr(first + 1), 0);
  return p;
}

void session_tokens::note_range(std::string_view container, std::string_view range, std::string_view text) {
  auto at = containers_.find(container);
  if (at == containers_.end()) at = containers_.try_emplace(std::string{container}).first;
  auto& ranges = at->second;
  position p = parse(text);
  const auto known = ranges.find(range);
  if (known == ranges.end()) {
    if (ranges.size() < max_ranges) ranges.emplace(std::string{range}, std::move(p));
  } else if (std::tie(p.version, p.lsn) >= std::tie(known->second.version, known->second.lsn)) {
    known->second = std::move(p);
  }
}

void session_tokens::note(std::string_view container, std::string_view header) {
  if (header.empty()) return;
  const std::lock_guard lock{mutex_};
  while (!header.empty()) {
    const size_t comma = header.find(',');
    const auto part = header.substr(0, comma);
    header = comma == std::string_view::npos ? std::string_view{} : header.substr(comma + 1);
    const size_t colon = part.find(':');
    if (colon == std::string_view::npos || colon == 0) continue;
    note_range(container, part.substr(0, colon), part.substr(colon + 1));
  }
}

std::string session_tokens::latest(std::string_view container) const {
  const std::lock_guard lock{mutex_};
  const auto at = containers_.find(container);
  std::string out;
  if (at == containers_.end()) return out;
  for (const auto& [range, p] : at->second) {
    if (!out.empty()) out += ',';
    out.append(range).append(":").append(p.text);
  }
  return out;
}

void session_tokens::forget(std::string_view container) {
  const std::lock_guard lock{mutex_};
  const auto at = containers_.find(container);
  if (at != containers_.end()) containers_.erase(at);
}

}  // namespace mw::cosmos
