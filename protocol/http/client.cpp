#include "protocol/http/client.hpp"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <mutex>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "protocol/http/transfer.hpp"
#include "protocol/io/run_on.hpp"

namespace mw::http {
namespace {

constexpr size_t pooled_transfers = 512;
constexpr size_t looked_at_in_pool = 4;
constexpr auto never = io::clock::time_point::max();
constexpr int most_kicks = 8;

void init_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    // With CURLOPT_NOSIGNAL libcurl leaves it to the program to survive a peer that closed.
    struct sigaction pipe {};
    sigaction(SIGPIPE, nullptr, &pipe);
    if (pipe.sa_handler == SIG_DFL) signal(SIGPIPE, SIG_IGN);
  });
}

}  // namespace

class client::impl : public std::enable_shared_from_this<client::impl> {
 public:
  impl(io::loop& loop, client_options options);
  ~impl() = default;
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  uint64_t send(request r, done_fn done);
  void cancel(uint64_t id);
  size_t in_flight() const { return in_flight_; }
  void shut_down();

 private:
  /// What is known of a socket of libcurl's. A connection that libcurl let go (kept alive, idle) stays in
  /// epoll, so that the next request on it costs no epoll_ctl. Other sockets (of the resolver) are closed
  /// without a word to us, so they leave epoll at once.
  struct socket_state {
    uint32_t events = 0;
    bool connection = false;
    bool watched = false;
    bool idle = false;
  };

  static int on_socket_change(CURL* easy, curl_socket_t fd, int what, void* self, void* unused);
  static int on_timer_change(CURLM* multi, long ms, void* self);
  static int on_open(void* self, curl_socket_t fd, curlsocktype purpose);
  static int on_close(void* self, curl_socket_t fd);

  socket_state& state_of(int fd);
  void set_socket(int fd, int what);
  void set_timer(long ms);
  void on_event(int fd, uint32_t events);
  void arm();
  void on_timer();
  std::unique_ptr<transfer> take_off(uint64_t id);
  void dispatch();
  void take_queue();
  std::unique_ptr<transfer> take_from_pool(const request& r);
  void start(queued_request q);
  void put_on(std::unique_ptr<transfer> t);
  void collect();
  void end(std::unique_ptr<transfer> t, result<response> outcome);
  void cancel_on_loop(uint64_t id);
  void close_on_loop();

  io::loop& loop_;
  const client_options options_;
  const proxy_rules proxies_ = proxy_rules::of_environment();
  CURLM* multi_ = nullptr;
  std::vector<socket_state> sockets_;  // by file descriptor
  std::vector<std::unique_ptr<transfer>> pool_;
  std::unordered_map<uint64_t, std::unique_ptr<transfer>> active_;
  std::set<std::pair<io::clock::time_point, uint64_t>> deadlines_;  // of the active ones
  io::timer_id timer_ = 0;
  io::clock::time_point timer_at_{};   // when the loop's timer fires
  io::clock::time_point due_ = never;  // when libcurl wants to be called
  bool kick_ = false;                  // libcurl wants to be called at once
  bool dispatching_ = false;           // the queue is looked at before dispatch() ends

  std::mutex mutex_;  // guards the four below
  std::vector<queued_request> queue_;
  std::unordered_set<uint64_t> cancelled_;  // still in the queue
  bool posted_ = false;
  bool closed_ = false;
  std::atomic<uint64_t> next_id_{1};
  std::atomic<size_t> in_flight_{0};
};

client::impl::impl(io::loop& loop, client_options options) : loop_(loop), options_(std::move(options)) {
  init_library();
  multi_ = curl_multi_init();
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &impl::on_socket_change);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &impl::on_timer_change);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
  curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, options_.max_connections_per_host);
  curl_multi_setopt(multi_, CURLMOPT_MAX_TOTAL_CONNECTIONS, options_.max_connections);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, options_.max_connections);
}

int client::impl::on_socket_change(CURL*, curl_socket_t fd, int what, void* self, void*) {
  static_cast<impl*>(self)->set_socket(fd, what);
  return 0;
}

int client::impl::on_timer_change(CURLM*, long ms, void* self) {
  static_cast<impl*>(self)->set_timer(ms);
  return 0;
}

int client::impl::on_open(void* self, curl_socket_t fd, curlsocktype) {
  auto& s = static_cast<impl*>(self)->state_of(fd);
  s = {};
  s.connection = true;
  return CURL_SOCKOPT_OK;
}

