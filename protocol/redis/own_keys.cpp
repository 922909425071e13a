#include "protocol/redis/own_keys.hpp"

#include <algorithm>

namespace mw::redis {
namespace {

std::string text_of(std::chrono::milliseconds ttl) {
  return std::to_string(std::max<std::chrono::milliseconds::rep>(ttl.count(), 1));
}

io::clock::time_point now() {
  return io::clock::now();
}

void note(write_gate& gate, const result<reply>& r) {
  gate.answered(r ? nullptr : &r.error(), now());
}

failure given_up() {
  return fail(dependency::redis, errc::cancelled, "the Redis connection was given up");
}

}  // namespace

own_keys::own_keys(std::shared_ptr<client> connection, std::string prefix, std::shared_ptr<write_gate> gate)
    : state_(std::make_shared<state>()) {
  state_->connection = std::move(connection);
  state_->prefix = std::move(prefix);
  state_->gate = gate ? std::move(gate) : std::make_shared<write_gate>();
}

std::string own_keys::state::key_of(std::string_view name) const {
  std::string key;
  key.reserve(prefix.size() + name.size());
  return key.append(prefix).append(name);
}

void own_keys::get(std::string_view name, done_fn<std::optional<std::string>> done) {
  if (!state_->gate->may_read()) return done(state_->gate->refusal());
  state_->connection->command({"GET", state_->key_of(name)}, [done = std::move(done)](result<reply> r) {
    if (!r) return done(std::move(r.error()));
    if (r->type != reply::kind::text) return done(std::optional<std::string>{});
    done(std::optional<std::string>{std::move(r->text)});
  });
}

void own_keys::set(std::string_view name, std::string value, milliseconds ttl, done_fn<ok_t> done) {
  if (!state_->gate->may_write(now())) return done(state_->gate->refusal());
  state_->connection->command({"SET", state_->key_of(name), std::move(value), "PX", text_of(ttl)},
                              [gate = state_->gate, done = std::move(done)](result<reply> r) {
                                note(*gate, r);
                                if (!r) return done(std::move(r.error()));
                                done(ok);
                              });
}

void own_keys::remove(std::string_view name, done_fn<bool> done) {
  // Allowed even where memory is full, so its answer says nothing about writes; nor does it try for them.
  if (!state_->gate->is_open()) return done(state_->gate->refusal());
  state_->connection->command({"DEL", state_->key_of(name)}, [done = std::move(done)](result<reply> r) {
    if (!r) return done(std::move(r.error()));
    done(r->integer > 0);
  });
}

void own_keys::increment(std::string_view name, milliseconds ttl, done_fn<int64_t> done) {
  if (!state_->gate->may_write(now())) return done(state_->gate->refusal());
  // Both travel in one write; a redirect of the cluster may change the order of their answers.
  struct both {
    result<int64_t> value = int64_t{0};
    int open = 2;
    done_fn<int64_t> done;
    void finish() {
      if (--open == 0) done(std::move(value));
    }
  };
  const auto join = std::make_shared<both>();
  join->done = std::move(done);
  state_->connection->command({"INCR", state_->key_of(name)}, [gate = state_->gate, join](result<reply> r) {
    note(*gate, r);
    if (!r)
      join->value = std::move(r.error());
    else if (join->value)
      join->value = r->integer;
    join->finish();
  });
  state_->connection->command({"PEXPIRE", state_->key_of(name), text_of(ttl)}, [join](result<reply> r) {
    if (!r && join->value) join->value = std::move(r.error());
    join->finish();
  });
}

void own_keys::acquire_lease(std::string_view name, const std::string& token, milliseconds ttl,
                             done_fn<bool> done) {
  if (!state_->gate->may_write(now())) return done(state_->gate->refusal());
  const auto key = state_->key_of(name);
  state_->connection->command({"SET", key, token, "NX", "PX", text_of(ttl)},
                              [gate = state_->gate, weak = std::weak_ptr{state_}, key, token, ttl,
                               done = std::move(done)](const result<reply>& r) {
                                note(*gate, r);
                                if (!r) return done(r.error());
                                if (r->type != reply::kind::nil) return done(true);
                                const auto s = weak.lock();
                                if (!s) return done(given_up());
                                act_if_ours(s, key, token, {"PEXPIRE", text_of(ttl)}, done);
                              });
}

void own_keys::renew_lease(std::string_view name, const std::string& token, milliseconds ttl,
                           done_fn<bool> done) {
  if (!state_->gate->is_open()) return done(state_->gate->refusal());
  act_if_ours(state_, state_->key_of(name), token, {"PEXPIRE", text_of(ttl)}, std::move(done));
}

void own_keys::release_lease(std::string_view name, const std::string& token, done_fn<bool> done) {
  if (!state_->gate->is_open()) return done(state_->gate->refusal());
  act_if_ours(state_, state_->key_of(name), token, {"DEL"}, std::move(done));
}

void own_keys::act_if_ours(const std::shared_ptr<state>& s, const std::string& key, const std::string& token,
                           std::vector<std::string> action, done_fn<bool> done) {
  if (s->scripts_refused) return act_in_two_steps(s, key, token, std::move(action), std::move(done));
  std::vector<std::string> script{"EVAL", std::string{act_script}, "1", key, token};
  script.insert(script.end(), action.begin(), action.end());
  s->connection->command(std::move(script), [weak = std::weak_ptr{s}, key, token, action = std::move(action),
                                             done = std::move(done)](const result<reply>& r) {
    if (r) return done(r->integer > 0);
    if (r.error().code != errc::forbidden && r.error().code != errc::rejected) return done(r.error());
    const auto again = weak.lock();
    if (!again) return done(given_up());
    again->scripts_refused = true;
    act_in_two_steps(again, key, token, action, done);
  });
}

void own_keys::act_in_two_steps(const std::shared_ptr<state>& s, const std::string& key,
                                const std::string& token, std::vector<std::string> action,
                                done_fn<bool> done) {
  s->connection->command({"GET", key}, [weak = std::weak_ptr{s}, key, token, action = std::move(action),
                                        done = std::move(done)](const result<reply>& r) {
    if (!r) return done(r.error());
    if (r->text != token) return done(false);
    const auto again = weak.lock();
    if (!again) return done(given_up());
    auto command = action;
    command.insert(command.begin() + 1, key);
    again->connection->command(std::move(command), [done](const result<reply>& acted) {
      if (!acted) return done(acted.error());
      done(acted->integer > 0);
    });
  });
}

}  // namespace mw::redis
