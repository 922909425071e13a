#include "protocol/redis/node.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/redis/command_bytes.hpp"
#include "protocol/redis/tls_layer.hpp"

namespace mw::redis {
namespace {

constexpr size_t keep_buffer_bytes = 1u << 20;
constexpr std::string_view tls_alert{"\x15\x03", 2};

}  // namespace

node::node(io::loop& loop, owner& o, const client_options& options, address where, tls::context tls)
    : loop_(loop),
      owner_(o),
      options_(options),
      address_(std::move(where)),
      where_(fmt::format("{}:{}", address_.host, address_.port)),
      tls_(std::move(tls)),
      reader_(options.max_reply_bytes, [this](raw_reply r) { return on_reply(std::move(r)); }) {}

void node::start() {
  started_ = io::clock::now();
  std::unique_ptr<stream_layer> layer;
  if (tls_) {
    auto session = tls::make_session(tls_, address_.verified_name);
    if (!session)
      return end(fail(dependency::redis, session.error().code, where_ + ": " + session.error().detail), true);
    layer = make_tls_layer(std::move(*session));
  } else {
    layer = make_plain_layer();
  }
  connect_timer_ = loop_.after(options_.connect_timeout, [this] {
    connect_timer_ = 0;
    end(fail(dependency::redis, errc::timed_out,
             fmt::format("connect {}: no answer within {} ms, while {}", where_,
                         options_.connect_timeout.count(), transport_->doing())),
        true);
  });
  transport_ = std::make_unique<transport>(
      loop_, address_.host, address_.port, std::move(layer),
      transport::handler{.connected = [this] { log_in(); },
                         .bytes = [this](std::string_view b) { on_bytes(b); },
                         .ended = [this](failure why) { on_transport_end(std::move(why)); }});
  transport_->start();
}

void node::on_transport_end(failure why) {
  if (!ready_ && why.code == errc::connection_lost) {
    why.detail += " before it answered the log-in";
    if (!tls_) why.detail += " (does it want TLS? then set REDIS_SSL=true)";
  }
  end(std::move(why), false);
}

void node::send(std::string_view bytes, std::vector<queued> commands) {
  if (over_) {
    for (const auto& c : commands) c.done(*over_);
    return;
  }
  if (!ready_) {
    early_bytes_.append(bytes);
    early_.insert(early_.end(), std::make_move_iterator(commands.begin()),
                  std::make_move_iterator(commands.end()));
    return;
  }
  const auto deadline = io::clock::now() + options_.command_timeout;
  for (auto& c : commands) waiting_.push_back({std::move(c.done), deadline, c.bytes, c.redirects});
  kept_.append(bytes);
  watch_deadlines();
  transport_->write(bytes);
}

void node::send_asking(std::string_view bytes, queued command) {
  if (!is_ready()) {
    // The slot is being moved to a node we do not know yet: it says MOVED or ASK again when it must.
    std::vector<queued> one;
    one.push_back(std::move(command));
    return send(bytes, std::move(one));
  }
  write_own({"ASKING"}, io::clock::now() + options_.command_timeout, [](const result<reply>&) {});
  std::vector<queued> one;
  one.push_back(std::move(command));
  send(bytes, std::move(one));
}

void node::write_own(const std::vector<std::string>& argv, io::clock::time_point deadline,
                     client::reply_fn done) {
  std::string bytes;
  append_command(bytes, argv);
  waiting_.push_back({std::move(done), deadline});
  watch_deadlines();
  transport_->write(bytes);
}

void node::send_early() {
  if (early_.empty()) return;
  std::string bytes;
  std::vector<queued> commands;
  bytes.swap(early_bytes_);
  commands.swap(early_);
  send(bytes, std::move(commands));
}

std::string_view node::first_kept(size_t bytes) const {
  return std::string_view{kept_}.substr(kept_head_, bytes);
}

void node::drop_kept(size_t bytes) {
  kept_head_ += bytes;
  if (kept_head_ == kept_.size()) {
    if (kept_.capacity() > keep_buffer_bytes)
      kept_ = std::string{};
    else
      kept_.clear();
    kept_head_ = 0;
  } else if (kept_head_ > keep_buffer_bytes) {
    kept_.erase(0, kept_head_);
    kept_head_ = 0;
  }
}

bool node::on_reply(raw_reply r) {
  if (waiting_.empty()) {
    const auto what = r.is_error
                          ? meaning_of(r.value.text, where_)
                          : fail(dependency::redis, errc::malformed, where_ + ": a reply nobody asked for");
    end(what, false);
    return false;
  }
  pending p = std::move(waiting_.front());
  waiting_.pop_front();
  if (r.is_error) {
    misdirected command{std::string{first_kept(p.bytes)}, {}, p.redirects};
    drop_kept(p.bytes);
    on_error(std::move(p), std::move(command), r.value.text);
  } else {
    drop_kept(p.bytes);
    answer(p, std::move(r.value));
  }
  return !over_;
}

void node::on_error(pending p, misdirected command, const std::string& line) {
  if (p.bytes == 0) return p.done(meaning_of(line, where_));
  const auto words = words_of(command.bytes);
  const auto meaning = [&] { return meaning_of(line, where_, words.name, key_pattern(words.key)); };
  if (line.starts_with("MOVED ") || line.starts_with("ASK ")) {
    command.done = std::move(p.done);
    if (owner_.redirected(*this, command, line)) return;
    p.done = std::move(command.done);
    return answer(p, meaning());
  }
  if (line.starts_with("NOAUTH") && may_log_in_again() && p.redirects < again_bit) {
    command.done = std::move(p.done);
    command.redirects |= again_bit;
    return log_in_again(std::move(command));
  }
  answer(p, meaning());
}

/// What is ours (log-in, ASKING) is no request of anybody's.
void node::answer(const pending& p, result<reply> r) {
  if (options_.told && p.bytes > 0)
    options_.told(r ? nullptr : &r.error(), io::clock::now() - (p.deadline - options_.command_timeout));
  p.done(std::move(r));
}

void node::tell_of_connection(const failure* error) {
  if (options_.told) options_.told(error, io::clock::now() - started_);
}

void node::on_bytes(std::string_view bytes) {
  if (!ready_ && !tls_ && bytes.starts_with(tls_alert))
    return end(fail(dependency::redis, errc::unreachable,
                    where_ + ": the server speaks TLS on this port (set REDIS_SSL=true)"),
               true);
  owner_.replies_begin();
  if (auto taken = reader_.receive(bytes); !taken)
    end(fail(dependency::redis, taken.error().code, where_ + ": " + taken.error().detail), true);
  owner_.replies_end();
}

/// All commands have the same time-out, so the queue's order is the deadlines' order: one timer suffices.
void node::watch_deadlines() {
  if (deadline_timer_ != 0 || waiting_.empty() || !ready_) return;
  const auto left = waiting_.front().deadline - io::clock::now();
  deadline_timer_ = loop_.after(std::max(left, io::clock::duration::zero()), [this] { on_deadline(); });
}

void node::on_deadline() {
  deadline_timer_ = 0;
  const auto late = [this] { return !waiting_.empty() && waiting_.front().deadline <= io::clock::now(); };
  // The loop may have been busy while the answer lay in the socket: that is not the server's fault.
  if (late()) transport_->read_arrived(8u << 20);
  if (over_) return;
  if (late())
    return end(fail(dependency::redis, errc::timed_out,
                    fmt::format("{}: no reply within {} ms", where_, options_.command_timeout.count())),
               true);
  watch_deadlines();
}

/// What a command gets that was waiting when the connection ended for this reason.
failure node::lost(const failure& why) const {
  if (!ready_ || why.code == errc::connection_lost || why.code == errc::cancelled) return why;
  return fail(dependency::redis, errc::connection_lost, "connection closed: " + why.detail);
}

/// The only end of a connection. Before `ready` the reason itself is every command's answer.
void node::end(failure why, bool first_is_at_fault) {
  if (over_) return;
  over_ = lost(why);
  if (!ready_) tell_of_connection(&why);
  owner_.node_ending(*this, why, *over_);
  if (transport_) transport_->close();
  for (const auto t : {connect_timer_, deadline_timer_, renewal_timer_})
    if (t != 0) loop_.cancel(t);
  const auto waiting = std::move(waiting_);
  waiting_.clear();
  bool at_fault = first_is_at_fault;
  for (const auto& p : waiting) {
    answer(p, at_fault ? why : *over_);
    at_fault = false;
  }
  for (const auto& c : std::exchange(after_login_, {})) c.done(*over_);
  for (const auto& c : std::exchange(early_, {})) c.done(*over_);
  owner_.node_ended(*this, why);
}

}  // namespace mw::redis
