#include "bench/floor_http.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <utility>

#include "bench/die.hpp"

namespace mw::bench {

floor_http::floor_http(io::loop& loop, long max_connections) : loop_(loop) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  multi_ = curl_multi_init();
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(
      multi_, CURLMOPT_SOCKETFUNCTION, +[](CURL*, curl_socket_t fd, int what, void* me, void*) {
        static_cast<floor_http*>(me)->set_socket(fd, what);
        return 0;
      });
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(
      multi_, CURLMOPT_TIMERFUNCTION, +[](CURLM*, long ms, void* me) {
        static_cast<floor_http*>(me)->set_timer(ms);
        return 0;
      });
  curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, max_connections);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, max_connections * 3);
}

floor_http::~floor_http() {
  for (const auto& t : all_) {
    curl_multi_remove_handle(multi_, t->easy);
    curl_easy_cleanup(t->easy);
  }
  curl_multi_cleanup(multi_);
  for (const auto& k : kinds_) curl_slist_free_all(k->list);
}

floor_http::kind& floor_http::add_kind(std::string base_url, bool post, std::vector<std::string> headers) {
  auto k = std::make_unique<kind>();
  k->base_url = std::move(base_url);
  k->post = post;
  k->headers = std::move(headers);
  for (const auto& h : k->headers) k->list = curl_slist_append(k->list, h.c_str());
  kinds_.push_back(std::move(k));
  return *kinds_.back();
}

floor_transfer* floor_http::make(kind& k) {
  auto t = std::make_unique<floor_transfer>();
  t->of = &k;
  t->easy = curl_easy_init();
  curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t.get());
  curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(t->easy, CURLOPT_URL, k.base_url.c_str());
  curl_easy_setopt(t->easy, CURLOPT_USERAGENT, "memory-worker");
  curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, k.list);
  if (k.post) curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
  curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t.get());
  curl_easy_setopt(
      t->easy, CURLOPT_WRITEFUNCTION, +[](const char* data, size_t size, size_t count, void* me) {
        static_cast<floor_transfer*>(me)->answer.append(data, size * count);
        return size * count;
      });
  // A kept-alive connection stays in epoll between two requests; it leaves when libcurl closes it.
  curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETDATA, this);
  curl_easy_setopt(
      t->easy, CURLOPT_CLOSESOCKETFUNCTION, +[](void* me, curl_socket_t fd) {
        auto& h = *static_cast<floor_http*>(me);
        if (static_cast<size_t>(fd) < h.sockets_.size() && h.sockets_[static_cast<size_t>(fd)].watched) {
          h.loop_.unwatch(fd);
          h.sockets_[static_cast<size_t>(fd)] = {};
        }
        return close(fd);
      });
  all_.push_back(std::move(t));
  return all_.back().get();
}

void floor_http::send(kind& k, std::string_view path, std::string_view body, answer_fn done) {
  floor_transfer* t = nullptr;
  if (k.idle.empty()) {
    t = make(k);
  } else {
    t = k.idle.back();
    k.idle.pop_back();
  }
  t->done = std::move(done);
  t->answer.clear();
  if (!path.empty()) curl_easy_setopt(t->easy, CURLOPT_URL, (k.base_url + std::string{path}).c_str());
  if (k.post) {
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, body.data());
  }
  curl_multi_add_handle(multi_, t->easy);
}

void floor_http::set_socket(int fd, int what) {
  if (what == CURL_POLL_REMOVE) return;
  const auto i = static_cast<size_t>(fd);
  if (i >= sockets_.size()) sockets_.resize(i + 64);
  auto& s = sockets_[i];
  const uint32_t events =
      ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0u) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0u);
  if (!s.watched) {
    loop_.watch(fd, events, [this, fd](uint32_t ready) { on_socket(fd, ready); });
  } else if (s.events != events) {
    loop_.modify(fd, events);
  }
  s = {true, events};
}

void floor_http::on_socket(int fd, uint32_t events) {
  act(fd, ((events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
              ((events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
              ((events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0));
}

void floor_http::set_timer(long ms) {
  loop_.cancel(timer_);
  timer_ = 0;
  if (ms < 0) return;
  if (ms == 0 && acting_) {
    kicked_ = true;
    return;
  }
  timer_ = loop_.after(std::chrono::milliseconds{ms}, [this] {
    timer_ = 0;
    act(CURL_SOCKET_TIMEOUT, 0);
  });
}

/// One round of libcurl; requests that an answer's callback adds are started in the same round.
void floor_http::act(int fd, int mask) {
  acting_ = true;
  int running = 0;
  curl_multi_socket_action(multi_, fd, mask, &running);
  collect();
  while (std::exchange(kicked_, false)) {
    curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
    collect();
  }
  acting_ = false;
}

void floor_http::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    CURL* easy = message->easy_handle;
    floor_transfer* t = nullptr;
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_multi_remove_handle(multi_, easy);
    if (code != CURLE_OK || status != 200)
      die("http: " + t->of->base_url + ": " + curl_easy_strerror(code) + ", status " +
          std::to_string(status));
    const auto done = std::move(t->done);
    std::string answer = std::move(t->answer);
    t->of->idle.push_back(t);
    done(std::move(answer));
  }
}

}  // namespace mw::bench
