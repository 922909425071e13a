#include "cmd/memory-devstack/bus/broker.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mw::devstack {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr milliseconds tick_interval{1000};

}  // namespace

result<std::pair<int, uint16_t>> listen_on_loopback(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(errc::internal, std::string{"socket: "} + std::strerror(errno));
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(fd, generic, size) != 0 || ::listen(fd, 128) != 0 || getsockname(fd, generic, &size) != 0) {
    const std::string why = std::strerror(errno);
    close(fd);
    return fail(errc::misconfigured, "cannot listen on 127.0.0.1:" + std::to_string(port) + ": " + why);
  }
  return std::pair{fd, ntohs(address.sin_port)};
}

broker::broker(io::loop& loop, const bus_options& options)
    : loop_(loop), tokens_(options.tokens), entities_(options.settings), random_(std::random_device{}()) {
  for (const auto& t : options.topics) entities_.add_topic(t.name, t.subscriptions);
  for (const auto& q : options.queues) entities_.add_queue(q);
  for (auto& e : entities_.entities()) {
    auto made = std::make_unique<outlet>();
    made->source = &e;
    e.on_ready = [this, o = made.get()] { mark_dirty(*o); };
    outlets_.emplace(&e, std::move(made));
  }
}

broker::~broker() {
  connections_.clear();
  loop_.cancel(deadline_timer_);
  loop_.cancel(tick_timer_);
  for (const auto& [key, timer] : later_) loop_.cancel(timer);
  if (listener_ >= 0) {
    loop_.unwatch(listener_);
    close(listener_);
  }
}

result<uint16_t> broker::listen(const bus_options& options) {
  if (!options.tls_cert.empty()) {
    auto tls = tls_context::load(options.tls_cert, options.tls_key);
    if (!tls) return tls.error();
    tls_ = *tls;
  }
  const auto listening = listen_on_loopback(options.port);
  if (!listening) return listening.error();
  listener_ = listening->first;
  loop_.watch(listener_, EPOLLIN, [this](uint32_t) { step([this] { accept_all(); }); });
  tick();
  return listening->second;
}

void broker::accept_all() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    auto made = std::make_unique<connection>(*this, fd, tls_);
    connection* key = made.get();
    connections_.emplace(key, std::move(made));
    ++counted_.connections;
  }
}

void broker::step(const std::function<void()>& fn) {
  fn();
  settle_down();
}

void broker::settle_down() {
  std::vector<connection*> ended;
  while (!dirty_.empty() || !touched_.empty()) {
    std::vector<outlet*> dirty;
    dirty.swap(dirty_);
    for (outlet* o : dirty) o->dirty = false;
    for (outlet* o : dirty) pump(*o);
    std::vector<connection*> touched;
    touched.swap(touched_);
    std::sort(touched.begin(), touched.end());
    touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
    for (connection* c : touched) {
      c->flush();
      if (c->done()) ended.push_back(c);
    }
    for (connection* c : ended) {
      std::erase(touched_, c);
      connections_.erase(c);
    }
    ended.clear();
  }
  arm_deadline();
}

void broker::mark_dirty(outlet& o) {
  if (o.dirty) return;
  o.dirty = true;
  dirty_.push_back(&o);
}

void broker::later(std::chrono::milliseconds delay, connection& c, std::function<void()> fn) {
  const uint64_t id = next_later_++;
  later_[id] = loop_.after(delay, [this, id, life = c.life(), fn = std::move(fn)] {
    later_.erase(id);
    if (!life.expired()) step(fn);
  });
}

void broker::touch(connection& c) {
  if (touched_.empty() || touched_.back() != &c) touched_.push_back(&c);
}

bool broker::pump_round(outlet& o) {
  bool progress = false;
  for (size_t i = 0; i < o.links.size() && o.source->has_ready(); ++i) {
    bus_link& link = *o.links[o.turn++ % o.links.size()];
    if (connection::credit_of(link) <= 0 || link.owner->congested(link)) continue;
    progress = link.owner->deliver(link) || progress;
  }
  return progress;
}

void broker::pump(outlet& o) {
  if (faults_.delivering) {
    while (o.source->has_ready() && pump_round(o)) {
    }
  }
  for (bus_link* link : o.links) {
    const bool more_to_come = faults_.delivering && o.source->has_ready();
    if (!more_to_come || !link->owner->congested(*link)) link->owner->drained(*link);
  }
}

void broker::arm_deadline() {
  const auto next = entities_.next_deadline();
  if (!next || (deadline_timer_ != 0 && deadline_ <= *next)) return;
  loop_.cancel(deadline_timer_);
  deadline_ = *next;
  const milliseconds delay{std::max<wall_ms>(*next - now(), 1)};
  deadline_timer_ = loop_.after(delay, [this] {
    deadline_timer_ = 0;
    step([this] { entities_.advance(now()); });
  });
}

void broker::tick() {
  step([this] {
    const auto now_ms = duration_cast<milliseconds>(loop_.now().time_since_epoch()).count();
    for (auto& [key, c] : connections_) {
      c->tick(now_ms);
      counted_.links_expired += c->close_expired();
    }
  });
  tick_timer_ = loop_.after(tick_interval, [this] { tick(); });
}

wall_ms broker::now() const {
  return duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

amqp::uuid broker::new_token() {
  amqp::uuid token{};
  for (size_t half = 0; half < token.size(); half += 8) {
    const uint64_t bits = random_();
    std::memcpy(token.data() + half, &bits, sizeof bits);
  }
  token[6] = static_cast<uint8_t>((token[6] & 0x0f) | 0x40);
  token[8] = static_cast<uint8_t>((token[8] & 0x3f) | 0x80);
  return token;
}

std::string broker::new_message_id() {
  std::string id = amqp::to_text(new_token());
  std::erase(id, '-');
  return id;
}

int broker::drop_connections() {
  for (auto& [key, c] : connections_) c->reset();
  return static_cast<int>(connections_.size());
}

int broker::close_connections(const std::string& condition, const std::string& description) {
  for (auto& [key, c] : connections_) c->end(condition, description);
  return static_cast<int>(connections_.size());
}

int broker::detach_links(std::string_view which, const entity* only, const std::string& condition,
                         const std::string& description) {
  int detached = 0;
  for (auto& [key, c] : connections_) {
    detached += c->detach(
        [&](const bus_link& l) {
          const bool of_kind = which == "receivers"    ? l.kind == link_kind::to_receiver
                               : which == "management" ? l.kind == link_kind::management
                               : which == "cbs"        ? l.kind == link_kind::cbs
                                                       : true;
          return of_kind && (only == nullptr || l.node.from == only);
        },
        condition, description);
  }
  return detached;
}

void broker::set_delivering(bool on) {
  faults_.delivering = on;
  for (auto& [key, o] : outlets_) mark_dirty(*o);
}

size_t broker::link_count() const {
  size_t n = 0;
  for (const auto& [key, c] : connections_) n += c->link_count();
  return n;
}

}  // namespace mw::devstack
