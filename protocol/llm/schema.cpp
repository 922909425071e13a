#include "protocol/llm/schema.hpp"

#include <initializer_list>

#include "protocol/base/json_writer.hpp"
#include "protocol/memory/documents.hpp"

namespace mw::llm {
namespace {

void text(json_writer& w, std::string_view name, std::string_view description) {
  w.key(name).begin_object().field("type", "string").field("description", description).end_object();
}

void list(json_writer& w, std::string_view name, std::string_view description) {
  w.key(name).begin_object().field("type", "array").field("description", description);
  w.key("items").begin_object().field("type", "string").end_object().end_object();
}

void choice(json_writer& w, std::string_view name, const std::vector<std::string_view>& values) {
  w.key(name).begin_object().field("type", "string").strings("enum", values).end_object();
}

void close(json_writer& w, std::initializer_list<std::string_view> names) {
  w.end_object();
  w.strings("required", names).field("additionalProperties", false).end_object();
}

void operation_items(json_writer& w) {
  std::vector<std::string_view> categories;
  for (size_t i = 0; i < memory::category_count; ++i)
    categories.push_back(memory::to_string(static_cast<memory::category>(i)));
  w.key("items").begin_object().field("type", "object").key("properties").begin_object();
  text(w, "message", "number of the new message of the user that is the evidence, such as m3");
  text(w, "quote", "literal piece of that message which states it");
  choice(w, "op", {"add", "replace", "remove"});
  choice(w, "category", categories);
  text(w, "item", "add, replace: the new fact; remove: the stored item, copied exactly");
  text(w, "replaces", "replace: the stored item, copied exactly; otherwise empty");
  close(w, {"message", "quote", "op", "category", "item", "replaces"});
}

std::string make() {
  std::string out;
  json_writer w{out};
  w.begin_object().field("type", "object").key("properties").begin_object();
  text(w, "summary", "one paragraph about the whole conversation so far");
  list(w, "themes", "at most 5 key topics");
  list(w, "persons", "named people who were talked about, neither the user nor the assistant");
  list(w, "places", "specific locations");
  choice(w, "user_sentiment", {"positive", "neutral", "negative"});
  w.key("operations").begin_object().field("type", "array");
  w.field("description", "changes of the user's profile; empty when the user said nothing lasting");
  operation_items(w);
  w.end_object();
  close(w, {"summary", "themes", "persons", "places", "user_sentiment", "operations"});
  return out;
}

}  // namespace

const std::string& analysis_schema() {
  static const std::string schema = make();
  return schema;
}

}  // namespace mw::llm
