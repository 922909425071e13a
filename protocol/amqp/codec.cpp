#include "protocol/amqp/codec.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace mw::amqp {
namespace {

constexpr int max_descriptors = 4;

uint64_t big_endian(std::string_view bytes) {
  uint64_t v = 0;
  for (const char c : bytes) v = v << 8 | static_cast<uint8_t>(c);
  return v;
}

void append_be(std::string& out, uint64_t v, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<char>(v >> shift));
}

bool take(std::string_view& in, size_t n, std::string_view& out) {
  if (in.size() < n) return false;
  out = in.substr(0, n);
  in.remove_prefix(n);
  return true;
}

/// Reads the payload that follows constructor `v.type`.
bool read_payload(std::string_view& in, value& v) {
  static constexpr size_t fixed_width[] = {0, 1, 2, 4, 8, 16};
  const unsigned category = v.type >> 4;
  if (category >= 4 && category <= 9) return take(in, fixed_width[category - 4], v.data);
  if (category < 0xa) return false;
  const size_t prefix = (category & 1) == 0 ? 1 : 4;
  std::string_view size;
  if (!take(in, prefix, size) || !take(in, big_endian(size), v.data)) return false;
  if (category < 0xc) return true;
  std::string_view count;
  if (!take(v.data, prefix, count)) return false;
  v.count = static_cast<uint32_t>(big_endian(count));
  return true;
}

std::optional<value> read_nested(std::string_view& in, int depth) {
  value v;
  const std::string_view start = in;
  std::string_view byte;
  if (!take(in, 1, byte)) return std::nullopt;
  v.type = static_cast<uint8_t>(byte[0]);
  // All that AMQP itself describes.
  constexpr uint8_t small_ulong = 0x53;
  const bool plainly =
      v.type == 0 && in.size() > 2 && static_cast<uint8_t>(in[0]) == small_ulong && in[2] != 0;
  if (plainly) {
    v.descriptor = static_cast<uint8_t>(in[1]);
    v.type = static_cast<uint8_t>(in[2]);
    in.remove_prefix(3);
    if (!read_payload(in, v)) return std::nullopt;
  } else if (v.type == 0) {
    if (depth == max_descriptors) return std::nullopt;
    const auto descriptor = read_nested(in, depth + 1);
    if (!descriptor) return std::nullopt;
    const auto described = read_nested(in, depth + 1);
    if (!described) return std::nullopt;
    v = *described;
    v.descriptor = static_cast<uint64_t>(descriptor->integer().value_or(0));
  } else if (!read_payload(in, v)) {
    return std::nullopt;
  }
  v.encoded = start.substr(0, start.size() - in.size());
  return v;
}

/// An array names its items' constructor once, possibly described.
bool read_constructor(std::string_view& in, value& v) {
  std::string_view byte;
  if (!take(in, 1, byte)) return false;
  if (byte[0] == 0) {
    const auto descriptor = read_value(in);
    if (!descriptor || !take(in, 1, byte)) return false;
    v.descriptor = static_cast<uint64_t>(descriptor->integer().value_or(0));
  }
  v.type = static_cast<uint8_t>(byte[0]);
  return v.type != 0;
}

}  // namespace

std::optional<std::string_view> value::text() const {
  if (type == 0xa1 || type == 0xa3 || type == 0xb1 || type == 0xb3) return data;
  return std::nullopt;
}

std::optional<std::string_view> value::binary() const {
  if (type == 0xa0 || type == 0xb0) return data;
  return std::nullopt;
}

