// libcurl's multi interface on the floor's loop (multi_socket), nothing around it: one pool of ready handles
// per kind of request, so that method, headers and options are set once. Loop thread only; an answer that is
// not a 200 ends the program.
#pragma once

#include <curl/curl.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/io/loop.hpp"

namespace mw::bench {

class floor_http {
 public:
  using answer_fn = std::function<void(std::string&& body)>;

  struct kind {
    std::string base_url;
    bool post = false;
    std::vector<std::string> headers;
    curl_slist* list = nullptr;
    std::vector<struct floor_transfer*> idle;
  };

  floor_http(io::loop& loop, long max_connections);
  ~floor_http();
  floor_http(const floor_http&) = delete;
  floor_http& operator=(const floor_http&) = delete;

  kind& add_kind(std::string base_url, bool post, std::vector<std::string> headers);
  /// `path` is put behind the kind's URL where it is not empty; `body` must live until the answer.
  void send(kind& k, std::string_view path, std::string_view body, answer_fn done);

 private:
  struct socket_state {
    bool watched = false;
    uint32_t events = 0;
  };
  floor_transfer* make(kind& k);
  void set_socket(int fd, int what);
  void on_socket(int fd, uint32_t events);
  void set_timer(long ms);
  void act(int fd, int mask);
  void collect();

  io::loop& loop_;
  CURLM* multi_;
  io::timer_id timer_ = 0;
  bool acting_ = false;
  bool kicked_ = false;
  std::vector<socket_state> sockets_;
  std::vector<std::unique_ptr<kind>> kinds_;
  std::vector<std::unique_ptr<floor_transfer>> all_;
};

struct floor_transfer {
  CURL* easy = nullptr;
  floor_http::kind* of = nullptr;
  std::string answer;
  floor_http::answer_fn done;
};

}  // namespace mw::bench
