#include <fmt/format.h>

#include <array>
#include <set>

#include "cmd/memory-devstack/llm/schema.hpp"

namespace mw::standin {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr size_t max_properties = 100;
constexpr size_t max_levels = 5;

constexpr std::array<std::string_view, 25> unsupported{"minLength",
                                                       "maxLength",
                                                       "pattern",
                                                       "format",
                                                       "minimum",
                                                       "maximum",
                                                       "multipleOf",
                                                       "minItems",
                                                       "maxItems",
                                                       "uniqueItems",
                                                       "contains",
                                                       "minContains",
                                                       "maxContains",
                                                       "patternProperties",
                                                       "propertyNames",
                                                       "minProperties",
                                                       "maxProperties",
                                                       "unevaluatedItems",
                                                       "unevaluatedProperties",
                                                       "allOf",
                                                       "not",
                                                       "dependentRequired",
                                                       "dependentSchemas",
                                                       "if",
                                                       "exclusiveMinimum"};

class checker {
 public:
  explicit checker(element root) : root_(root) {}

  status run() {
    object o;
    if (root_.get(o) != simdjson::SUCCESS) return refuse("", "schema must be an object");
    if (!o["anyOf"].error()) return refuse("", "the root must not be anyOf");
    std::string_view type;
    if (o["type"].get(type) != simdjson::SUCCESS || type != "object")
      return refuse("", "schema must have type \"object\"");
    if (auto s = node(root_, "", 0); !s) return s;
    object definitions;
    if (o["$defs"].get(definitions) == simdjson::SUCCESS)
      for (const auto [name, definition] : definitions)
        if (auto s = node(definition, fmt::format("$defs.{}", name), 0); !s) return s;
    return ok;
  }

 private:
  static status refuse(const std::string& place, const std::string& why) {
    return fail(errc::rejected, fmt::format("In context=({}), {}.", place.empty() ? "root" : place, why));
  }

  status node(element e, const std::string& place, size_t level) {
    object o;
    if (e.get(o) != simdjson::SUCCESS) return refuse(place, "a schema must be an object");
    for (const auto word : unsupported)
      if (!o[word].error()) return refuse(place, fmt::format("'{}' is not permitted", word));
    if (level > max_levels) return refuse(place, "nesting is deeper than 5 levels");
    std::string_view ref;
    if (o["$ref"].get(ref) == simdjson::SUCCESS) return reference(ref, place);
    simdjson::dom::array options;
    if (o["anyOf"].get(options) == simdjson::SUCCESS) {
      size_t i = 0;
      for (const auto option : options)
        if (auto s = node(option, fmt::format("{}.anyOf[{}]", place, i++), level); !s) return s;
      return ok;
    }
    if (o["type"].error() && o["enum"].error() && o["const"].error())
      return refuse(place, "schema must have a 'type' key");
    if (has_type(o, "object"))
      if (auto s = members(o, place, level); !s) return s;
    if (has_type(o, "array")) {
      element items;
      if (o["items"].get(items) != simdjson::SUCCESS) return refuse(place, "array schema is missing 'items'");
      return node(items, place + ".items", level + 1);
    }
    return ok;
  }

  static bool has_type(const object& o, std::string_view wanted) {
    std::string_view one;
    if (o["type"].get(one) == simdjson::SUCCESS) return one == wanted;
    simdjson::dom::array several;
    if (o["type"].get(several) != simdjson::SUCCESS) return false;
    for (const auto t : several)
      if (t.get(one) == simdjson::SUCCESS && one == wanted) return true;
    return false;
  }

  status members(const object& o, const std::string& place, size_t level) {
    bool additional = true;
    if (o["additionalProperties"].get(additional) != simdjson::SUCCESS || additional)
      return refuse(place, "'additionalProperties' is required to be supplied and to be false");
    object properties;
    if (o["properties"].get(properties) != simdjson::SUCCESS)
      return refuse(place, "object schema is missing 'properties'");
    std::set<std::string_view> required;
    simdjson::dom::array list;
    if (o["required"].get(list) == simdjson::SUCCESS)
      for (const auto item : list) {
        std::string_view name;
        if (item.get(name) == simdjson::SUCCESS) required.insert(name);
      }
    for (const auto [name, schema] : properties) {
      if (!required.contains(name))
        return refuse(place, fmt::format("'required' must name every property; missing '{}'", name));
      if (++properties_ > max_properties) return refuse(place, "more than 100 properties");
      if (auto s =
              node(schema, place.empty() ? std::string{name} : fmt::format("{}.{}", place, name), level + 1);
          !s)
        return s;
      required.erase(name);
    }
    if (!required.empty())
      return refuse(place, fmt::format("'required' names an unknown property '{}'", *required.begin()));
    return ok;
  }

  status reference(std::string_view ref, const std::string& place) const {
    if (ref == "#") return ok;
    if (ref.starts_with("#") && !root_.at_pointer(ref.substr(1)).error()) return ok;
    return refuse(place, fmt::format("reference '{}' does not exist", ref));
  }

  element root_;
  size_t properties_ = 0;
};

}  // namespace

status check_strict_schema(element schema) {
  return checker{schema}.run();
}

}  // namespace mw::standin
