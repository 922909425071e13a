#include "protocol/memory/json_fields.hpp"

#include <algorithm>

#include "protocol/base/ascii.hpp"

namespace mw::memory {

using simdjson::dom::element;

json_fields::json_fields(element e, std::string path, std::string& complaint)
    : path_(std::move(path)), complaint_(complaint) {
  if (e.get(object_) && complaint_.empty()) complaint_ = path_ + " is not an object";
}

std::string json_fields::at(std::string_view name) const {
  return path_ + "." + std::string{name};
}

std::string json_fields::shown(std::string_view name) {
  constexpr size_t longest = 128;
  const auto is_plain = [](char c) {
    return is_letter(c) || is_digit(c) || c == '-' || c == '_' || c == '.';
  };
  if (name.empty() || name.size() > longest || !std::all_of(name.begin(), name.end(), is_plain)) return "?";
  return std::string{name};
}

void json_fields::complain(std::string_view name, std::string_view complaint) const {
  if (complaint_.empty()) complaint_ = at(name) + " " + std::string{complaint};
}

std::map<std::string, std::string> json_fields::others(std::span<const std::string_view> known) const {
  std::map<std::string, std::string> out;
  if (!complaint_.empty()) return out;
  for (const auto member : object_)
    if (std::find(known.begin(), known.end(), member.key) == known.end())
      out.emplace(member.key, simdjson::minify(member.value));
  return out;
}

bool json_fields::present(std::string_view name) const {
  return object_.at_key(name).error() == simdjson::SUCCESS;
}

std::optional<element> json_fields::find(std::string_view name) const {
  element e;
  if (!complaint_.empty() || object_.at_key(name).get(e) || e.is_null()) return std::nullopt;
  return e;
}

std::string json_fields::text(std::string_view name) const {
  std::string_view value;
  if (const auto e = find(name); e && e->get(value)) complain(name, "is not a string");
  return std::string{value};
}

std::string json_fields::required_text(std::string_view name) const {
  std::string value = text(name);
  if (value.empty()) complain(name, has(name) ? "is empty" : "is missing");
  return value;
}

uint64_t json_fields::number(std::string_view name) const {
  uint64_t value = 0;
  if (const auto e = find(name); e && e->get(value)) complain(name, "is not a whole number of 0 or more");
  return value;
}

bool json_fields::flag(std::string_view name) const {
  bool value = false;
  if (const auto e = find(name); e && e->get(value)) complain(name, "is not true or false");
  return value;
}

std::vector<std::string> json_fields::texts(std::string_view name) const {
  std::vector<std::string> out;
  const auto e = find(name);
  if (!e) return out;
  simdjson::dom::array items;
  if (e->get(items)) {
    complain(name, "is not an array of strings");
    return out;
  }
  for (const element item : items) {
    std::string_view value;
    if (item.get(value)) {
      complain(std::string{name} + "[" + std::to_string(out.size()) + "]", "is not a string");
      return out;
    }
    out.emplace_back(value);
  }
  return out;
}

std::vector<float> json_fields::floats(std::string_view name) const {
  std::vector<float> out;
  const auto e = find(name);
  if (!e) return out;
  simdjson::dom::array items;
  if (e->get(items)) {
    complain(name, "is not an array of numbers");
    return out;
  }
  for (const element item : items) {
    double value = 0;
    if (item.get(value)) {
      complain(std::string{name} + "[" + std::to_string(out.size()) + "]", "is not a number");
      return out;
    }
    out.push_back(static_cast<float>(value));
  }
  return out;
}

std::optional<json_fields> json_fields::object(std::string_view name) const {
  const auto e = find(name);
  if (!e) return std::nullopt;
  return json_fields{*e, at(name), complaint_};
}

std::vector<std::string> json_fields::names() const {
  std::vector<std::string> out;
  for (const auto member : object_) out.emplace_back(member.key);
  return out;
}

}  // namespace mw::memory
