#include "protocol/cosmos/document_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "protocol/cosmos/signing.hpp"
#include "protocol/memory/documents_json.hpp"
#include "protocol/memory/forget.hpp"
#include "protocol/memory/json_fields.hpp"
#include "protocol/memory/position.hpp"
#include "protocol/memory/unsaid.hpp"
#include "protocol/memory/worker_json.hpp"

namespace mw::cosmos {
namespace {

failure strange(std::string detail) {
  return fail(dependency::memory, errc::malformed, std::move(detail));
}

/// The parsed document of an answered read with its ETag.
template <class T, class Parse>
result<std::optional<T>> document_of(const result<answer>& a, Parse&& parse) {
  if (!a) return a.error();
  if (!a->found()) return std::optional<T>{};
  auto document = parse(a->body);
  if (!document) return strange(document.error().detail);
  if (a->etag.empty()) return strange("Cosmos DB sent a document without its ETag");
  document->etag = a->etag;
  return std::optional<T>{std::move(*document)};
}

status check_partition_key(std::string_view body, const std::string& container) {
  std::vector<std::string> paths;
  const auto done = memory::json_fields::parse(body, "container", [&](const memory::json_fields& f) {
    if (const auto key = f.object("partitionKey")) paths = key->texts("paths");
  });
  if (!done) return strange(done.error().detail);
  if (paths.size() == 1 && paths.front() == "/userId") return ok;
  return fail(dependency::memory, errc::misconfigured,
              fmt::format("the container {} is not partitioned by /userId", container));
}

void look_at(const core_ptr& core, const std::string& container, account::deadline until,
             std::function<void(status)> done) {
  request look;
  look.op = operation::container;
  look.container = container;
  core->items->send(std::move(look), until, [container, done = std::move(done)](result<answer> a) {
    done(a ? check_partition_key(a->body, container) : status{a.error()});
  });
}

}  // namespace

request read_profile_request(const store_core& core, const std::string& user_id) {
  return {operation::read, core.names.user_memories, user_id, user_id, {}, {}, {}};
}

request read_record_request(const store_core& core, const std::string& user_id,
                            const std::string& session_id) {
  return {
      operation::read, core.names.conversations, user_id, memory::record_id(session_id, user_id), {}, {}, {}};
}

request write_profile_request(const store_core& core, const memory::profile& p, const std::string& etag) {
  const auto op = etag.empty() ? operation::create : operation::replace;
  return {op, core.names.user_memories, p.user_id, p.user_id, memory::write_profile(p), etag, {}};
}

request write_record_request(const store_core& core, const memory::record& r, const std::string& etag,
                             std::string_view embedding_json) {
  const auto op = etag.empty() ? operation::create : operation::replace;
  return {op,
          core.names.conversations,
          r.user_id,
          memory::record_id(r.session_id, r.user_id),
          memory::write_record(r, embedding_json),
          etag,
          {}};
}

request remove_record_request(const store_core& core, const memory::record& r) {
  return {operation::remove,
          core.names.conversations,
          r.user_id,
          memory::record_id(r.session_id, r.user_id),
          {},
          r.etag,
          {}};
}

result<std::optional<memory::profile>> profile_of(const result<answer>& a, const std::string& user_id) {
  auto p =
      document_of<memory::profile>(a, [](const std::string& body) { return memory::parse_profile(body); });
  if (p && *p && (*p)->user_id != user_id) return strange("Cosmos DB answered with somebody else's profile");
  return p;
}

result<std::optional<memory::record>> record_of(const result<answer>& a, const std::string& user_id,
                                                const std::string& session_id) {
  auto r = document_of<memory::record>(a, [](const std::string& body) { return memory::parse_record(body); });
  if (r && *r && ((*r)->user_id != user_id || (*r)->session_id != session_id))
    return strange("Cosmos DB answered with another conversation's record");
  return r;
}

bool is_forgotten(const memory::record& r, const std::optional<memory::profile>& user) {
  if (!memory::visible(r, user)) return true;
  if (!user || !r.through) return false;
  const std::string limit = memory::forgotten_before(*user, r.session_id);
  if (limit.empty() || r.wish == limit) return false;
  if (r.wish) return r.wish->empty() || memory::later(limit, *r.wish);
  // Of a worker that did not store it.
  return !memory::later(r.through->timestamp, limit);
}

status check_ids(std::string_view user_id, std::string_view session_id) {
  if (auto good = check_id("userId", user_id); !good) return good;
  const std::string record = memory::record_id(session_id, user_id);
  return check_id(record.size() > max_id_bytes ? "the record's SESSIONID_USERID" : "sessionId", record);
}

void load(const core_ptr& core, const std::string& user_id, const std::string& session_id,
          account::deadline until, std::function<void(result<stored_pair>)> done) {
  if (const auto good = check_ids(user_id, session_id); !good) return done(good.error());
  struct join {
    std::mutex mutex;
    stored_pair pair;
    std::optional<failure> failed;
    int open = 2;
    std::function<void(result<stored_pair>)> done;
  };
  auto both = std::make_shared<join>();
  both->done = std::move(done);
  // Requests that cannot be sent answer on the caller's thread, the others on the loop's.
  const auto arrived = [both](auto&& document, auto stored_pair::*member) {
    {
      const std::lock_guard lock{both->mutex};
      if (document) {
        both->pair.*member = std::move(*document);
      } else if (!both->failed) {
        both->failed = document.error();
      }
      if (--both->open > 0) return;
    }
    if (both->failed) return both->done(std::move(*both->failed));
    both->done(std::move(both->pair));
  };
  core->items->send(read_record_request(*core, user_id, session_id), until,
                    [arrived, user_id, session_id](const result<answer>& a) {
                      arrived(record_of(a, user_id, session_id), &stored_pair::conversation);
                    });
  core->items->send(read_profile_request(*core, user_id), until, [arrived, user_id](const result<answer>& a) {
    arrived(profile_of(a, user_id), &stored_pair::user);
  });
}

result<std::unique_ptr<document_store>> document_store::make(io::loop& loop, http::client& client,
                                                             store_options options) {
  if (options.names.conversations.empty() || options.names.user_memories.empty())
    return fail(dependency::memory, errc::misconfigured, "a Cosmos DB container's name is empty");
  auto items = account::make(loop, client, std::move(options.account));
  if (!items) return items.error();
  if (!options.now)
    options.now = [] {
      return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    };
  auto core = std::make_shared<const store_core>(store_core{std::move(*items), std::move(options.names),
                                                            options.request_timeout, std::move(options.now),
                                                            std::make_shared<recent_reads>()});
  return std::unique_ptr<document_store>(new document_store(std::move(core)));
}

document_store::~document_store() {
  core_->items->close();
}

void document_store::read(const std::string& user_id, const std::string& session_id,
                          std::function<void(result<memory::context>)> done) {
  load(core_, user_id, session_id, core_->deadline(),
       [core = core_, user_id, session_id, done = std::move(done)](result<stored_pair> pair) {
         if (!pair) return done(pair.error());
         core->recent->put(user_id, session_id, *pair);
         memory::context c{std::move(pair->conversation), std::move(pair->user)};
         if (c.conversation && is_forgotten(*c.conversation, c.user)) {
           // Best effort: what stays is invisible and seen again.
           core->items->send(remove_record_request(*core, *c.conversation), core->deadline(),
                             [](const result<answer>&) {});
           c.conversation.reset();
         }
         if (c.conversation) memory::empty_outdated(*c.conversation, c.user);
         done(std::move(c));
       });
}

void document_store::write(const memory::commit& c, std::string as_json,
                           std::function<void(result<memory::commit_reply>)> done) {
  run_commit(core_, c, std::string{memory::floats_text_in(as_json, "vector_embedding")}, std::move(done));
}

void document_store::probe(std::function<void(status)> done) {
  // One that hangs must not outlast the time until the next.
  const auto until = std::min<account::deadline>(core_->deadline(),
                                                 std::chrono::steady_clock::now() + std::chrono::seconds{5});
  look_at(core_, core_->names.user_memories, until,
          [core = core_, until, done = std::move(done)](const status& first) mutable {
            if (!first) return done(first);
            look_at(core, core->names.conversations, until, std::move(done));
          });
}

}  // namespace mw::cosmos
