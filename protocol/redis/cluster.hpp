// What a client knows of a Redis cluster (OSS cluster policy), pure: the slot of a key, what MOVED and ASK
// say, which node has a slot, and by which name a node's certificate is verified. Used by the client alone,
// on its loop's thread.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/redis/client.hpp"

namespace mw::redis {

inline constexpr size_t slot_count = 16'384;

/// CRC16 of the key, or of its hash tag "{...}".
uint16_t slot_of(std::string_view key);

struct endpoint {
  std::string host;
  uint16_t port = 0;
  // clang-tidy means the 0 that the compiler compares with (LLVM issue 53961).
  auto operator<=>(const endpoint&) const = default;  // NOLINT(modernize-use-nullptr)
};

struct redirect {
  bool ask = false;  ///< this command only; else the slot has moved for good
  uint16_t slot = 0;
  endpoint to;
};
/// Of an error line "MOVED 3999 127.0.0.1:6381"; nullopt: it is none, or unreadable. An empty host means the
/// host of the node that answered.
std::optional<redirect> parse_redirect(std::string_view line, const std::string& answered_by);

/// Azure announces addresses, its certificates hold names: an address is verified by the configured name.
std::string name_to_verify(const std::string& announced_host, const std::string& configured_host);

class slot_map {
 public:
  void learn(uint16_t slot, const endpoint& owner);
  /// The answer of CLUSTER SLOTS; false where it is none. Slots it does not name stay as they were.
  bool learn_all(const reply& cluster_slots, const std::string& answered_by);
  /// nullptr: not known.
  const endpoint* owner(uint16_t slot) const;

 private:
  uint16_t number_of(const endpoint& e);
  std::vector<endpoint> nodes_;
  std::vector<uint16_t>
      owner_of_slot_;  ///< index into nodes_ plus one, 0 unknown; empty until one was learnt
};

}  // namespace mw::redis
