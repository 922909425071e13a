#include "protocol/redis/session_source.hpp"

#include <fmt/format.h>

#include "protocol/chat/conversation.hpp"

namespace mw::redis {
namespace {

/// One read under way; its steps hold it, each step takes it to the next.
struct reading {
  std::weak_ptr<client> connection;  // a permission may come long after the connection was given up
  std::string key;
  size_t max_bytes;
  session_source::admit_fn admit;
  session_source::done_fn done;

  failure missing() const {
    return fail(dependency::redis, errc::conversation_missing, key + " is not in Redis");
  }
  failure too_large(uint64_t bytes) const {
    return fail(dependency::redis, errc::too_large,
                fmt::format("{} has {} bytes, the cap is {}", key, bytes, max_bytes));
  }
  failure refused(failure why) const {
    const bool wrong_type = why.code == errc::rejected && why.detail.find("WRONGTYPE") != std::string::npos;
    if (!wrong_type) return why;
    return fail(dependency::redis, errc::conversation_malformed, key + " holds no string");
  }
};

void got_text(const reading& r, result<reply> answer) {
  if (!answer) return r.done(r.refused(std::move(answer.error())));
  if (answer->text.empty()) return r.done(r.missing());  // it expired in between
  if (answer->text.size() > r.max_bytes) return r.done(r.too_large(answer->text.size()));
  r.done(std::move(answer->text));
}

void fetch(const std::shared_ptr<reading>& r) {
  const auto connection = r->connection.lock();
  if (!connection)
    return r->done(fail(dependency::redis, errc::cancelled, "the Redis connection was given up"));
  connection->command({"GET", r->key}, [r](result<reply> answer) { got_text(*r, std::move(answer)); });
}

void got_size(const std::shared_ptr<reading>& r, result<reply> answer) {
  if (!answer) return r->done(r->refused(std::move(answer.error())));
  if (answer->type != reply::kind::integer)
    return r->done(fail(dependency::redis, errc::malformed, "STRLEN answered no number"));
  if (answer->integer <= 0) return r->done(r->missing());
  const auto bytes = static_cast<uint64_t>(answer->integer);
  if (bytes > r->max_bytes) return r->done(r->too_large(bytes));
  r->admit(bytes, [r](bool go_on) {
    if (go_on) return fetch(r);
    r->done(fail(dependency::redis, errc::cancelled, "no room for the conversation"));
  });
}

}  // namespace

void session_source::read(std::string_view session_id, size_t max_bytes, admit_fn admit, done_fn done) {
  auto r = std::make_shared<reading>(
      reading{client_, chat::redis_key(session_id), max_bytes, std::move(admit), std::move(done)});
  client_->command({"STRLEN", r->key}, [r](result<reply> answer) { got_size(r, std::move(answer)); });
}

}  // namespace mw::redis
