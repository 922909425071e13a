#include "cmd/memory-devstack/cosmos/service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cmd/memory-devstack/cosmos/query.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/cosmos/signing.hpp"

namespace mw::cosmos_standin {
namespace {

constexpr size_t max_document_bytes = 2u << 20;

http::server_response bad(std::string_view message, int substatus = 0) {
  return refusal(400, "BadRequest", message, substatus);
}
http::server_response absent() {
  return refusal(404, "NotFound", "Entity with the specified id does not exist in the system.");
}
http::server_response changed() {
  return refusal(412, "PreconditionFailed", "One of the specified pre-condition is not met.");
}

void set_charge(http::server_response& r, double units) {
  r.headers.emplace_back("x-ms-request-charge", fmt::format("{:.2f}", units));
}

/// The LSN of `RANGE:VERSION#LSN`; 0 where the header is absent.
int64_t lsn_of(std::string_view token) {
  const size_t mark = token.find('#');
  if (mark == std::string_view::npos) return 0;
  int64_t lsn = 0;
  std::from_chars(token.data() + mark + 1, token.data() + token.size(), lsn);
  return lsn;
}

std::string session_token(int64_t lsn) {
  return fmt::format("0:-1#{}", lsn);
}

/// What clients ask first: one region, session consistency.
std::string account_document(std::string_view host) {
  std::string text;
  json_writer out{text};
  out.begin_object().field("id", "stand-in").field("_rid", "stand-in");
  for (const char* locations : {"writableLocations", "readableLocations"}) {
    out.key(locations).begin_array().begin_object();
    out.field("name", "Local").field("databaseAccountEndpoint", fmt::format("http://{}/", host));
    out.end_object().end_array();
  }
  out.field("enableMultipleWriteLocations", false).key("userConsistencyPolicy").begin_object();
  out.field("defaultConsistencyLevel", "Session").end_object().end_object();
  return text;
}

std::string_view property_of(std::string_view path) {
  return path.substr(1);
}

}  // namespace

double charge_of_read(size_t bytes) {
  return std::max(1.0, 0.909 + 0.0909 * static_cast<double>(bytes) / 1024);
}

double charge_of_write(size_t bytes, size_t indexed) {
  return 4.57 + 0.43 * static_cast<double>(bytes) / 1024 + 0.05 * static_cast<double>(indexed);
}

service::service(service_options options) : options_(std::move(options)) {
  for (const auto& name : options_.containers) containers_.emplace(name, container{options_.partition_key});
}

std::optional<service::target> service::target_of(const http::server_request& r) const {
  const auto& s = r.segments;
  if (s.empty() && r.method == "GET") return target{"account", {}, {}, {}};
  if (s.size() < 4 || s.size() > 6 || s[0] != "dbs" || s[2] != "colls") return std::nullopt;
  target t;
  t.container = s[3];
  t.link = fmt::format("dbs/{}/colls/{}", s[1], s[3]);
  if (s.size() == 4) {
    t.operation = "container";
    return r.method == "GET" ? std::optional{t} : std::nullopt;
  }
  if (s[4] != "docs") return std::nullopt;
  if (s.size() == 5) {
    if (r.method != "POST") return std::nullopt;
    t.operation = r.header("x-ms-documentdb-isquery").empty() ? "create" : "query";
    return t;
  }
  t.id = s[5];
  t.link += "/docs/" + t.id;
  t.operation = r.method == "GET"      ? "read"
                : r.method == "PUT"    ? "replace"
                : r.method == "DELETE" ? "delete"
                                       : "";
  return t.operation.empty() ? std::nullopt : std::optional{t};
}

std::optional<http::server_response> service::refused_at_the_door(const http::server_request& r,
                                                                  const target& t) const {
  if (auto no = check_version(r)) return no;
  const std::string_view type = t.operation == "account" ? "" : t.operation == "container" ? "colls" : "docs";
  if (auto no = check_authorization(r, options_.who, type, t.link, options_.now())) return no;
  if (t.operation == "account") return std::nullopt;
  if (r.segments[1] != options_.database || containers_.find(t.container) == containers_.end())
    return refusal(404, "NotFound", "Owner resource does not exist", t.operation == "container" ? 0 : 1003);
  if (t.operation == "container") return std::nullopt;
  if (!partition_of(r))
    return bad(
        "PartitionKey value must be supplied for this operation, as an ASCII JSON array of one string.");
  const auto type_sent = r.header("content-type");
  if (t.operation == "query" && type_sent != "application/query+json")
    return bad("The content type of a query must be application/query+json.");
  if ((t.operation == "create" || t.operation == "replace") && !r.header("x-ms-documentdb-is-upsert").empty())
    return bad("Upserts are not taken here: they overwrite what another writer stored.");
  return std::nullopt;
}

http::server_response service::handle(const http::server_request& r) {
  if (r.path.starts_with("/_admin/")) return administer(r);
  const auto t = target_of(r);
  http::server_response answer;
  if (!t) {
    answer = refusal(405, "MethodNotAllowed", "The requested verb is not supported.");
  } else {
    if (options_.before) options_.before(t->operation, t->container);
    const std::lock_guard lock{mutex_};
    const auto fault = faults_.pick(t->operation, t->container);
    if (fault && fault->kind == fault_kind::cut) {
      answer.cut_after = fault->cut_after;
    } else if (fault && fault->kind == fault_kind::answer) {
      answer = refusal(fault->status, "Fault", "Ordered by the test.", fault->substatus);
      if (fault->retry_after_ms >= 0)
        answer.headers.emplace_back("x-ms-retry-after-ms", std::to_string(fault->retry_after_ms));
    } else {
      auto no = refused_at_the_door(r, *t);
      answer = no ? std::move(*no) : run(r, *t, fault);
      if (fault && fault->kind == fault_kind::lost_response) answer.cut_after = fault->cut_after;
    }
    count_request(r, *t, answer);
    answer.headers.emplace_back("x-ms-activity-id",
                                fmt::format("00000000-0000-0000-0000-{:012x}", next_activity_++));
  }
  answer.headers.emplace_back("Date", cosmos::http_date(options_.now()));
  return answer;
}

http::server_response service::run(const http::server_request& r, const target& t,
                                   const std::optional<fault_rule>& fault) {
  http::server_response answer;
  if (t.operation == "account") {
    answer.body = account_document(r.header("host"));
    return answer;
  }
  auto& c = containers_.at(t.container);
  if (t.operation == "container") {
    json_writer out{answer.body};
    out.begin_object().field("id", t.container).key("partitionKey").begin_object();
    out.strings("paths", std::vector<std::string>{c.partition_key()})
        .field("kind", "Hash")
        .end_object()
        .end_object();
    set_charge(answer, 1);
    return answer;
  }
  const std::string partition = *partition_of(r);
  if (t.operation == "read") {
    answer = read(r, t, c, partition, fault && fault->kind == fault_kind::lag ? fault->behind : 0);
  } else if (t.operation == "query") {
    answer = query(r, c, partition);
  } else if (t.operation == "delete") {
    answer = remove(r, t, c, partition);
  } else {
    answer = write(r, t, c, partition);
  }
  if (std::none_of(answer.headers.begin(), answer.headers.end(),
                   [](const auto& h) { return h.first == "x-ms-session-token"; }))
    answer.headers.emplace_back("x-ms-session-token", session_token(c.lsn()));
  return answer;
}

http::server_response service::read(const http::server_request& r, const target& t, const container& c,
                                    const std::string& partition, int64_t behind) {
  const int64_t lsn = std::max<int64_t>(c.lsn() - behind, 1);
  http::server_response answer;
  const auto found = c.find(partition, t.id, lsn);
  if (lsn_of(r.header("x-ms-session-token")) > lsn) {
    answer = refusal(404, "NotFound", "The read session is not available for the input session token.", 1002);
  } else if (!found) {
    answer = absent();
    set_charge(answer, 1);
  } else {
    answer.body = with_system_properties(*found, options_.now().time_since_epoch() / std::chrono::seconds{1});
    answer.headers.emplace_back("ETag", found->etag);
    set_charge(answer, charge_of_read(answer.body.size()));
  }
  answer.headers.emplace_back("x-ms-session-token", session_token(lsn));
  return answer;
}

http::server_response service::write(const http::server_request& r, const target& t, container& c,
                                     const std::string& partition) {
  if (r.body.size() > max_document_bytes)
    return refusal(413, "RequestEntityTooLarge", "The size of the document exceeded the allowable limit.");
  const auto facts = look_into(r.body, property_of(c.partition_key()));
  if (!facts || facts->id.empty())
    return bad("The input content is invalid because the required properties - 'id; ' - are missing.");
  if (!takes_id(facts->id)) return bad("The id contains illegal characters or is too long.");
  if (facts->partition != partition)
    return bad("PartitionKey extracted from document doesn't match the one specified in the header.", 1001);
  const bool create = t.operation == "create";
  if (!create && facts->id != t.id) return bad("The id of the document is not the one of the address.");
  const auto before = c.find(partition, facts->id);
  if (create && before)
    return refusal(409, "Conflict", "Entity with the specified id already exists in the system.");
  if (!create && !before) return absent();
  if (const auto wanted = r.header("if-match");
      !create && !wanted.empty() && wanted != "*" && wanted != before->etag)
    return changed();
  http::server_response answer;
  answer.status = create ? 201 : 200;
  const std::string etag = c.put(partition, facts->id, r.body);
  answer.headers.emplace_back("ETag", etag);
  if (r.header("prefer") != "return=minimal")
    answer.body = with_system_properties(*c.find(partition, facts->id), 0);
  const size_t indexed = facts->scalars - (options_.index_vectors ? 0 : facts->vector_scalars);
  set_charge(answer, charge_of_write(r.body.size(), indexed));
  return answer;
}

http::server_response service::remove(const http::server_request& r, const target& t, container& c,
                                      const std::string& partition) {
  const auto before = c.find(partition, t.id);
  if (!before) return absent();
  if (const auto wanted = r.header("if-match"); !wanted.empty() && wanted != "*" && wanted != before->etag)
    return changed();
  c.put(partition, t.id, {});
  http::server_response answer;
  answer.status = 204;
  set_charge(answer, charge_of_write(before->body.size(), 0));
  return answer;
}

http::server_response service::query(const http::server_request& r, const container& c,
                                     const std::string& partition) {
  const auto wanted = parse_query(r.body, property_of(c.partition_key()));
  if (!wanted) return bad(wanted.error().detail);
  const auto all = wanted->value == partition ? c.list(partition, c.lsn())
                                              : std::vector<std::pair<std::string, version>>{};
  size_t first = 0;
  size_t most = 100;
  const auto number = [](std::string_view text, size_t& out) {
    std::from_chars(text.data(), text.data() + text.size(), out);
  };
  number(r.header("x-ms-continuation"), first);
  number(r.header("x-ms-max-item-count"), most);
  const size_t end = std::min(all.size(), first + std::max<size_t>(most, 1));
  http::server_response answer;
  json_writer out{answer.body};
  out.begin_object().field("_rid", "k1xYAKA=").key("Documents").begin_array();
  size_t scanned = 0;
  for (size_t i = first; i < end; ++i) {
    scanned += all[i].second.body.size();
    out.raw(project(with_system_properties(all[i].second, 0), wanted->fields));
  }
  out.end_array().field("_count", static_cast<uint64_t>(end > first ? end - first : 0)).end_object();
  if (end < all.size()) answer.headers.emplace_back("x-ms-continuation", std::to_string(end));
  set_charge(answer, 2.3 + 0.0909 * static_cast<double>(scanned) / 1024);
  return answer;
}

}  // namespace mw::cosmos_standin
