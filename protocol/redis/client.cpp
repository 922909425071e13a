#include "protocol/redis/client.hpp"

#include <fmt/format.h>

#include "protocol/redis/client_impl.hpp"
#include "protocol/redis/command_bytes.hpp"

namespace mw::redis {
namespace {

std::string run_id_of(std::string_view info) {
  const std::string_view name = "run_id:";
  const size_t at = info.find(name);
  if (at == std::string_view::npos) return {};
  info.remove_prefix(at + name.size());
  return std::string{info.substr(0, info.find_first_of("\r\n"))};
}

}  // namespace

client::impl::impl(io::loop& loop, client_options options)
    : loop_(loop), options_(std::move(options)), seed_at_{options_.host, options_.port} {}

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
  const size_t before = inbox_bytes_.size();
  if (over_) {
    refused = *over_;
  } else if (!started_) {
    refused = fail(dependency::redis, errc::internal, "command before connect");
  } else if (argv.empty()) {
    refused = fail(dependency::redis, errc::internal, "a command without words");
  } else {
    append_command(inbox_bytes_, argv);
    inbox_.push_back({std::move(done), inbox_bytes_.size() - before});
    if (!send_due_) loop_.post([self = shared_from_this()] { self->send_inbox(); });
    send_due_ = true;
    return;
  }
  loop_.post([done = std::move(done), refused = std::move(refused)] { done(refused); });
}

std::shared_ptr<node> client::impl::make_node(const endpoint& e, const std::string& verified_name) {
  return std::make_shared<node>(loop_, *this, options_, node::address{e.host, e.port, verified_name}, tls_);
}

void client::impl::start() {
  if (over_) return;  // given up before it began
  if (options_.tls) {
    auto context = tls::make_context(options_.ca_file);
    if (!context)
      return finish(fail(dependency::redis, context.error().code,
                         fmt::format("{}:{}: {}", seed_at_.host, seed_at_.port, context.error().detail)));
    tls_ = std::move(*context);
  }
  seed_ = make_node(seed_at_, seed_at_.host);
  seed_->start();
}

void client::impl::send_inbox() {
  std::string bytes;
  std::vector<queued> commands;
  {
    const std::lock_guard lock{mutex_};
    send_due_ = false;
    if (!seed_ || over_) return;  // kept for start() and finish()
    bytes.swap(inbox_bytes_);
    commands.swap(inbox_);
  }
  if (commands.empty()) return;
  if (is_cluster_)
    route(bytes, std::move(commands));
  else
    seed_->send(bytes, std::move(commands));
}

void client::impl::node_ready(node& n, const std::string& info) {
  if (announced_) return;
  announced_ = true;
  const bool cluster = info.find("redis_mode:cluster") != std::string::npos;
  if (cluster) become_cluster();
  // The nodes of a cluster have a run id each: none says that the data is new.
  if (ready_ && !abandoned) ready_(cluster || &n != seed_.get() ? std::string{} : run_id_of(info));
}

void client::impl::replies_begin() {
  // Commands made by the callbacks that follow leave together afterwards, without a wake-up of the loop.
  const std::lock_guard lock{mutex_};
  send_due_ = true;
}

void client::impl::replies_end() {
  send_inbox();
}

void client::impl::set_over(const failure& answer) {
  const std::lock_guard lock{mutex_};
  if (over_) return;
  over_ = answer;
  unsent_ = std::move(inbox_);
  inbox_.clear();
  inbox_bytes_.clear();
}

void client::impl::node_ending(node& n, const failure& why, const failure& others) {
  if (is_cluster_) note_end(n, why);
  if (!is_cluster_ || !any_alive(n)) set_over(others);
}

void client::impl::node_ended(node&, const failure& why) {
  if (over_) finish(why);
}

/// The only end of a client: every connection, what was never sent, then `closed`.
void client::impl::finish(const failure& why) {
  set_over(why);
  if (seed_ && !seed_->is_over()) seed_->end(why, false);
  for (const auto& [at, m] : members_)
    if (m.connection && !m.connection->is_over()) m.connection->end(why, false);
  for (const auto& c : std::exchange(unsent_, {})) c.done(*over_);
  const auto closed = std::exchange(closed_, nullptr);
  ready_ = nullptr;
  if (closed && !abandoned) closed(why);
}

void client::impl::abandon() {
  finish(fail(dependency::redis, errc::cancelled,
              fmt::format("{}:{}: the connection was given up", seed_at_.host, seed_at_.port)));
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
