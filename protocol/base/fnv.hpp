// FNV-1a over 64 bits: fast, the same on every machine and in every version, not for secrets.
// Called to name what has no id, and by the stand-ins. `hash` goes on from an earlier text; pure, no errors.
#pragma once

#include <cstdint>
#include <string_view>

namespace mw {

inline constexpr uint64_t fnv_start = 0xcbf29ce484222325;
inline constexpr uint64_t fnv_prime = 0x100000001b3;

constexpr uint64_t fnv1a(std::string_view text, uint64_t hash = fnv_start) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * fnv_prime;
  return hash;
}

}  // namespace mw
