// How options.cpp writes its rows: the field's C++ type decides the option's type and how it is read and
// written. Included by options*.cpp only.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "protocol/config/options.hpp"

namespace mw::config {

/// Of durations, in milliseconds: the bounds of a row.
inline constexpr double seconds = 1'000;
inline constexpr double minutes = 60 * seconds;
inline constexpr double hours = 60 * minutes;

/// What a row says beyond its field.
struct facts {
  std::optional<option_type> type = {};  ///< where the field's C++ type doesn't tell
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  std::string_view unit = {};
  std::vector<std::string_view> env = {};
  std::vector<std::string_view> choices = {};
  std::string_view default_note = {};
  std::string_view required = {};
  bool reloadable = false;
  bool host = false;
  std::string_view doc = {};
};

template <class T>
constexpr option_type type_of() {
  if constexpr (std::is_same_v<T, secret>)
    return option_type::secret;
  else if constexpr (std::is_same_v<T, std::string>)
    return option_type::text;
  else if constexpr (std::is_same_v<T, bool>)
    return option_type::boolean;
  else if constexpr (std::is_same_v<T, milliseconds>)
    return option_type::duration;
  else if constexpr (std::is_same_v<T, double> || std::is_same_v<T, std::optional<double>>)
    return option_type::real;
  else if constexpr (std::is_enum_v<T>)
    return option_type::choice;
  else
    return option_type::integer;
}

template <class T>
value read_field(const T& field, const std::vector<std::string_view>& choices) {
  if constexpr (std::is_same_v<T, secret>)
    return field.value;
  else if constexpr (std::is_same_v<T, std::optional<double>>)
    return field ? value{*field} : value{};
  else if constexpr (std::is_enum_v<T>)
    return std::string{choices.at(static_cast<size_t>(field))};
  else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
    return static_cast<int64_t>(field);
  else
    return field;
}

template <class T>
void write_field(T& field, const value& v, const std::vector<std::string_view>& choices) {
  if constexpr (std::is_same_v<T, secret>) {
    field.value = std::get<std::string>(v);
  } else if constexpr (std::is_same_v<T, std::optional<double>>) {
    field = std::get<double>(v);
  } else if constexpr (std::is_enum_v<T>) {
    const auto at = std::find(choices.begin(), choices.end(), std::get<std::string>(v));
    field = static_cast<T>(at - choices.begin());
  } else if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    field = static_cast<T>(std::get<int64_t>(v));
  } else {
    field = std::get<T>(v);
  }
}

/// Adds the rows of one section.
template <class Section>
struct section_rows {
  std::vector<option>& table;
  std::string_view name;
  Section settings::*section;

  template <class T>
  void operator()(T Section::*field, std::string_view key, facts f) {
    option o;
    o.section = name;
    o.key = key;
    o.type = f.type.value_or(type_of<T>());
    o.min = f.min;
    o.max = f.max;
    o.unit = f.unit;
    o.environment = std::move(f.env);
    o.choices = std::move(f.choices);
    o.default_note = f.default_note;
    o.required = f.required;
    o.reloadable = f.reloadable;
    o.host = f.host;
    o.doc = f.doc;
    o.get = [s = section, field, choices = o.choices](const settings& all) {
      return read_field(all.*s.*field, choices);
    };
    o.set = [s = section, field, choices = o.choices](settings& all, const value& v) {
      write_field(all.*s.*field, v, choices);
    };
    table.push_back(std::move(o));
  }
};

/// The rows of [azure]: options_azure.cpp.
void add_azure(std::vector<option>& table);

/// The rows of [llm_analyzer]: options_llm.cpp.
void add_llm_analyzer(std::vector<option>& table);

/// The row that each actor's section ends with.
template <class Row, class Section>
void add_restart(Row& add, restart_strategy Section::*field) {
  add(field, "restart",
      {.choices = {"one-for-one", "rest-for-one"},
       .doc = "What the supervisor starts again when this actor ends: it alone, or it and all that come "
              "after it in the flow."});
}

template <class Section>
section_rows<Section> rows_of(std::vector<option>& table, std::string_view name, Section settings::*section) {
  return {table, name, section};
}

/// The section of telemetry: options_telemetry.cpp.
void add_telemetry(std::vector<option>& table);

}  // namespace mw::config
