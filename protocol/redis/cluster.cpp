#include "protocol/redis/cluster.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace mw::redis {
namespace {

constexpr std::array<uint16_t, 256> make_crc_table() {
  std::array<uint16_t, 256> table{};
  for (unsigned i = 0; i < 256; ++i) {
    unsigned crc = i << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000U) != 0 ? (crc << 1) ^ 0x1021U : crc << 1;
    table[i] = static_cast<uint16_t>(crc);
  }
  return table;
}
constexpr auto crc_table = make_crc_table();

std::string_view hashed_part(std::string_view key) {
  const auto open = key.find('{');
  if (open == std::string_view::npos) return key;
  const auto close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

template <class T>
bool read_number(std::string_view text, T& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc{} && end == text.data() + text.size();
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

}  // namespace

uint16_t slot_of(std::string_view key) {
  unsigned crc = 0;
  for (const char c : hashed_part(key))
    crc = ((crc << 8) ^ crc_table[((crc >> 8) ^ static_cast<unsigned char>(c)) & 0xFFU]) & 0xFFFFU;
  return static_cast<uint16_t>(crc % slot_count);
}

std::optional<redirect> parse_redirect(std::string_view line, const std::string& answered_by) {
  redirect r;
  if (line.starts_with("ASK "))
    r.ask = true;
  else if (!line.starts_with("MOVED "))
    return std::nullopt;
  line.remove_prefix(line.find(' ') + 1);
  const auto space = line.find(' ');
  const auto colon = line.rfind(':');
  if (space == std::string_view::npos || colon == std::string_view::npos || colon < space)
    return std::nullopt;
  if (!read_number(line.substr(0, space), r.slot) || r.slot >= slot_count) return std::nullopt;
  if (!read_number(line.substr(colon + 1), r.to.port) || r.to.port == 0) return std::nullopt;
  r.to.host = std::string{line.substr(space + 1, colon - space - 1)};
  if (r.to.host.empty() || r.to.host == "?") r.to.host = answered_by;
  return r;
}

std::string name_to_verify(const std::string& announced_host, const std::string& configured_host) {
  return is_address(announced_host) && !is_address(configured_host) ? configured_host : announced_host;
}

// Beyond them a node counts as not known. Nodes are never forgotten, so the number must not wrap.
constexpr size_t most_nodes = 65'535;

uint16_t slot_map::number_of(const endpoint& e) {
  const auto at = std::find(nodes_.begin(), nodes_.end(), e);
  if (at != nodes_.end()) return static_cast<uint16_t>(at - nodes_.begin() + 1);
  if (nodes_.size() >= most_nodes) return 0;
  nodes_.push_back(e);
  return static_cast<uint16_t>(nodes_.size());
}

void slot_map::learn(uint16_t slot, const endpoint& owner) {
  owner_of_slot_.resize(slot_count);
  owner_of_slot_.at(slot) = number_of(owner);
}

bool slot_map::learn_all(const reply& cluster_slots, const std::string& answered_by) {
  if (cluster_slots.type != reply::kind::array || cluster_slots.items.size() > slot_count) return false;
  owner_of_slot_.resize(slot_count);
  for (const auto& range : cluster_slots.items) {
    if (range.items.size() < 3 || range.items[2].items.size() < 2) return false;
    const int64_t first = range.items[0].integer;
    const int64_t last = range.items[1].integer;
    const int64_t port = range.items[2].items[1].integer;
    if (first < 0 || last >= static_cast<int64_t>(slot_count) || port <= 0 || port > 65'535) return false;
    const auto& host = range.items[2].items[0].text;
    const endpoint owner{host.empty() || host == "?" ? answered_by : host, static_cast<uint16_t>(port)};
    const auto number = number_of(owner);
    for (int64_t slot = first; slot <= last; ++slot) owner_of_slot_[static_cast<size_t>(slot)] = number;
  }
  return true;
}

const endpoint* slot_map::owner(uint16_t slot) const {
  if (owner_of_slot_.empty() || owner_of_slot_[slot] == 0) return nullptr;
  return &nodes_[owner_of_slot_[slot] - 1U];
}

}  // namespace mw::redis
