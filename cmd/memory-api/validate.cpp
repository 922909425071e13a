#include "cmd/memory-api/validate.hpp"

#include <charconv>

#include "protocol/base/utf8.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/json_fields.hpp"
#include "protocol/memory/summary_text.hpp"
#include "protocol/memory_api/commit_json.hpp"

namespace mw::api {
namespace {

using memory::json_fields;

failure refuse(std::string detail) {
  return fail(errc::rejected, std::move(detail));
}

/// Reads a body; every complaint of the reader is a refusal.
template <class T, class Read>
result<T> read_body(std::string_view body, Read&& read) {
  T value{};
  const auto done = json_fields::parse(body, "body", [&](const json_fields& f) { read(f, value); });
  if (!done) return refuse(done.error().detail);
  return value;
}

std::string read_id(const json_fields& f, std::string_view name) {
  std::string id = f.required_text(name);
  if (const auto good = check_id(name, id); !good && !id.empty())
    f.complain(name, "is not 1 to 512 bytes without control characters");
  return id;
}

status check_texts(std::string_view name, const std::vector<std::string>& texts) {
  if (texts.size() > max_list_entries)
    return refuse(std::string{name} + " has more than " + std::to_string(max_list_entries) + " entries");
  for (size_t i = 0; i < texts.size(); ++i)
    if (texts[i].size() > memory::max_item_bytes)
      return refuse(std::string{name} + "[" + std::to_string(i) + "] is longer than " +
                    std::to_string(memory::max_item_bytes) + " bytes");
  return ok;
}

status check_size(std::string_view name, size_t size, size_t most, std::string_view unit) {
  if (size <= most) return ok;
  return refuse(std::string{name} + " has " + std::to_string(size) + " " + std::string{unit} + ", at most " +
                std::to_string(most) + " are taken");
}

status check_summary_parts(std::string_view summary, const std::vector<std::string>& themes,
                           const std::vector<std::string>& persons, const std::vector<std::string>& places,
                           const std::vector<float>& embedding) {
  if (auto good = check_size("summary", summary.size(), max_summary_bytes, "bytes"); !good) return good;
  if (auto good = check_texts("themes", themes); !good) return good;
  if (auto good = check_texts("persons", persons); !good) return good;
  if (auto good = check_texts("places", places); !good) return good;
  return check_size("vector_embedding", embedding.size(), max_dimensions, "numbers");
}

status check_positions(const memory::commit& c) {
  if (auto good = check_size("span", c.span.size(), max_span, "messages"); !good) return good;
  for (const auto& w : c.span)
    if (w.id.size() > max_id_bytes) return refuse("span has a message id of more than 512 bytes");
  if (c.through.id.size() > max_id_bytes) return refuse("through.id is longer than 512 bytes");
  if (!c.span.empty() && c.span.back().id != c.through.id)
    return refuse("span does not end with through; it lists the messages after base up to through, in order");
  if (c.span.empty() && (!c.base || c.base->id != c.through.id))
    return refuse("span is empty although through is not base");
  return ok;
}

}  // namespace

status check_id(std::string_view name, std::string_view id) {
  if (id.empty()) return refuse(std::string{name} + " is missing or empty");
  if (id.size() > max_id_bytes) return refuse(std::string{name} + " is longer than 512 bytes");
  for (const char c : id)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return refuse(std::string{name} + " contains a control character");
  if (!utf8_valid(id)) return refuse(std::string{name} + " is not UTF-8");
  return ok;
}

result<search_request> read_search(std::string_view body) {
  auto read = read_body<search_request>(body, [](const json_fields& f, search_request& r) {
    r.query = f.required_text("query");
    if (f.has("limit")) r.limit = f.number("limit");
    if (r.query.size() > max_query_bytes) f.complain("query", "is longer than 1000 bytes");
    if (r.limit < 1 || r.limit > 100) f.complain("limit", "is not a number from 1 to 100");
  });
  return read;
}

result<lists_request> read_lists(std::string_view body) {
  auto read = read_body<lists_request>(body, [](const json_fields& f, lists_request& r) {
    r.user_id = read_id(f, "userId");
    const auto updates = f.object("updates");
    if (!updates) return f.complain("updates", "is missing; give an object of category and list");
    for (const auto& name : updates->names()) {
      const auto known = memory::category_from(name);
      if (!known) return f.complain("updates", "names a category that is not one of the nine");
      if (std::any_of(r.updates.begin(), r.updates.end(), [&](const auto& u) { return u.first == *known; }))
        return f.complain("updates", "names a category twice");
      r.updates.emplace_back(*known, updates->texts(name));
    }
    if (r.updates.empty()) f.complain("updates", "is empty; name at least one category");
  });
  if (!read) return read;
  for (const auto& [in, items] : read->updates) {
    const std::string name = "updates." + std::string{to_string(in)};
    if (const auto good = check_texts(name, items); !good) return good.error();
    for (size_t i = 0; i < items.size(); ++i)
      if (memory::clean_item(items[i]).empty()) return refuse(name + "[" + std::to_string(i) + "] is empty");
  }
  return read;
}

result<memory::record> read_summary(std::string_view body) {
  auto read = read_body<memory::record>(body, [](const json_fields& f, memory::record& r) {
    r.user_id = read_id(f, "userId");
    r.session_id = read_id(f, "sessionId");
    r.summary = f.required_text("summary");
    if (memory::is_placeholder_summary(r.summary)) f.complain("summary", "is an error text, not a summary");
    r.themes = f.texts("themes");
    r.persons = f.texts("persons");
    r.places = f.texts("places");
    const std::string mood = f.text("user_sentiment");
    const auto known = memory::sentiment_from(mood);
    if (!mood.empty() && !known) f.complain("user_sentiment", "is not positive, neutral or negative");
    r.user_sentiment = known.value_or(memory::sentiment::neutral);
    r.embedding = f.floats("vector_embedding");
  });
  if (!read) return read;
  const auto good =
      check_summary_parts(read->summary, read->themes, read->persons, read->places, read->embedding);
  if (!good) return good.error();
  return read;
}

result<memory::commit> read_commit(std::string_view body) {
  auto c = memory_api::parse_commit(body);
  if (!c) return refuse(c.error().detail);
  for (const auto& good :
       {check_id("userId", c->user_id), check_id("sessionId", c->session_id), check_positions(*c),
        check_summary_parts(c->summary, c->themes, c->persons, c->places, c->embedding),
        check_size("operations", c->operations.size(), max_operations, "entries"),
        check_size("skipped", c->skipped.size(), max_list_entries, "entries"),
        check_size("retried", c->retried.size(), max_list_entries, "entries")})
    if (!good) return good.error();
  return c;
}

result<size_t> read_number(const http::server_request& r, std::string_view name, size_t otherwise,
                           size_t least, size_t most) {
  const std::string text = r.parameter(name);
  if (text.empty()) return otherwise;
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most)
    return refuse("the parameter " + std::string{name} + " is not a number from " + std::to_string(least) +
                  " to " + std::to_string(most));
  return value;
}

result<memory::category> read_category(std::string_view name) {
  const auto known = memory::category_from(name);
  if (known) return *known;
  std::string all;
  for (size_t i = 0; i < memory::category_count; ++i)
    all.append(i == 0 ? "" : ", ").append(to_string(static_cast<memory::category>(i)));
  return refuse("unknown category; the categories are " + all);
}

}  // namespace mw::api
