#include "protocol/redis/client.hpp"

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <mutex>
#include <optional>

#include "protocol/redis/reply_reader.hpp"
#include "protocol/redis/transport.hpp"

namespace mw::redis {
namespace {

using time_point = io::clock::time_point;

/// Appends the command's bytes; false where it cannot be formatted (no argument, no memory).
bool append_command(std::string& out, const std::vector<std::string>& argv) {
  if (argv.empty()) return false;
  std::array<const char*, 8> few_texts{};
  std::array<size_t, 8> few_sizes{};
  std::vector<const char*> many_texts;
  std::vector<size_t> many_sizes;
  const char** texts = few_texts.data();
  size_t* sizes = few_sizes.data();
  if (argv.size() > few_texts.size()) {
    many_texts.resize(argv.size());
    many_sizes.resize(argv.size());
    texts = many_texts.data();
    sizes = many_sizes.data();
  }
  for (size_t i = 0; i < argv.size(); ++i) {
    texts[i] = argv[i].data();
    sizes[i] = argv[i].size();
  }
  char* formatted = nullptr;
  const int size = redisFormatCommandArgv(&formatted, static_cast<int>(argv.size()), texts, sizes);
  if (size < 0) return false;
  out.append(formatted, static_cast<size_t>(size));
  redisFreeCommand(formatted);
  return true;
}

std::string run_id_of(std::string_view info) {
  const std::string_view name = "run_id:";
  const size_t at = info.find(name);
  if (at == std::string_view::npos) return {};
  info.remove_prefix(at + name.size());
  return std::string{info.substr(0, info.find_first_of("\r\n"))};
}

}  // namespace

class client::impl : public std::enable_shared_from_this<client::impl> {
 public:
  impl(io::loop& loop, client_options options)
      : loop_(loop),
        options_(std::move(options)),
        where_(fmt::format("{}:{}", options_.host, options_.port)),
        reader_(options_.max_reply_bytes, [this](raw_reply r) { return on_reply(std::move(r)); }) {}

  void connect(std::function<void(std::string)> ready, closed_fn closed);
  void command(const std::vector<std::string>& argv, reply_fn done);
  void abandon();

  std::atomic<bool> abandoned{false};  // the client is gone: `closed` must not be called any more
  io::loop& loop() { return loop_; }

 private:
  struct pending {
    reply_fn done;
    time_point deadline;
  };
  void start();
  void say_hello();
  void hello_answered(result<reply> info);
  bool on_reply(raw_reply r);
  void on_bytes(std::string_view bytes);
  void send_inbox();
  void watch_deadlines();
  void on_deadline();
  void end(failure why, bool first_is_at_fault);
  failure lost(const failure& why) const;

  io::loop& loop_;
  const client_options options_;
  const std::string where_;

  std::mutex mutex_;  // guards the five below; all else belongs to the loop's thread
  std::string inbox_bytes_;
  std::vector<reply_fn> inbox_;
  bool send_due_ = false;  // somebody will call send_inbox()
  bool started_ = false;
  std::optional<failure> over_;

