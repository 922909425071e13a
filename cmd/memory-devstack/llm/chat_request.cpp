#include "cmd/memory-devstack/llm/chat_request.hpp"

#include <algorithm>
#include <array>

#include "cmd/memory-devstack/llm/schema.hpp"

namespace mw::standin {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;
using maybe_error = std::optional<api_error>;

/// string, null or array of text parts
maybe_error read_content(const element& e, const std::string& place, std::string& text) {
  std::string_view plain;
  if (e.get(plain) == simdjson::SUCCESS) {
    text = plain;
    return {};
  }
  if (e.is_null()) return {};
  simdjson::dom::array parts;
  if (e.get(parts) != simdjson::SUCCESS)
    return invalid_request("content must be a string or an array of parts.", place, "invalid_type");
  for (const auto part : parts) {
    object o;
    std::string_view type;
    if (part.get(o) != simdjson::SUCCESS || o["type"].get(type) != simdjson::SUCCESS || type != "text" ||
        o["text"].get(plain) != simdjson::SUCCESS)
      return invalid_request("Only content parts of type text are supported.", place, "invalid_value");
    text += plain;
  }
  return {};
}

maybe_error read_messages(const object& root, chat_request& r) {
  constexpr std::array<std::string_view, 5> roles{"system", "developer", "user", "assistant", "tool"};
  simdjson::dom::array list;
  if (root["messages"].get(list) != simdjson::SUCCESS)
    return invalid_request("Missing required parameter: 'messages'.", "messages",
                           "missing_required_parameter");
  if (list.size() == 0)
    return invalid_request("Invalid 'messages': empty array, expected at least 1 item.", "messages",
                           "empty_array");
  size_t i = 0;
  for (const auto item : list) {
    const std::string place = "messages[" + std::to_string(i++) + "]";
    object o;
    if (item.get(o) != simdjson::SUCCESS)
      return invalid_request("A message must be an object.", place, "invalid_type");
    std::string_view role;
    if (o["role"].get(role) != simdjson::SUCCESS)
      return invalid_request("Missing required parameter: '" + place + ".role'.", place + ".role",
                             "missing_required_parameter");
    if (std::find(roles.begin(), roles.end(), role) == roles.end())
      return invalid_request("Invalid value: '" + std::string{role} + "' is no known role.", place + ".role",
                             "invalid_value");
    request_message m{std::string{role}, {}};
    element content;
    if (o["content"].get(content) != simdjson::SUCCESS)
      return invalid_request("Missing required parameter: '" + place + ".content'.", place + ".content",
                             "missing_required_parameter");
    if (auto e = read_content(content, place + ".content", m.text)) return e;
    r.messages.push_back(std::move(m));
  }
  return {};
}

bool is_schema_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

maybe_error read_response_format(const object& root, chat_request& r) {
  object format;
  if (root["response_format"].error()) return {};
  std::string_view type;
  if (root["response_format"].get(format) != simdjson::SUCCESS ||
      format["type"].get(type) != simdjson::SUCCESS)
    return invalid_request("Missing required parameter: 'response_format.type'.", "response_format.type",
                           "missing_required_parameter");
  if (type == "text") return {};
  if (type == "json_object") {
    r.json_object = true;
    return {};
  }
  if (type != "json_schema")
    return invalid_request("Invalid value: '" + std::string{type} + "'.", "response_format.type",
                           "invalid_value");
  object wrapper;
  std::string_view name;
  element schema;
  if (format["json_schema"].get(wrapper) != simdjson::SUCCESS)
    return invalid_request("Missing required parameter: 'response_format.json_schema'.",
                           "response_format.json_schema", "missing_required_parameter");
  if (wrapper["name"].get(name) != simdjson::SUCCESS || !is_schema_name(name))
    return invalid_request("'response_format.json_schema.name' must match ^[a-zA-Z0-9_-]{1,64}$.",
                           "response_format.json_schema.name", "invalid_value");
  if (wrapper["schema"].get(schema) != simdjson::SUCCESS)
    return invalid_request("Missing required parameter: 'response_format.json_schema.schema'.",
                           "response_format.json_schema.schema", "missing_required_parameter");
  bool strict = false;
  const bool is_strict = wrapper["strict"].get(strict) == simdjson::SUCCESS && strict;
  if (is_strict)
    if (const auto s = check_strict_schema(schema); !s)
      return invalid_request(
          "Invalid schema for response_format '" + std::string{name} + "': " + s.error().detail,
          "response_format");
  r.json_schema = schema;
  return {};
}

maybe_error read_numbers(const object& root, chat_request& r) {
  const bool both = !root["max_tokens"].error() && !root["max_completion_tokens"].error();
  if (both)
    return invalid_request(
        "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        "max_completion_tokens", "invalid_parameter_combination");
  for (const auto* name : {"max_tokens", "max_completion_tokens"}) {
    if (root[name].error()) continue;
    int64_t n = 0;
    if (root[name].get(n) != simdjson::SUCCESS || n < 1)
      return invalid_request(std::string{"Invalid '"} + name + "': expected an integer above 0.", name,
                             "integer_below_min_value");
    r.max_output_tokens = static_cast<uint64_t>(n);
  }
  double temperature = 0;
  if (!root["temperature"].error() &&
      (root["temperature"].get(temperature) != simdjson::SUCCESS || temperature < 0 || temperature > 2))
    return invalid_request("Invalid 'temperature': expected a number between 0 and 2.", "temperature",
                           "decimal_above_max_value");
  bool stream = false;
  if (root["stream"].get(stream) == simdjson::SUCCESS && stream)
    return invalid_request("This stand-in does not stream.", "stream", "unsupported_value");
  return {};
}

}  // namespace

std::variant<chat_request, api_error> parse_chat_request(std::string_view body) {
  chat_request r;
  r.document = std::make_unique<simdjson::dom::parser>();
  element root_element;
  object root;
  if (r.document->parse(body.data(), body.size()).get(root_element) != simdjson::SUCCESS ||
      root_element.get(root) != simdjson::SUCCESS)
    return invalid_request("We could not parse the JSON body of your request.", "");
  for (const auto [name, value] : root) r.parameters.emplace_back(name);
  std::string_view text;
  if (root["model"].get(text) == simdjson::SUCCESS) r.model = text;
  if (root["prompt_cache_key"].get(text) == simdjson::SUCCESS) r.cache_key = text;
  if (auto e = read_messages(root, r)) return *e;
  if (auto e = read_numbers(root, r)) return *e;
  if (auto e = read_response_format(root, r)) return *e;
  return r;
}

}  // namespace mw::standin
