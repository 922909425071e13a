#include "cmd/memory-api/handlers.hpp"
#include "cmd/memory-api/search_text.hpp"
#include "cmd/memory-api/validate.hpp"
#include "protocol/base/json_writer.hpp"

namespace mw::api {
namespace {

void write_conversation(json_writer& out, const memory::record& r) {
  out.begin_object()
      .field("sessionId", r.session_id)
      .field("userId", r.user_id)
      .field("summary", r.summary)
      .field("timestamp", r.timestamp)
      .strings("themes", r.themes)
      .strings("persons", r.persons)
      .strings("places", r.places)
      .field("user_sentiment", to_string(r.user_sentiment))
      .field("status", to_string(r.status));
  out.key("through");
  if (r.through) {
    out.begin_object().field("id", r.through->id).field("timestamp", r.through->timestamp).end_object();
  } else {
    out.null();
  }
  out.end_object();
}

http::server_response gone(bool existed, std::string_view done, std::string_view nothing) {
  return existed ? success(done) : http::problem(404, "Not Found", nothing);
}

}  // namespace

http::server_response get_memories(const call& c) {
  const auto read = c.store.read_profile(c.ids[0]);
  if (!read) return problem_of(read.error());
  const memory::profile nobody;
  const memory::profile& p = *read ? **read : nobody;
  http::server_response answer;
  json_writer out{answer.body};
  out.begin_object().field("userId", c.ids[0]);
  for (size_t i = 0; i < memory::category_count; ++i)
    out.strings(to_string(static_cast<memory::category>(i)), p.lists.at(i));
  out.key("last_updated");
  if (p.last_updated.empty() || p.empty()) {
    out.null();
  } else {
    out.value(p.last_updated);
  }
  out.end_object();
  if (*read) answer.headers.emplace_back("ETag", p.etag);
  return answer;
}

http::server_response delete_memories(const call& c) {
  const auto done = c.store.forget_everything(c.ids[0], precondition_of(c.request), c.now);
  if (!done) return problem_of(done.error());
  return gone(done->existed, "Everything remembered about this user is forgotten",
              "nothing was remembered about this user");
}

http::server_response delete_item(const call& c) {
  const auto in = read_category(c.ids[1]);
  if (!in) return problem_of(in.error());
  const std::string item = c.request.parameter("item");
  if (item.empty() || item.size() > memory::max_item_bytes)
    return problem_of(fail(errc::rejected, "the parameter item is missing, empty or longer than 500 bytes"));
  const auto done = c.store.forget_item(c.ids[0], *in, item, precondition_of(c.request), c.now);
  if (!done) return problem_of(done.error());
  return gone(done->existed, "The item is forgotten", "the category holds no such item");
}

http::server_response search_memories(const call& c) {
  const auto wanted = read_search(c.request.body);
  if (!wanted) return problem_of(wanted.error());
  const auto read = c.store.read_profile(c.ids[0]);
  if (!read) return problem_of(read.error());
  http::server_response answer;
  json_writer out{answer.body};
  out.begin_array();
  if (*read)
    for (const auto& f : search_items(**read, wanted->query, wanted->limit))
      out.begin_object()
          .field("category", to_string(f.in))
          .field("item", f.item)
          .field("sessionId", f.session_id)
          .field("timestamp", f.timestamp)
          .field("relevance_score", f.relevance)
          .end_object();
  out.end_array();
  return answer;
}

http::server_response list_conversations(const call& c) {
  const auto limit = read_number(c.request, "limit", 100, 1, 1'000);
  const auto offset = read_number(c.request, "offset", 0, 0, 1'000'000'000);
  if (!limit) return problem_of(limit.error());
  if (!offset) return problem_of(offset.error());
  const auto read = c.store.list_records(c.ids[0], *limit, *offset);
  if (!read) return problem_of(read.error());
  http::server_response answer;
  json_writer out{answer.body};
  out.begin_array();
  for (const auto& r : *read) write_conversation(out, r);
  out.end_array();
  return answer;
}

http::server_response get_conversation(const call& c) {
  const auto read = c.store.read_record(c.ids[0], c.ids[1]);
  if (!read) return problem_of(read.error());
  if (!*read) return http::problem(404, "Not Found", "nothing is remembered about this conversation");
  http::server_response answer;
  json_writer out{answer.body};
  write_conversation(out, **read);
  answer.headers.emplace_back("ETag", (*read)->etag);
  return answer;
}

http::server_response delete_conversation(const call& c) {
  const auto done = c.store.forget_session(c.ids[0], c.ids[1], precondition_of(c.request), c.now);
  if (!done) return problem_of(done.error());
  return gone(done->existed, "The conversation and what was learned from it alone are forgotten",
              "nothing was remembered about this conversation");
}

http::server_response search_conversations(const call& c) {
  const auto wanted = read_search(c.request.body);
  if (!wanted) return problem_of(wanted.error());
  const auto found = c.store.search(c.ids[0], wanted->query, wanted->limit);
  if (!found) return problem_of(found.error());
  http::server_response answer;
  json_writer out{answer.body};
  out.begin_array();
  for (const auto& [r, relevance] : *found)
    out.begin_object()
        .field("sessionId", r.session_id)
        .field("summary", r.summary)
        .field("timestamp", r.timestamp)
        .strings("themes", r.themes)
        .strings("persons", r.persons)
        .strings("places", r.places)
        .field("user_sentiment", to_string(r.user_sentiment))
        .field("relevance_score", relevance)
        .end_object();
  out.end_array();
  return answer;
}

}  // namespace mw::api