int client::impl::on_close(void* self, curl_socket_t fd) {
  auto& me = *static_cast<impl*>(self);
  auto& s = me.state_of(fd);
  if (s.watched) me.loop_.unwatch(fd);
  s = {};
  return close(fd);
}

client::impl::socket_state& client::impl::state_of(int fd) {
  const auto i = static_cast<size_t>(fd);
  if (i >= sockets_.size()) sockets_.resize(i + 32);
  return sockets_[i];
}

void client::impl::set_socket(int fd, int what) {
  auto& s = state_of(fd);
  if (what == CURL_POLL_REMOVE) {
    s.idle = s.watched && s.connection;
    if (!s.watched || s.connection) return;
    loop_.unwatch(fd);
    s = {};
    return;
  }
  s.idle = false;
  const uint32_t wanted =
      ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0u) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0u);
  if (!s.watched) {
    loop_.watch(fd, wanted, [this, fd](uint32_t events) { on_event(fd, events); });
  } else if (s.events != wanted) {
    loop_.modify(fd, wanted);
  }
  s.watched = true;
  s.events = wanted;
}

void client::impl::set_timer(long ms) {
  kick_ = ms == 0;
  due_ = ms > 0 ? io::clock::now() + std::chrono::milliseconds{ms} : never;
}

/// One timer of the loop for libcurl's wish and all total time-outs. It is only ever moved to an earlier
/// time: both change with every request, and a timer that fires early just asks again.
void client::impl::arm() {
  const auto next = deadlines_.empty() ? due_ : std::min(due_, deadlines_.begin()->first);
  if (next == never || (timer_ != 0 && timer_at_ <= next)) return;
  if (timer_ != 0) loop_.cancel(timer_);
  timer_at_ = next;
  timer_ = loop_.after(next - io::clock::now(), [this] {
    timer_ = 0;
    on_timer();
  });
}

void client::impl::on_timer() {
  const auto now = io::clock::now();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const uint64_t id = deadlines_.begin()->second;
    auto t = take_off(id);
    auto why = t->timed_out();
    end(std::move(t), std::move(why));
  }
  if (due_ <= now) {
    due_ = never;
    kick_ = true;
  }
  dispatch();
}

std::unique_ptr<transfer> client::impl::take_off(uint64_t id) {
  auto node = active_.extract(id);
  if (node.empty()) return nullptr;
  deadlines_.erase({node.mapped()->deadline(), id});
  curl_multi_remove_handle(multi_, node.mapped()->handle());
  return std::move(node.mapped());
}

void client::impl::on_event(int fd, uint32_t events) {
  auto& s = state_of(fd);
  if (s.idle) {
    // The server closed a kept-alive connection; libcurl notices before it uses it again.
    loop_.unwatch(fd);
    s.watched = false;
    s.idle = false;
    return;
  }
  int mask = 0;
  if ((events & EPOLLIN) != 0) mask |= CURL_CSELECT_IN;
  if ((events & EPOLLOUT) != 0) mask |= CURL_CSELECT_OUT;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) mask |= CURL_CSELECT_ERR;
  int running = 0;
  curl_multi_socket_action(multi_, fd, mask, &running);
  dispatch();
}

/// Everything that one wake-up brought: outcomes are handed out, and requests sent meanwhile are started. A
/// peer that sends faster than is read makes libcurl want to be called at once for ever: others must get
/// their turn.
void client::impl::dispatch() {
  dispatching_ = true;
  int kicks = 0;
  do {
    collect();
    take_queue();
    if (kick_ && ++kicks > most_kicks) {
      kick_ = false;
      due_ = io::clock::now();
    }
    if (kick_) {
      kick_ = false;
      int running = 0;
      curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
      collect();
    }
    const std::lock_guard lock{mutex_};
    dispatching_ = kick_ || !queue_.empty();
  } while (dispatching_);
  arm();
}

void client::impl::take_queue() {
  std::vector<queued_request> batch;
  std::unordered_set<uint64_t> cancelled;
  {
    const std::lock_guard lock{mutex_};
    batch.swap(queue_);
    cancelled.swap(cancelled_);
  }
  for (auto& q : batch) {
    if (!cancelled.empty() && cancelled.count(q.id) > 0) {
      --in_flight_;
      q.done(fail(errc::cancelled, describe(q.what) + ": cancelled"));
    } else {
      start(std::move(q));
    }
  }
}

