#include <algorithm>

#include "cmd/memory-api/handlers.hpp"
#include "cmd/memory-api/validate.hpp"
#include "cmd/memory-api/version.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/memory_api/commit_json.hpp"

namespace mw::api {
namespace {

http::server_response stored(const written& w, std::string_view id) {
  http::server_response answer;
  answer.status = w.created ? 201 : 200;
  json_writer{answer.body}.begin_object().field("status", "success").field("id", id).end_object();
  answer.headers.emplace_back("ETag", w.etag);
  return answer;
}

}  // namespace

http::server_response problem_of(const failure& f) {
  switch (f.code) {
    case errc::rejected:
      return http::problem(400, "Bad Request", f.detail);
    case errc::not_storable:
      return http::problem(422, "Unprocessable Content", f.detail);
    case errc::conflict:
      return http::problem(412, "Precondition Failed", f.detail);
    case errc::too_large:
      return http::problem(413, "Content Too Large", f.detail);
    case errc::throttled: {
      auto answer = http::problem(429, "Too Many Requests", f.detail);
      answer.headers.emplace_back("Retry-After-Ms",
                                  std::to_string(std::max<int64_t>(f.retry_after.count(), 50)));
      return answer;
    }
    case errc::overloaded:
    case errc::unreachable:
    case errc::timed_out:
    case errc::connection_lost: {
      auto answer = http::problem(503, "Service Unavailable", f.detail);
      answer.headers.emplace_back("Retry-After", "1");
      return answer;
    }
    case errc::unauthorized:
    case errc::forbidden:
    case errc::not_found:
    case errc::misconfigured:
      return http::problem(502, "Bad Gateway", f.detail);
    default:
      return http::problem(500, "Internal Server Error", f.detail);
  }
}

precondition precondition_of(const http::server_request& request) {
  return {std::string{request.header("if-match")}, std::string{request.header("if-none-match")}};
}

http::server_response success(std::string_view message) {
  http::server_response answer;
  json_writer{answer.body}.begin_object().field("status", "success").field("message", message).end_object();
  return answer;
}

http::server_response get_context(const call& c) {
  const std::string user_id = c.request.parameter("userId");
  const std::string session_id = c.request.parameter("sessionId");
  if (const auto good = check_id("the parameter userId", user_id); !good) return problem_of(good.error());
  if (const auto good = check_id("the parameter sessionId", session_id); !good)
    return problem_of(good.error());
  auto read = c.store.read_context(user_id, session_id);
  if (!read) return problem_of(read.error());
  http::server_response answer;
  answer.body = std::move(*read);
  return answer;
}

http::server_response post_commit(const call& c) {
  const auto commit = read_commit(c.request.body);
  if (!commit) return problem_of(commit.error());
  const auto reply = c.store.write(*commit, c.now);
  if (!reply) return problem_of(reply.error());
  http::server_response answer;
  answer.body = memory_api::write_reply(*reply);
  return answer;
}

http::server_response post_conversation_memory(const call& c) {
  const auto summary = read_summary(c.request.body);
  if (!summary) return problem_of(summary.error());
  const auto done = c.store.put_summary(*summary, precondition_of(c.request), c.now);
  if (!done) return problem_of(done.error());
  if (done->embedding_dropped)
    c.out.write(log_level::info, "embedding-dropped",
                {{"session", summary->session_id}, {"why", "the summary changed and came without one"}});
  return stored(*done, memory::record_id(summary->session_id, summary->user_id));
}

http::server_response post_user_memory(const call& c) {
  const auto lists = read_lists(c.request.body);
  if (!lists) return problem_of(lists.error());
  const auto done = c.store.put_lists(lists->user_id, lists->updates, precondition_of(c.request), c.now);
  if (!done) return problem_of(done.error());
  return stored(*done, lists->user_id);
}

http::server_response get_health(const call& c) {
  const auto well = c.store.check();
  http::server_response answer;
  answer.status = well ? 200 : 503;
  json_writer out{answer.body};
  out.begin_object().field("status", well ? "ok" : "failing").field("version", version);
  out.field("database", well ? "ok" : well.error().detail).end_object();
  return answer;
}

}  // namespace mw::api
