#include <algorithm>
#include <charconv>
#include <optional>

#include "cmd/memory-devstack/llm/schema.hpp"
#include "protocol/base/json_writer.hpp"

namespace mw::standin {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr size_t max_depth = 12;

/// The first type a schema allows; null only where nothing else is.
std::string_view type_of(const object& o) {
  std::string_view one;
  if (o["type"].get(one) == simdjson::SUCCESS) return one;
  simdjson::dom::array several;
  if (o["type"].get(several) == simdjson::SUCCESS) {
    for (const auto t : several)
      if (t.get(one) == simdjson::SUCCESS && one != "null") return one;
    return "null";
  }
  return o["properties"].error() ? "string" : "object";
}

bool allows_null(const object& o) {
  simdjson::dom::array list;
  std::string_view type;
  if (o["type"].get(list) == simdjson::SUCCESS)
    for (const auto t : list)
      if (t.get(type) == simdjson::SUCCESS && type == "null") return true;
  if (o["anyOf"].get(list) == simdjson::SUCCESS)
    for (const auto option : list) {
      object inner;
      if (option.get(inner) == simdjson::SUCCESS && type_of(inner) == "null") return true;
    }
  return false;
}

class filler {
 public:
  filler(element root, const transcript& t, const findings& f, std::string& out)
      : root_(root), transcript_(t), findings_(f), w_(out) {}

  void value(element schema, std::string_view name, const found_operation* op, size_t depth) {
    object o;
    if (schema.get(o) != simdjson::SUCCESS || depth > max_depth) {
      w_.null();
      return;
    }
    std::string_view ref;
    if (o["$ref"].get(ref) == simdjson::SUCCESS) {
      element target = root_;
      if (ref.size() > 1 && root_.at_pointer(ref.substr(1)).get(target) != simdjson::SUCCESS)
        return void(w_.null());
      return value(target, name, op, depth + 1);
    }
    if (op != nullptr && name == "replaces" && op->replaces.empty() && allows_null(o)) return void(w_.null());
    simdjson::dom::array options;
    if (o["anyOf"].get(options) == simdjson::SUCCESS) return first_option(options, name, op, depth);
    element constant;
    if (o["const"].get(constant) == simdjson::SUCCESS) return void(w_.raw(simdjson::minify(constant)));
    simdjson::dom::array choices;
    if (o["enum"].get(choices) == simdjson::SUCCESS) return enumeration(choices, name, op);
    typed(o, name, op, depth);
  }

 private:
  void first_option(const simdjson::dom::array& options, std::string_view name, const found_operation* op,
                    size_t depth) {
    for (const auto option : options) {
      object inner;
      if (option.get(inner) == simdjson::SUCCESS && type_of(inner) != "null")
        return value(option, name, op, depth + 1);
    }
    w_.null();
  }

  void typed(const object& o, std::string_view name, const found_operation* op, size_t depth) {
    const auto type = type_of(o);
    if (type == "object") {
      w_.begin_object();
      object properties;
      if (o["properties"].get(properties) == simdjson::SUCCESS)
        for (const auto [key, schema] : properties) {
          w_.key(key);
          value(schema, key, op, depth + 1);
        }
      w_.end_object();
    } else if (type == "array") {
      array(o, name, depth);
    } else if (type == "integer" || type == "number") {
      w_.value(number(name, op));
    } else if (type == "boolean") {
      w_.value(false);
    } else if (type == "null") {
      w_.null();
    } else {
      w_.value(text(name, op));
    }
  }

  void array(const object& o, std::string_view name, size_t depth) {
    w_.begin_array();
    element items;
    if (o["items"].get(items) == simdjson::SUCCESS) {
      if (name == "operations") {
        for (const auto& op : findings_.operations) value(items, "operation", &op, depth + 1);
      } else if (const auto* list = strings(name)) {
        for (const auto& item : *list) w_.value(item);
      }
    }
    w_.end_array();
  }

  const std::vector<std::string>* strings(std::string_view name) const {
    if (name == "themes") return &findings_.themes;
    if (name == "persons") return &findings_.persons;
    if (name == "places") return &findings_.places;
    return nullptr;
  }

  std::string text(std::string_view name, const found_operation* op) const {
    if (op != nullptr) {
      if (name == "op") return op->op;
      if (name == "category") return op->category;
      if (name == "item") return op->item;
      if (name == "replaces") return op->replaces;
      if (name == "quote") return op->quote;
      if (name == "message") return transcript_.lines[op->line].label;
    }
    if (name == "summary") return findings_.summary;
    if (name == "user_sentiment" || name == "sentiment") return findings_.sentiment;
    return {};
  }

  int64_t number(std::string_view name, const found_operation* op) const {
    int64_t n = 0;
    if (op != nullptr && name == "message") {
      const auto& label = transcript_.lines[op->line].label;
      const size_t digits = std::min(label.find_first_of("0123456789"), label.size());
      std::from_chars(label.data() + digits, label.data() + label.size(), n);
    }
    return n;
  }

  /// The wanted text where the enum has it, else its first value.
  void enumeration(const simdjson::dom::array& choices, std::string_view name, const found_operation* op) {
    const auto wanted = text(name, op);
    std::optional<element> chosen;
    for (const auto choice : choices) {
      std::string_view option;
      if (!chosen) chosen = choice;
      if (choice.get(option) == simdjson::SUCCESS && option == wanted) chosen = choice;
    }
    if (!chosen) return void(w_.null());
    w_.raw(simdjson::minify(*chosen));
  }

  element root_;
  const transcript& transcript_;
  const findings& findings_;
  json_writer w_;
};

}  // namespace

std::string fill_schema(element schema, const transcript& t, const findings& f) {
  std::string out;
  filler{schema, t, f, out}.value(schema, "", nullptr, 0);
  return out;
}

}  // namespace mw::standin
