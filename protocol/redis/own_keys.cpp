#include "protocol/redis/own_keys.hpp"

#include <algorithm>

namespace mw::redis {
namespace {

std::string key_of(std::string_view name) {
  std::string key;
  key.reserve(own_prefix.size() + name.size());
  return key.append(own_prefix).append(name);
}

std::string text_of(std::chrono::milliseconds ttl) {
  return std::to_string(std::max<std::chrono::milliseconds::rep>(ttl.count(), 1));
}

}  // namespace

void own_keys::get(std::string_view name, done_fn<std::optional<std::string>> done) {
  client_->command({"GET", key_of(name)}, [done = std::move(done)](result<reply> r) {
    if (!r) return done(std::move(r.error()));
    if (r->type != reply::kind::text) return done(std::optional<std::string>{});
    done(std::optional<std::string>{std::move(r->text)});
  });
}

void own_keys::set(std::string_view name, std::string value, milliseconds ttl, done_fn<ok_t> done) {
  client_->command({"SET", key_of(name), std::move(value), "PX", text_of(ttl)},
                   [done = std::move(done)](result<reply> r) {
                     if (!r) return done(std::move(r.error()));
                     done(ok);
                   });
}

void own_keys::set_if_absent(std::string_view name, std::string value, milliseconds ttl, done_fn<bool> done) {
  client_->command({"SET", key_of(name), std::move(value), "NX", "PX", text_of(ttl)},
                   [done = std::move(done)](result<reply> r) {
                     if (!r) return done(std::move(r.error()));
                     done(r->type != reply::kind::nil);
                   });
}

void own_keys::remove(std::string_view name, done_fn<bool> done) {
  client_->command({"DEL", key_of(name)}, [done = std::move(done)](result<reply> r) {
    if (!r) return done(std::move(r.error()));
    done(r->integer > 0);
  });
}

void own_keys::increment(std::string_view name, milliseconds ttl, done_fn<int64_t> done) {
  // Both travel in one write and are answered in order, so the value is known when PEXPIRE is.
  const auto value = std::make_shared<result<int64_t>>(int64_t{0});
  client_->command({"INCR", key_of(name)}, [value](result<reply> r) {
    if (r)
      *value = r->integer;
    else
      *value = std::move(r.error());
  });
  client_->command({"PEXPIRE", key_of(name), text_of(ttl)}, [value, done = std::move(done)](result<reply> r) {
    if (*value && !r) return done(std::move(r.error()));
    done(std::move(*value));
  });
}

}  // namespace mw::redis
