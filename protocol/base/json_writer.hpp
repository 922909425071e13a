// Appends JSON to a string: the one place where JSON text is made (simdjson only reads).
// Commas and colons are inserted by the writer; strings are escaped, invalid UTF-8 becomes U+FFFD, so the
// output always parses. Names given as literals are written as they are: they need no escaping. The caller
// balances begin/end. No allocation beyond the target string's growth.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace mw {

/// Where the JSON stands: `in_string` is the inside of a JSON string, where every quote is escaped once more.
enum class json_place : uint8_t { plain, in_string };

class json_writer {
 public:
  explicit json_writer(std::string& out, json_place place = json_place::plain) : out_(out), place_(place) {}
  json_writer& begin_object();
  json_writer& end_object();
  json_writer& begin_array();
  json_writer& end_array();
  template <class Name>
  json_writer& key(const Name& name) {
    if constexpr (std::is_array_v<Name>) {
      return plain_key(name);
    } else {
      return any_key(std::string_view{name});
    }
  }
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
  json_writer& floats(const std::vector<float>& numbers);  ///< an array (float_text.hpp)
  /// Inserts text that is JSON already.
  json_writer& raw(std::string_view json);
  template <class Name, class T>
  json_writer& field(const Name& name, T&& v) {
    key(name);
    return value(std::forward<T>(v));
  }
  /// A field holding an array of strings.
  template <class Name, class Range>
  json_writer& strings(const Name& name, const Range& range) {
    key(name).begin_array();
    for (const auto& item : range) value(std::string_view{item});
    return end_array();
  }

 private:
  void separate();
  json_writer& any_key(std::string_view name);
  template <size_t N>
  json_writer& plain_key(const char (&name)[N]) {
    std::array<char, N + 6> text;  // in one piece: most of what is written is names
    char* end = text.data();
    const auto put = [&end](char c) { *end++ = c; };
    const bool escaped = place_ == json_place::in_string;
    if (comma_) put(',');
    if (escaped) put('\\');
    put('"');
    end = std::copy_n(name, N - 1, end);
    if (escaped) put('\\');
    put('"');
    put(':');
    out_.append(text.data(), static_cast<size_t>(end - text.data()));
    comma_ = false;
    return *this;
  }
  std::string& out_;
  json_place place_;
  bool comma_ = false;
};

/// Appends `text` as a JSON string, quotes included (those escaped where it stands inside a string).
void append_json_string(std::string& out, std::string_view text, json_place place = json_place::plain);

/// Whether `text` is the same inside a JSON string: nothing in it is escaped.
bool is_plain_json_text(std::string_view text);

}  // namespace mw
