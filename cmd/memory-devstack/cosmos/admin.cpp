// The stand-in's own side: knobs, counters, and what tests in the same process use.
#include "cmd/memory-devstack/cosmos/service.hpp"
#include "protocol/base/json_writer.hpp"

namespace mw::cosmos_standin {
namespace {

double charge_in(const http::server_response& r) {
  for (const auto& [name, value] : r.headers)
    if (name == "x-ms-request-charge") return std::stod(value);
  return 0;
}

}  // namespace

http::server_response service::administer(const http::server_request& r) {
  http::server_response answer;
  if (r.path == "/_admin/faults" && r.method == "POST") {
    auto settings = parse_fault_settings(r.body);
    if (!settings) return http::problem(400, "Bad Request", settings.error().detail);
    const std::lock_guard lock{mutex_};
    if (settings->clear) faults_.clear();
    for (auto& rule : settings->rules) faults_.add(std::move(rule));
    answer.body = "{}";
    return answer;
  }
  if (r.path == "/_admin/faults" && r.method == "DELETE") {
    clear_faults();
    answer.body = "{}";
    return answer;
  }
  if (r.path == "/_admin/stats" && r.method == "DELETE") {
    clear_stats();
    answer.body = "{}";
    return answer;
  }
  if (r.path != "/_admin/stats" || r.method != "GET")
    return http::problem(404, "Not Found", "POST or DELETE /_admin/faults, GET or DELETE /_admin/stats");
  json_writer out{answer.body};
  out.begin_object();
  for (const auto& [operation, s] : stats())
    out.key(operation)
        .begin_object()
        .field("requests", s.requests)
        .field("bytes_in", s.bytes_in)
        .field("bytes_out", s.bytes_out)
        .field("charge", s.charge)
        .end_object();
  out.end_object();
  return answer;
}

void service::count_request(const http::server_request& r, const target& t,
                            const http::server_response& answer) {
  auto& s = stats_[t.operation];
  ++s.requests;
  s.bytes_in += r.body.size();
  s.bytes_out += answer.body.size();
  s.charge += charge_in(answer);
}

void service::add_fault(fault_rule rule) {
  const std::lock_guard lock{mutex_};
  faults_.add(std::move(rule));
}

void service::clear_faults() {
  const std::lock_guard lock{mutex_};
  faults_.clear();
}

std::map<std::string, operation_stats> service::stats() const {
  const std::lock_guard lock{mutex_};
  return stats_;
}

void service::clear_stats() {
  const std::lock_guard lock{mutex_};
  stats_.clear();
}

std::string service::stored(const std::string& name, const std::string& partition,
                            const std::string& id) const {
  const std::lock_guard lock{mutex_};
  const auto found = containers_.at(name).find(partition, id);
  return found ? found->body : std::string{};
}

void service::put(const std::string& name, const std::string& partition, const std::string& id,
                  std::string body) {
  const std::lock_guard lock{mutex_};
  containers_.at(name).put(partition, id, std::move(body));
}

size_t service::count(const std::string& name) const {
  const std::lock_guard lock{mutex_};
  return containers_.at(name).size();
}

}  // namespace mw::cosmos_standin
