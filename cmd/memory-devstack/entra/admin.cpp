// The knobs of the Entra stand-in.
#include <simdjson.h>

#include <algorithm>
#include <array>

#include "cmd/memory-devstack/entra/aadsts.hpp"
#include "cmd/memory-devstack/entra/service.hpp"
#include "protocol/base/json_writer.hpp"

namespace mw::devstack {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

failure refuse(std::string detail) {
  return fail(errc::rejected, std::move(detail));
}

status read_field(std::string_view name, element e, entra_fault& f) {
  std::string_view text;
  int64_t n = 0;
  if (name == "kind" || name == "grant") {
    if (e.get(text) != simdjson::SUCCESS) return refuse(std::string{name} + " must be a string");
    (name == "kind" ? f.kind : f.grant) = text;
    return ok;
  }
  if (e.get(n) != simdjson::SUCCESS || n < 0) return refuse(std::string{name} + " must be a number");
  if (name == "next")
    f.next = n;
  else if (name == "status")
    f.status = n;
  else if (name == "retry_after_s")
    f.retry_after_s = n;
  else if (name == "hang_ms")
    f.hang_ms = n;
  else
    return refuse("unknown field '" + std::string{name} + "'");
  return ok;
}

bool one_of(std::string_view text, std::initializer_list<std::string_view> all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

result<entra_fault> read_fault(element e) {
  object o;
  entra_fault f;
  if (e.get(o) != simdjson::SUCCESS) return refuse("a fault must be an object");
  for (const auto [name, value] : o)
    if (const auto s = read_field(name, value, f); !s) return s.error();
  if (!one_of(f.kind, {"error", "throttle", "hang", "bad_json", "wrong_audience"}))
    return refuse("unknown kind '" + f.kind + "'");
  if (!one_of(f.grant, {"", "client_secret", "client_assertion", "app_service", "imds"}))
    return refuse("unknown grant '" + f.grant + "'");
  if (f.status < 400 || f.status > 599) return refuse("status must be between 400 and 599");
  return f;
}

}  // namespace

result<std::vector<entra_fault>> parse_entra_faults(std::string_view json, bool& clear) {
  simdjson::dom::parser parser;
  element root;
  object fields;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS ||
      root.get(fields) != simdjson::SUCCESS)
    return refuse("the body must be a JSON object");
  std::vector<entra_fault> faults;
  for (const auto [name, value] : fields) {
    simdjson::dom::array list;
    if (name == "clear") {
      if (value.get(clear) != simdjson::SUCCESS) return refuse("clear must be true or false");
    } else if (name == "faults" && value.get(list) == simdjson::SUCCESS) {
      for (const auto item : list) {
        auto f = read_fault(item);
        if (!f) return f.error();
        faults.push_back(std::move(*f));
      }
    } else {
      return refuse("'" + std::string{name} + "' is unknown or of the wrong type");
    }
  }
  return faults;
}

std::string entra_service::stats() const {
  std::string body;
  json_writer w{body};
  w.begin_object().key("requests").begin_object();
  for (const auto& [grant, c] : counts_) w.field(to_string(grant), c.requests);
  w.end_object().key("granted").begin_object();
  for (const auto& [grant, c] : counts_) w.field(to_string(grant), c.granted);
  w.end_object().key("audiences").begin_object();
  for (const auto& [audience, n] : audiences_) w.field(audience, n);
  w.end_object().field("faults", static_cast<uint64_t>(faults_.size())).end_object();
  return body;
}

http::server_response entra_service::set_settings(std::string_view json) {
  simdjson::dom::parser parser;
  element root;
  object fields;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS ||
      root.get(fields) != simdjson::SUCCESS)
    return http::problem(400, "Bad Request", "the body must be a JSON object");
  for (const auto [name, value] : fields) {
    std::string_view text;
    int64_t n = 0;
    if (name == "client_secret" && value.get(text) == simdjson::SUCCESS)
      options_.client_secret = text;
    else if (name == "token_life_s" && value.get(n) == simdjson::SUCCESS && n > 0)
      options_.token_life_s = n;
    else
      return http::problem(400, "Bad Request", "'" + std::string{name} + "' is unknown or has no such value");
  }
  return json_response(200, "{}");
}

http::server_response entra_service::administer(const http::server_request& r) {
  const std::lock_guard lock{mutex_};
  if (r.path == "/_admin/stats") {
    if (r.method == "DELETE") {
      counts_.clear();
      audiences_.clear();
    }
    return json_response(200, stats());
  }
  if (r.path == "/_admin/settings" && r.method == "POST") return set_settings(r.body);
  if (r.path != "/_admin/faults")
    return http::problem(404, "Not Found", "only /_admin/faults, /_admin/settings and /_admin/stats");
  if (r.method == "DELETE") faults_.clear();
  if (r.method == "POST") {
    bool clear = false;
    auto added = parse_entra_faults(r.body, clear);
    if (!added) return http::problem(400, "Bad Request", added.error().detail);
    if (clear) faults_.clear();
    for (auto& f : *added) faults_.push_back(std::move(f));
  }
  return json_response(200, stats());
}

}  // namespace mw::devstack
