// One HTTP exchange on a reusable libcurl easy handle: options that never change are set once, the header
// list and method are kept from the exchange before where they are the same. Used by client.cpp only, on the
// loop's thread; holds the request's body until the exchange is over.
#pragma once

#include <curl/curl.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "protocol/http/client.hpp"
#include "protocol/http/proxy.hpp"

namespace mw::http {

/// A request as send() took it.
struct queued_request {
  uint64_t id = 0;
  request what;
  client::done_fn done;
  io::clock::time_point sent;
};

/// Told of every connection's socket: after it was opened, and to close it.
struct socket_hooks {
  curl_sockopt_callback opened;
  curl_closesocket_callback close;
  void* context;
};

class transfer {
 public:
  /// The rules outlive it.
  transfer(const client_options& options, const proxy_rules& proxies, const socket_hooks& hooks);
  ~transfer();
  transfer(const transfer&) = delete;
  transfer& operator=(const transfer&) = delete;

  CURL* handle() const { return easy_; }
  uint64_t id() const { return current_.id; }
  /// How well the last request's setting serves this one: 2 as it is, 1 but for the URL, 0 not at all.
  int suits(const request& r) const;
  /// Makes the handle ready to be added to the multi handle. misconfigured where the URL cannot be one. The
  /// total time-out is the client's: libcurl does not apply it while a request waits for a connection.
  status prepare(queued_request q);
  io::clock::time_point deadline() const { return current_.sent + current_.what.total_timeout; }
  failure timed_out() const;
  /// Whether it ended without an answer only because the handle met too many dead connections, in the
  /// requests before too. Then it may be added to the multi handle again; true once a request.
  bool starts_over(CURLcode code);
  /// The outcome as libcurl reported it; the handle is off the multi handle already.
  result<response> finish(CURLcode code, io::clock::time_point now);
  client::done_fn take_done() { return std::move(current_.done); }

 private:
  static curl_socket_t on_open_socket(void* self, curlsocktype purpose, curl_sockaddr* where);
  static size_t on_header(const char* data, size_t size, size_t count, void* self);
  static size_t on_body(const char* data, size_t size, size_t count, void* self);
  status set_url(const request& r);
  void set_proxy(const request& r);
  void set_method(const request& r);
  void set_headers(std::vector<std::pair<std::string, std::string>> headers, bool large);
  failure explain(CURLcode code) const;
  bool headers_too_large(CURLcode code) const;
  void forget_answer();

  CURL* easy_;
  bool http2_;
  queued_request current_;
  response answer_;
  bool too_large_ = false;   ///< its body
  size_t header_bytes_ = 0;  ///< of all its headers so far
  bool out_of_files_ = false;
  std::string user_agent_;  ///< its header line
  const proxy_rules& proxies_;
  std::string proxy_;  ///< what libcurl was told last
  bool proxy_set_ = false;
  bool headers_complete_ = false;
  bool started_over_ = false;
  std::string method_;  ///< the last request's
  bool sends_ = false;  ///< and whether it had a body, be it empty
  std::string url_;
  CURLU* parsed_url_;
  std::vector<std::pair<std::string, std::string>> headers_;
  bool headers_for_body_ = false;
  bool headers_for_large_ = false;
  curl_slist* header_list_ = nullptr;
  std::array<char, CURL_ERROR_SIZE> error_{};
};

/// "POST host:port/path": no user, query or fragment.
std::string describe(const request& r);

}  // namespace mw::http
