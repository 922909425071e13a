// The analysis that a model's text holds: read_analysis() of evidence.hpp.
#include <algorithm>
#include <optional>

#include "protocol/chat/json_document.hpp"
#include "protocol/llm/answer_fields.hpp"
#include "protocol/llm/answer_text.hpp"
#include "protocol/llm/evidence.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/secrets.hpp"

namespace mw::llm {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

failure invalid(std::string why) {
  return fail(dependency::llm, errc::invalid_answer, std::move(why));
}

void read_list(const object& root, const char* name, size_t max_count, std::vector<std::string>& out) {
  const auto value = field_of(root, name);
  if (!value) return;
  const auto add = [&](std::string_view text) {
    if (out.size() >= max_count) return;
    std::string item = memory::mask_secrets(memory::clean_text(text, max_name_bytes));
    if (!item.empty() && memory::find_item(out, item) >= out.size()) out.push_back(std::move(item));
  };
  array values;
  const bool texts =
      value->get(values) == simdjson::SUCCESS &&
      std::all_of(values.begin(), values.end(), [](const element& v) { return v.is_string(); });
  if (texts) {
    for (const auto v : values) add(chat::text_or_empty(v));
  } else {
    for (const auto& name_there : names_in(*value)) add(name_there);
  }
}

analysis read_object(const object& root, const analysis_input& input) {
  analysis out;
  if (const auto summary = field_of(root, "summary"))
    out.summary = memory::mask_secrets(memory::clean_text(text_in(*summary), max_summary_bytes));
  read_list(root, "themes", max_themes, out.themes);
  read_list(root, "persons", max_names, out.persons);
  read_list(root, "places", max_names, out.places);
  if (const auto mood = field_of(root, "user_sentiment")) out.user_sentiment = sentiment_in(text_in(*mood));
  if (const auto operations = field_of(root, "operations")) read_operations(*operations, input, out);
  return out;
}

/// Looks for the last whole analysis: in a text, and in what an object or a list wraps.
class answer_reader {
 public:
  explicit answer_reader(const analysis_input& input) : input_(input) {}

  result<analysis> read(std::string_view content) {
    if (auto found = of_text(content, deepest)) return std::move(*found);
    return invalid(why_);
  }

 private:
  static constexpr int deepest = 4;

  std::optional<analysis> of_text(std::string_view text, int depth);
  std::optional<analysis> of_element(const element& e, int depth);
  std::optional<analysis> of_object(const object& o, int depth);

  const analysis_input& input_;
  const char* why_ = "the answer holds no complete JSON object";
};

std::optional<analysis> answer_reader::of_text(std::string_view text, int depth) {
  const size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  text.remove_prefix(begin);
  // Where the server enforces the schema, the whole answer is the object.
  if (text.starts_with('{') || text.starts_with('[') || text.starts_with('"')) {
    const chat::json_document document{text};
    if (document.error() == nullptr) return of_element(document.root(), depth);
  }
  const auto objects = json_objects_in(text);
  std::optional<analysis> last;
  for (const auto& json : objects.whole) {
    const chat::json_document document{json};
    if (document.error() != nullptr) continue;
    if (auto found = of_element(document.root(), depth)) last = std::move(found);
  }
  // What comes before an answer that was cut off is a draft.
  if (last && objects.broken.find("\"summary\"") != std::string_view::npos) {
    last.reset();
    why_ = "the last JSON object does not end";
  }
  return last;
}

std::optional<analysis> answer_reader::of_element(const element& e, int depth) {
  array list;
  object o;
  if (depth == 0) return std::nullopt;
  if (e.get(o) == simdjson::SUCCESS) return of_object(o, depth);
  std::optional<analysis> last;
  if (e.get(list) == simdjson::SUCCESS) {
    for (const auto one : list)
      if (auto found = of_element(one, depth - 1)) last = std::move(found);
  } else if (const auto text = chat::text_or_empty(e); text.find('{') != std::string_view::npos) {
    last = of_text(text, depth - 1);
  }
  return last;
}

std::optional<analysis> answer_reader::of_object(const object& o, int depth) {
  if (is_analysis(o)) {
    auto found = read_object(o, input_);
    if (!found.summary.empty()) return found;
  }
  if (is_echoed_line(o)) return std::nullopt;
  std::optional<analysis> last;
  for (const auto field : o)
    if (auto found = of_element(field.value, depth - 1)) last = std::move(found);
  if (last) return last;
  const auto summary = field_of(o, "summary");
  if (summary && !memory::clean_text(text_in(*summary), max_summary_bytes).empty()) {
    why_ = "all but the summary is missing";
  } else if (summary || field_of(o, "operations")) {
    why_ = "summary is missing or empty";
  }
  return last;
}

}  // namespace

result<analysis> read_analysis(std::string_view content, const analysis_input& input) {
  return answer_reader{input}.read(content);
}

}  // namespace mw::llm
