// Appends JSON to a string: the one place where JSON text is made (simdjson only reads).
// Commas and colons are inserted by the writer; strings are escaped, invalid UTF-8 becomes U+FFFD, so the
// output always parses. The caller balances begin/end. No allocation beyond the target string's growth.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mw {

class json_writer {
 public:
  explicit json_writer(std::string& out) : out_(out) {}
  json_writer& begin_object();
  json_writer& end_object();
  json_writer& begin_array();
  json_writer& end_array();
  json_writer& key(std::string_view name);
  json_writer& value(std::string_view text);
  json_writer& value(const char* text) { return value(std::string_view{text}); }
  json_writer& value(const std::string& text) { return value(std::string_view{text}); }
  json_writer& value(int64_t number);
  json_writer& value(int number) { return value(static_cast<int64_t>(number)); }
  json_writer& value(uint64_t number);
  json_writer& value(uint32_t number) { return value(static_cast<uint64_t>(number)); }
  json_writer& value(double number);  ///< NaN and infinities become null
  json_writer& value(bool flag);
  json_writer& null();
  /// Inserts text that is JSON already.
  json_writer& raw(std::string_view json);
  template <class T>
  json_writer& field(std::string_view name, T&& v) {
    key(name);
    return value(std::forward<T>(v));
  }
  /// A field holding an array of strings.
  template <class Range>
  json_writer& strings(std::string_view name, const Range& range) {
    key(name).begin_array();
    for (const auto& item : range) value(std::string_view{item});
    return end_array();
  }

 private:
  void separate();
  std::string& out_;
  bool comma_ = false;
};

/// Appends `text` as a JSON string body, quotes included.
void append_json_string(std::string& out, std::string_view text);

}  // namespace mw
