// A request to the Memory API over a small database: METHOD and target in the first line, headers up to an
// empty line, then the body. Holds: every answer has a status below 500, a body in JSON goes as JSON, a
// refusal says why; another user's memories stay as they were; memory is in proportion.
#include <simdjson.h>

#include "cmd/memory-api/service.hpp"
#include "protocol/base/ascii.hpp"
#include "protocol/http/server_message.hpp"
#include "protocol/http/url.hpp"
#include "tests/fuzz/common.hpp"
#include "tests/fuzz/database_file.hpp"

using namespace mw;

namespace {

/// As the server hands it on; nullopt: it refuses it itself.
std::optional<http::server_request> request_of(std::string_view text) {
  http::server_request r;
  const auto first = fuzz::take_line(text);
  r.method = first.substr(0, first.find(' '));
  const auto target = first.substr(std::min(first.size(), r.method.size() + 1));
  const auto raw = target.substr(0, target.find('?'));
  r.query = target.substr(std::min(target.size(), raw.size() + 1));
  auto path = http::percent_decode(raw);
  if (!path) return std::nullopt;
  r.path = std::move(*path);
  for (const auto part : http::split_path(raw)) r.segments.push_back(http::percent_decode(part).value_or(""));
  for (auto line = fuzz::take_line(text); !line.empty(); line = fuzz::take_line(text)) {
    const auto colon = std::min(line.find(": "), line.size());
    r.headers.emplace_back(lower_case(line.substr(0, colon)), line.substr(std::min(line.size(), colon + 2)));
  }
  if (r.header("content-type").empty()) r.headers.emplace_back("content-type", "application/json");
  r.body = text;
  return r;
}

void is_answer(const http::server_response& r) {
  fuzz::holds(r.status >= 200 && r.status < 500, "no request makes the server fail");
  if (r.body.empty() || r.content_type.find("json") == std::string::npos) return;
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  fuzz::holds(parser.parse(r.body).get(root) == simdjson::SUCCESS, "what goes as JSON is JSON");
  std::string_view why;
  if (r.status >= 400)
    fuzz::holds(root["detail"].get(why) == simdjson::SUCCESS && !why.empty(), "a refusal says why");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto request = request_of(fuzz::text_of(data, size));
  if (!request) return 0;
  const auto store =
      api::sqlite_store::open(fuzz::database_file(fuzz::database_bytes()), api::log{log_level::error});
  fuzz::holds(store.has_value(), "the database opens");
  const api::log silent{log_level::error};
  const api::service service{**store, silent, {"", {"*"}, &fuzz::database_time}};
  const fuzz::heap_bound bound{size, 2'000, 1 << 20};
  const auto answer = service.handle(*request);
  is_answer(answer);
  http::render(answer, request->method, true);
  const auto theirs = (*store)->read_record("v", "t");
  const bool named =
      std::find(request->segments.begin(), request->segments.end(), "v") != request->segments.end() ||
      request->body.find('v') != std::string::npos || request->query.find('v') != std::string::npos;
  if (!named)
    fuzz::holds(theirs && *theirs && (*theirs)->summary == "Something else.", "another user's memories stay");
  return 0;
}