  std::function<void(std::string)> ready_;
  closed_fn closed_;
  std::unique_ptr<transport> transport_;
  reply_reader reader_;
  std::deque<pending> waiting_;
  bool ready_reached_ = false;
  std::optional<failure> auth_failed_;
  io::timer_id connect_timer_ = 0;
  io::timer_id deadline_timer_ = 0;
};

void client::impl::connect(std::function<void(std::string)> ready, closed_fn closed) {
  {
    const std::lock_guard lock{mutex_};
    if (started_) return;
    started_ = true;
  }
  loop_.post([self = shared_from_this(), ready = std::move(ready), closed = std::move(closed)]() mutable {
    self->ready_ = std::move(ready);
    self->closed_ = std::move(closed);
    self->start();
  });
}

void client::impl::command(const std::vector<std::string>& argv, reply_fn done) {
  const std::lock_guard lock{mutex_};
  failure refused;
  if (over_) {
    refused = *over_;
  } else if (!started_) {
    refused = fail(dependency::redis, errc::internal, "command before connect");
  } else if (append_command(inbox_bytes_, argv)) {
    inbox_.push_back(std::move(done));
    if (!send_due_) loop_.post([self = shared_from_this()] { self->send_inbox(); });
    send_due_ = true;
    return;
  } else {
    refused = fail(dependency::redis, errc::internal, "a command that cannot be formatted");
  }
  loop_.post([done = std::move(done), refused = std::move(refused)] { done(refused); });
}

void client::impl::start() {
  if (options_.tls)
    return end(fail(dependency::redis, errc::misconfigured,
                    where_ + ": TLS to Redis is not built in yet: set REDIS_SSL=false"),
               true);
  connect_timer_ = loop_.after(options_.connect_timeout, [this] {
    connect_timer_ = 0;
    end(fail(dependency::redis, errc::timed_out,
             fmt::format("connect {}: no answer within {} ms", where_, options_.connect_timeout.count())),
        true);
  });
  transport_ = std::make_unique<transport>(
      loop_, options_.host, options_.port, make_plain_layer(),
      transport::handler{.connected = [this] { say_hello(); },
                         .bytes = [this](std::string_view bytes) { on_bytes(bytes); },
                         .ended = [this](failure why) { end(std::move(why), false); }});
  transport_->start();
}

void client::impl::say_hello() {
  std::string bytes;
  if (!options_.password.empty()) {
    if (options_.username.empty())
      append_command(bytes, {"AUTH", options_.password});
    else
      append_command(bytes, {"AUTH", options_.username, options_.password});
    // Its failure is reported with INFO's reply, which follows.
    waiting_.push_back({[this](result<reply> r) {
                          if (!r) auth_failed_ = r.error();
                        },
                        time_point::max()});
  }
  append_command(bytes, {"INFO", "server"});
  waiting_.push_back({[this](result<reply> r) { hello_answered(std::move(r)); }, time_point::max()});
  transport_->write(bytes);
}

void client::impl::hello_answered(result<reply> info) {
  if (over_) return;  // the hello's pending entries end with the connection
  if (auth_failed_) {
    if (auth_failed_->code == errc::rejected) auth_failed_->code = errc::unauthorized;
    return end(*auth_failed_, true);
  }
  // A user without the right to INFO, or a server that knows no INFO, has no run id but works.
  if (!info && info.error().code != errc::forbidden && info.error().code != errc::rejected)
    return end(info.error(), true);
  loop_.cancel(connect_timer_);
  connect_timer_ = 0;
  ready_reached_ = true;
  if (ready_ && !abandoned) ready_(info ? run_id_of(info->text) : std::string{});
}

bool client::impl::on_reply(raw_reply r) {
  if (waiting_.empty()) {
    const auto what = r.is_error
                          ? meaning_of(r.value.text, where_)
                          : fail(dependency::redis, errc::malformed, where_ + ": a reply nobody asked for");
    end(what, false);
    return false;
  }
  const auto done = std::move(waiting_.front().done);
  waiting_.pop_front();
  if (r.is_error)
    done(meaning_of(r.value.text, where_));
  else
    done(std::move(r.value));
  return !over_;
}

void client::impl::on_bytes(std::string_view bytes) {
  {
    // Commands made by the callbacks below leave together afterwards, without a wake-up of the loop.
    const std::lock_guard lock{mutex_};
    send_due_ = true;
  }
  if (auto taken = reader_.receive(bytes); !taken)
    end(fail(dependency::redis, taken.error().code, where_ + ": " + taken.error().detail), true);
  send_inbox();
}

void client::impl::send_inbox() {
  std::string bytes;
  std::vector<reply_fn> commands;
  {
    const std::lock_guard lock{mutex_};
    send_due_ = false;
    if (!ready_reached_ || over_) return;  // kept for hello_answered() and end()
    bytes.swap(inbox_bytes_);
    commands.swap(inbox_);
  }
  if (commands.empty()) return;
  const auto deadline = io::clock::now() + options_.command_timeout;
  for (auto& done : commands) waiting_.push_back({std::move(done), deadline});
  watch_deadlines();
  transport_->write(bytes);
}

/// All commands have the same time-out, so the queue's order is the deadlines' order: one timer suffices.
void client::impl::watch_deadlines() {
  if (deadline_timer_ != 0 || waiting_.empty()) return;
  const auto left = waiting_.front().deadline - io::clock::now();
  deadline_timer_ = loop_.after(std::max(left, io::clock::duration::zero()), [this] { on_deadline(); });
}

void client::impl::on_deadline() {
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
failure client::impl::lost(const failure& why) const {
  if (why.code == errc::connection_lost || why.code == errc::cancelled) return why;
  return fail(dependency::redis, errc::connection_lost, "connection closed: " + why.detail);
}

/// The only end of a connection. Before `ready` the reason itself is every command's answer.
void client::impl::end(failure why, bool first_is_at_fault) {
  std::vector<reply_fn> unsent;
  {
    const std::lock_guard lock{mutex_};
    if (over_) return;
    over_ = ready_reached_ ? lost(why) : why;
    unsent.swap(inbox_);
    inbox_bytes_.clear();
  }
  if (transport_) transport_->close();
  loop_.cancel(connect_timer_);
  loop_.cancel(deadline_timer_);
  const auto waiting = std::move(waiting_);
  waiting_.clear();
  bool at_fault = first_is_at_fault;
  for (const auto& p : waiting) {
    p.done(at_fault ? why : *over_);
    at_fault = false;
  }
  for (const auto& done : unsent) done(*over_);
  if (closed_ && !abandoned) closed_(std::move(why));
  ready_ = nullptr;
  closed_ = nullptr;
}

void client::impl::abandon() {
  end(fail(dependency::redis, errc::cancelled, where_ + ": the connection was given up"), false);
}

client::client(io::loop& loop, client_options options)
    : impl_(std::make_shared<impl>(loop, std::move(options))) {}

client::~client() {
  impl_->abandoned = true;
  auto& loop = impl_->loop();
  loop.post([impl = std::move(impl_)] { impl->abandon(); });
}

void client::connect(std::function<void(std::string run_id)> ready, closed_fn closed) {
  impl_->connect(std::move(ready), std::move(closed));
}

void client::command(std::vector<std::string> argv, reply_fn done) {
  impl_->command(argv, std::move(done));
}

}  // namespace mw::redis