std::optional<int64_t> value::integer() const {
  const uint64_t bits = big_endian(data.substr(0, 8));
  switch (type) {
    case 0x43:  // uint 0
    case 0x44:  // ulong 0
      return 0;
    case 0x50:  // ubyte
    case 0x52:  // small uint
    case 0x53:  // small ulong
    case 0x60:  // ushort
    case 0x70:  // uint
      return static_cast<int64_t>(bits);
    case 0x80:  // ulong
      if (bits > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
      return static_cast<int64_t>(bits);
    case 0x51:  // byte
    case 0x54:  // small int
    case 0x55:  // small long
      return static_cast<int8_t>(bits);
    case 0x61:  // short
      return static_cast<int16_t>(bits);
    case 0x71:  // int
      return static_cast<int32_t>(bits);
    case 0x81:  // long
    case 0x83:  // timestamp
      return static_cast<int64_t>(bits);
    default:
      return std::nullopt;
  }
}

std::optional<bool> value::boolean() const {
  if (type == 0x41) return true;
  if (type == 0x42) return false;
  if (type == 0x56) return data[0] != 0;
  return std::nullopt;
}

std::optional<uuid> value::as_uuid() const {
  if (type != 0x98) return std::nullopt;
  uuid id{};
  for (size_t i = 0; i < id.size(); ++i) id[i] = static_cast<uint8_t>(data[i]);
  return id;
}

std::optional<value> read_value(std::string_view& in) {
  return read_nested(in, 0);
}

size_t value_size(std::string_view in) {
  const size_t before = in.size();
  return read_value(in) ? before - in.size() : 0;
}

std::optional<std::vector<value>> items_of(const value& compound) {
  std::vector<value> items;
  if (compound.type == 0x45) return items;
  std::string_view rest = compound.data;
  if (compound.is_array()) {
    value prototype;
    if (!read_constructor(rest, prototype)) return std::nullopt;
    for (uint32_t i = 0; i < compound.count; ++i) {
      value item = prototype;
      const size_t before = rest.size();
      if (!read_payload(rest, item)) return std::nullopt;
      // Items without any bytes (arrays of null, true) would let a small frame claim 2^32 of them.
      if (rest.size() == before && compound.count > compound.data.size()) return std::nullopt;
      items.push_back(item);
    }
    return items;
  }
  if (!compound.is_list() && !compound.is_map()) return std::nullopt;
  items.reserve(std::min<size_t>(compound.count, compound.data.size()));
  for (uint32_t i = 0; i < compound.count; ++i) {
    const auto item = read_value(rest);
    if (!item) return std::nullopt;
    items.push_back(*item);
  }
  if (compound.is_map() && items.size() % 2 != 0) return std::nullopt;
  return items;
}

std::optional<value> find_key(const value& map, std::string_view key) {
  if (!map.is_map()) return std::nullopt;
  std::string_view rest = map.data;
  for (uint32_t i = 0; i + 1 < map.count; i += 2) {
    const auto k = read_value(rest);
    if (!k) return std::nullopt;
    const auto v = read_value(rest);
    if (!v) return std::nullopt;
    if (k->text() == key) return v;
  }
  return std::nullopt;
}

std::optional<std::vector<section>> split_sections(std::string_view message) {
  std::vector<section> sections;
  while (!message.empty()) {
    const bool described = message[0] == 0;
    const auto content = read_value(message);
    if (!content || !described || content->descriptor < 0x70 || content->descriptor > 0x78)
      return std::nullopt;
    sections.push_back({static_cast<section_code>(content->descriptor), content->encoded, *content});
  }
  if (sections.empty()) return std::nullopt;
  return sections;
}

void encoder::item() {
  if (!open_.empty()) ++open_.back().count;
}

encoder& encoder::null() {
  item();
  out_.push_back(0x40);
  return *this;
}

encoder& encoder::boolean(bool v) {
  item();
  out_.push_back(v ? 0x41 : 0x42);
  return *this;
}

encoder& encoder::ubyte(uint8_t v) {
  item();
  out_.push_back(0x50);
  out_.push_back(static_cast<char>(v));
  return *this;
}

encoder& encoder::uint32(uint32_t v) {
  item();
  if (v == 0) {
    out_.push_back(0x43);
  } else if (v < 256) {
    out_.push_back(0x52);
    out_.push_back(static_cast<char>(v));
  } else {
    out_.push_back(0x70);
    append_be(out_, v, 4);
  }
  return *this;
}

encoder& encoder::int32(int32_t v) {
  item();
  out_.push_back(0x71);
  append_be(out_, static_cast<uint32_t>(v), 4);
  return *this;
}

encoder& encoder::int64(int64_t v) {
  item();
  out_.push_back(static_cast<char>(0x81));
  append_be(out_, static_cast<uint64_t>(v), 8);
  return *this;
}

encoder& encoder::float64(double v) {
  item();
  out_.push_back(static_cast<char>(0x82));
  append_be(out_, std::bit_cast<uint64_t>(v), 8);
  return *this;
}

encoder& encoder::timestamp(int64_t ms_since_epoch) {
  item();
  out_.push_back(static_cast<char>(0x83));
  append_be(out_, static_cast<uint64_t>(ms_since_epoch), 8);
  return *this;
}

encoder& encoder::sized(uint8_t type8, std::string_view v) {
  item();
  const bool small = v.size() < 256;
  out_.push_back(static_cast<char>(small ? type8 : type8 + 0x10));
  append_be(out_, v.size(), small ? 1 : 4);
  out_.append(v);
  return *this;
}

encoder& encoder::string(std::string_view v) {
  return sized(0xa1, v);
}

encoder& encoder::symbol(std::string_view v) {
  return sized(0xa3, v);
}

encoder& encoder::binary(std::string_view v) {
  return sized(0xa0, v);
}

encoder& encoder::uuid_value(const uuid& v) {
  item();
  out_.push_back(static_cast<char>(0x98));
  out_.append(v.begin(), v.end());
  return *this;
}

void encoder::array_header(uint8_t type, size_t items, size_t item_size) {
  item();
  out_.push_back(static_cast<char>(0xf0));
  append_be(out_, 4 + 1 + items * item_size, 4);
  append_be(out_, items, 4);
  out_.push_back(static_cast<char>(type));
}

encoder& encoder::array_of_uuid(std::span<const uuid> v) {
  array_header(0x98, v.size(), 16);
  for (const auto& id : v) out_.append(id.begin(), id.end());
  return *this;
}

encoder& encoder::array_of_int64(std::span<const int64_t> v) {
  array_header(0x81, v.size(), 8);
  for (const int64_t n : v) append_be(out_, static_cast<uint64_t>(n), 8);
  return *this;
}

encoder& encoder::array_of_timestamp(std::span<const int64_t> ms_since_epoch) {
  array_header(0x83, ms_since_epoch.size(), 8);
  for (const int64_t n : ms_since_epoch) append_be(out_, static_cast<uint64_t>(n), 8);
  return *this;
}

encoder& encoder::begin(uint8_t type) {
  item();
  out_.push_back(static_cast<char>(type));
  open_.push_back({out_.size(), 0});
  out_.append(8, '\0');
  return *this;
}

encoder& encoder::end() {
  const open_compound done = open_.back();
  open_.pop_back();
  std::string head;
  append_be(head, out_.size() - done.at - 4, 4);
  append_be(head, done.count, 4);
  out_.replace(done.at, 8, head);
  return *this;
}

encoder& encoder::begin_section(section_code code) {
  out_.push_back(0);
  out_.push_back(0x53);
  out_.push_back(static_cast<char>(code));
  return *this;
}

encoder& encoder::raw(std::string_view encoded, uint32_t count) {
  if (!open_.empty()) open_.back().count += count;
  out_.append(encoded);
  return *this;
}

}  // namespace mw::amqp
