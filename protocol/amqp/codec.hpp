// The AMQP 1.0 type system on plain bytes, as far as Service Bus messages need it: reading one value, walking
// lists, maps and arrays, splitting a message into its sections, and writing values. Used where Proton's
// codec loses what we need (several data sections, raw annotations) or costs too much. Everything read is a
// view into the caller's bytes; malformed or truncated input yields nullopt or false, never an exception or a
// read past the end. Integers are checked, nesting of descriptors is bounded.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/amqp/guid.hpp"

namespace mw::amqp {

/// One decoded value: constructor byte and payload (size prefix removed; of a compound the count is removed
/// too). A descriptor is dropped but for its numeric code.
struct value {
  uint8_t type = 0x40;       ///< constructor byte; 0x40 is null
  uint64_t descriptor = 0;   ///< 0: none, or a symbolic one
  uint32_t count = 0;        ///< items of a list, map (keys and values both count) or array
  std::string_view data;     ///< payload
  std::string_view encoded;  ///< everything incl. constructor and descriptor; empty for an array's item

  bool is_null() const { return type == 0x40; }
  bool is_list() const { return type == 0x45 || type == 0xc0 || type == 0xd0; }
  bool is_map() const { return type == 0xc1 || type == 0xd1; }
  bool is_array() const { return type == 0xe0 || type == 0xf0; }
  /// string or symbol
  std::optional<std::string_view> text() const;
  std::optional<std::string_view> binary() const;
  /// any integer type or timestamp; nullopt where it does not fit (ulong above 2^63-1)
  std::optional<int64_t> integer() const;
  std::optional<bool> boolean() const;
  std::optional<uuid> as_uuid() const;
};

/// Takes one value off the front of `in`; nullopt (and `in` unspecified) where it is malformed.
std::optional<value> read_value(std::string_view& in);
/// Bytes of the value at the front, 0 where it is malformed.
size_t value_size(std::string_view in);
/// Items of a list, map (key, value, key, value, ...) or array; nullopt where malformed or no compound.
std::optional<std::vector<value>> items_of(const value& compound);
/// The value of a string or symbol key in a map; nullopt when absent or the map is malformed.
std::optional<value> find_key(const value& map, std::string_view key);

enum class section_code : uint8_t {
  header = 0x70,
  delivery_annotations = 0x71,
  message_annotations = 0x72,
  properties = 0x73,
  application_properties = 0x74,
  data = 0x75,
  sequence = 0x76,
  amqp_value = 0x77,
  footer = 0x78,
};

struct section {
  section_code code{};
  std::string_view encoded;  ///< with its descriptor: can be forwarded as it is
  value content;
};

/// The sections of an encoded message in their order; nullopt where the bytes are no AMQP message.
std::optional<std::vector<section>> split_sections(std::string_view message);

/// Appends encoded values to a string. The caller balances begin and end; in a map he writes key, value, ...
class encoder {
 public:
  explicit encoder(std::string& out) : out_(out) {}
  encoder& null();
  encoder& boolean(bool v);
  encoder& ubyte(uint8_t v);
  encoder& uint32(uint32_t v);
  encoder& int32(int32_t v);
  encoder& int64(int64_t v);
  encoder& float64(double v);
  encoder& timestamp(int64_t ms_since_epoch);
  encoder& string(std::string_view v);
  encoder& symbol(std::string_view v);
  encoder& binary(std::string_view v);
  encoder& uuid_value(const uuid& v);
  encoder& array_of_uuid(std::span<const uuid> v);
  encoder& array_of_int64(std::span<const int64_t> v);
  encoder& array_of_timestamp(std::span<const int64_t> ms_since_epoch);
  encoder& begin_list() { return begin(0xd0); }
  encoder& begin_map() { return begin(0xd1); }
  encoder& end();
  /// The descriptor of a section; exactly one value must follow.
  encoder& begin_section(section_code code);
  /// Values that are encoded already: `count` of them, 1 unless said.
  encoder& raw(std::string_view encoded, uint32_t count = 1);

 private:
  struct open_compound {
    size_t at;  ///< offset of the 4-byte size
    uint32_t count;
  };
  encoder& begin(uint8_t type);
  encoder& sized(uint8_t type8, std::string_view v);
  void array_header(uint8_t type, size_t items, size_t item_size);
  void item();
  std::string& out_;
  std::vector<open_compound> open_;
};

}  // namespace mw::amqp
