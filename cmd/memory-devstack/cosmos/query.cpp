#include "cmd/memory-devstack/cosmos/query.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "protocol/base/ascii.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/memory/json_fields.hpp"

namespace mw::cosmos_standin {
namespace {

failure refused(std::string_view why) {
  return fail(errc::rejected, fmt::format("Syntax error: {}", why));
}

/// "c.a, c.b" into names; false where it is something else.
bool read_fields(std::string_view list, std::vector<std::string>& out) {
  if (trim(list) == "*") return true;
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const auto part = trim(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    if (!part.starts_with("c.") || part.size() < 3) return false;
    out.emplace_back(part.substr(2));
  }
  return !out.empty();
}

}  // namespace

result<parsed_query> parse_query(std::string_view body, std::string_view partition_property) {
  std::string text;
  std::vector<std::pair<std::string, std::string>> parameters;
  const auto read = memory::json_fields::parse(body, "query", [&](const memory::json_fields& f) {
    text = f.required_text("query");
    f.each("parameters", [&](const memory::json_fields& p) {
      parameters.emplace_back(p.required_text("name"), p.text("value"));
    });
  });
  if (!read) return refused(read.error().detail);
  parsed_query q;
  const std::string_view all{text};
  const size_t from = all.find(" FROM c WHERE ");
  if (!all.starts_with("SELECT ") || from == std::string_view::npos)
    return refused("no SELECT ... FROM c WHERE");
  if (!read_fields(all.substr(7, from - 7), q.fields)) return refused("the selected properties");
  const std::string start = fmt::format("c.{} = ", partition_property);
  const auto condition = trim(all.substr(from + 14));
  if (!condition.starts_with(start)) return refused("only the partition key can be compared here");
  const auto name = condition.substr(start.size());
  const auto given =
      std::find_if(parameters.begin(), parameters.end(), [&](const auto& p) { return p.first == name; });
  if (!name.starts_with('@') || given == parameters.end()) return refused("a parameter is missing");
  q.value = given->second;
  return q;
}

std::string project(std::string_view document, const std::vector<std::string>& fields) {
  if (fields.empty()) return std::string{document};
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  std::string out;
  json_writer writer{out};
  writer.begin_object();
  if (!parser.parse(document.data(), document.size()).get(object))
    for (const auto& field : fields) {
      simdjson::dom::element value;
      if (!object.at_key(field).get(value)) writer.key(field).raw(simdjson::minify(value));
    }
  writer.end_object();
  return out;
}

}  // namespace mw::cosmos_standin