/// One that was used for this URL, or for such a request, lately is set up for it already.
std::unique_ptr<transfer> client::impl::take_from_pool(const request& r) {
  if (pool_.empty())
    return std::make_unique<transfer>(options_, proxies_,
                                      socket_hooks{&impl::on_open, &impl::on_close, this});
  const auto oldest =
      pool_.end() - static_cast<std::ptrdiff_t>(std::min<size_t>(pool_.size(), looked_at_in_pool));
  auto best = pool_.end() - 1;
  int suits = -1;
  for (auto it = pool_.end(); it-- != oldest && suits < 2;) {
    const int this_one = (*it)->suits(r);
    if (this_one <= suits) continue;
    suits = this_one;
    best = it;
  }
  std::swap(*best, pool_.back());
  auto t = std::move(pool_.back());
  pool_.pop_back();
  return t;
}

void client::impl::start(queued_request q) {
  auto t = take_from_pool(q.what);
  if (auto ready = t->prepare(std::move(q)); !ready) {
    end(std::move(t), ready.error());
    return;
  }
  put_on(std::move(t));
}

void client::impl::put_on(std::unique_ptr<transfer> t) {
  CURL* handle = t->handle();
  deadlines_.emplace(t->deadline(), t->id());
  active_.emplace(t->id(), std::move(t));
  curl_multi_add_handle(multi_, handle);
}

void client::impl::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    transfer* finished = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &finished);
    auto t = take_off(finished->id());
    if (t->starts_over(code)) {
      put_on(std::move(t));
      continue;
    }
    auto outcome = t->finish(code, io::clock::now());
    end(std::move(t), std::move(outcome));
  }
}

void client::impl::end(std::unique_ptr<transfer> t, result<response> outcome) {
  const auto done = t->take_done();
  if (pool_.size() < pooled_transfers) pool_.push_back(std::move(t));
  --in_flight_;
  done(std::move(outcome));
}

uint64_t client::impl::send(request r, done_fn done) {
  const uint64_t id = next_id_++;
  ++in_flight_;
  bool post = false;
  {
    const std::lock_guard lock{mutex_};
    if (!closed_) {
      queue_.push_back({id, std::move(r), std::move(done), io::clock::now()});
      post = !posted_ && !(loop_.on_loop_thread() && dispatching_);
      posted_ = posted_ || post;
      done = nullptr;
    }
  }
  if (done) {
    loop_.post([self = shared_from_this(), done = std::move(done)] {
      --self->in_flight_;
      done(fail(errc::cancelled, "the HTTP client is shut down"));
    });
  } else if (post) {
    loop_.post([self = shared_from_this()] {
      {
        const std::lock_guard lock{self->mutex_};
        self->posted_ = false;
        if (self->closed_) return;
      }
      self->dispatch();
    });
  }
  return id;
}

void client::impl::cancel(uint64_t id) {
  loop_.post([self = shared_from_this(), id] { self->cancel_on_loop(id); });
}

void client::impl::cancel_on_loop(uint64_t id) {
  auto t = take_off(id);
  if (t == nullptr) {
    const std::lock_guard lock{mutex_};
    for (const auto& q : queue_)
      if (q.id == id) cancelled_.insert(id);
    return;
  }
  end(std::move(t), fail(errc::cancelled, "cancelled"));
  dispatch();
}

void client::impl::close_on_loop() {
  std::vector<queued_request> queued;
  {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    queued.swap(queue_);
  }
  while (!active_.empty())
    end(take_off(active_.begin()->first), fail(errc::cancelled, "the HTTP client is shut down"));
  for (auto& q : queued) {
    --in_flight_;
    q.done(fail(errc::cancelled, "the HTTP client is shut down"));
  }
  pool_.clear();
  curl_multi_cleanup(multi_);  // closes the connections, so on_close() ends the watching
  if (timer_ != 0) loop_.cancel(timer_);
}

void client::impl::shut_down() {
  io::run_on(loop_, [this] { close_on_loop(); });
}

client::client(io::loop& loop, client_options options)
    : impl_(std::make_shared<impl>(loop, std::move(options))) {}
client::~client() {
  impl_->shut_down();
}
uint64_t client::send(request r, done_fn done) {
  return impl_->send(std::move(r), std::move(done));
}
void client::cancel(uint64_t id) {
  impl_->cancel(id);
}
size_t client::in_flight() const {
  return impl_->in_flight();
}

}  // namespace mw::http
