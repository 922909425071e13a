#include "protocol/http/server.hpp"

#include <civetweb.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <optional>

#include "protocol/base/ascii.hpp"
#include "protocol/http/server_message.hpp"
#include "protocol/http/url.hpp"

namespace mw::http {
namespace {

/// How long stopping waits for answers that are being made, or that their client does not take.
constexpr std::chrono::seconds answers_limit{10};

/// civetweb's own rule, so that the Connection header says what it will do.
bool client_keeps_alive(const server_request& r, const char* version) {
  const auto wish = lower_case(r.header("connection"));
  if (!wish.empty()) return wish.find("keep-alive") != std::string::npos;
  return version != nullptr && std::string_view{version} == "1.1";
}

/// Behind a request that says no length civetweb finds the next one only if its method has no body.
bool knows_its_end(const server_request& r) {
  const bool may_have_body = r.method == "POST" || r.method == "PUT" || r.method == "PATCH";
  return !r.header("content-length").empty() || (!may_have_body && r.header("transfer-encoding").empty());
}

std::optional<server_response> read_head(const mg_request_info& info, server_request& out) {
  out.method = info.request_method;
  out.query = info.query_string != nullptr ? info.query_string : "";
  out.remote_address = info.remote_addr;
  out.headers.reserve(static_cast<size_t>(std::max(0, info.num_headers)));
  for (int i = 0; i < info.num_headers; ++i)
    out.headers.emplace_back(lower_case(info.http_headers[i].name), info.http_headers[i].value);
  const std::string_view raw = info.local_uri_raw != nullptr ? info.local_uri_raw : "/";
  auto path = percent_decode(raw);
  if (!path) return problem(400, "Bad Request", "the path's percent-coding is invalid");
  out.path = std::move(*path);
  for (const auto part : split_path(raw)) out.segments.push_back(percent_decode(part).value_or(""));
  return std::nullopt;
}

/// 0 for what is no internet socket.
uint16_t local_port(int fd) {
  sockaddr_storage local{};
  socklen_t length = sizeof local;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length) != 0) return 0;
  if (local.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(local).sin_port);
  if (local.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(local).sin6_port);
  return 0;
}

bool is_listening(int fd) {
  int listening = 0;
  socklen_t length = sizeof listening;
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening != 0;
}

/// civetweb polls its listening socket and idle connections in slices of two seconds and offers no way to
/// wake it: without this, stopping takes as long. Only the reading side ends, so that an answer on its way
/// still goes out.
void end_reading(uint16_t port, bool listening) {
  DIR* dir = opendir("/proc/self/fd");
  if (dir == nullptr) return;
  while (const dirent* entry = readdir(dir)) {
    const std::string_view name{entry->d_name};
    int fd = -1;
    if (std::from_chars(name.data(), name.data() + name.size(), fd).ec != std::errc{}) continue;
    if (local_port(fd) == port && is_listening(fd) == listening) shutdown(fd, SHUT_RD);
  }
  closedir(dir);
}

}  // namespace

class server::impl {
 public:
  impl(server_options options, handler h) : options_(std::move(options)), handler_(std::move(h)) {}
  ~impl() {
    if (context_ == nullptr) return;
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    // Before the wait: who reads a body that does not come must not hold it up.
    end_reading(port_, false);
    {
      // After mg_stop() civetweb drops what is written, so answers under way must be out before.
      std::unique_lock lock{mutex_};
      answered_.wait_for(lock, answers_limit, [this] { return running_ == 0; });
    }
    end_reading(port_, false);
    end_reading(port_, true);
    mg_stop(context_);
  }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  status start();
  uint16_t port() const { return port_; }

 private:
  static impl& of(const mg_connection* c) { return *static_cast<impl*>(mg_get_user_data(mg_get_context(c))); }
  static int on_request(mg_connection* c);
  static int on_error(mg_connection* c, int code, const char* text);
  static void write_error(mg_connection* c, int code, std::string_view text);
  bool enter();
  void leave();
  int serve(mg_connection* c);
  std::optional<server_response> read_body(mg_connection* c, server_request& request) const;
  std::optional<server_response> read_chunks(mg_connection* c, server_request& request) const;
  server_response too_large() const;
  server_response call(const server_request& request) const;
  void refuse_body(mg_connection* c, const mg_request_info& info) const;

  server_options options_;
  handler handler_;
  mg_context* context_ = nullptr;
  uint16_t port_ = 0;
  std::atomic<unsigned> connections_{0};
  std::mutex mutex_;  // guards the two below
  std::condition_variable answered_;
  unsigned running_ = 0;
  bool stopping_ = false;
};

status server::impl::start() {
  static std::once_flag once;
  std::call_once(once, [] { mg_init_library(MG_FEATURES_DEFAULT); });
  const bool v6 = options_.bind.find(':') != std::string::npos;
  const std::string address = (v6 ? "[" + options_.bind + "]" : options_.bind);
  const std::string listen = address + ":" + std::to_string(options_.port);
  const std::string threads = std::to_string(std::max(1u, options_.threads));
  const std::string keep_alive = std::to_string(options_.keep_alive.count());
  const std::string timeout = std::to_string(options_.request_timeout.count());
  const std::array<const char*, 19> config{"listening_ports",
                                           listen.c_str(),
                                           "num_threads",
                                           threads.c_str(),
                                           "tcp_nodelay",
                                           "1",
                                           "enable_keep_alive",
                                           "yes",
                                           "decode_url",
                                           "no",
                                           "keep_alive_timeout_ms",
                                           keep_alive.c_str(),
                                           "request_timeout_ms",
                                           timeout.c_str(),
                                           "listen_backlog",
                                           "512",
                                           "connection_queue",
                                           "512",
                                           nullptr};
  mg_callbacks callbacks{};
  callbacks.begin_request = &on_request;
  callbacks.http_error = &on_error;
  callbacks.log_message = [](const mg_connection*, const char*) { return 1; };
  callbacks.log_access = [](const mg_connection*, const char*) { return 1; };
  callbacks.init_connection = [](const mg_connection* c, void**) {
    ++of(c).connections_;
    return 0;
  };
  callbacks.connection_closed = [](const mg_connection* c) { --of(c).connections_; };
  mg_init_data init{&callbacks, this, const_cast<const char**>(config.data())};
  unsigned code = 0;
  std::array<char, 256> text{};
  mg_error_data error{&code, text.data(), text.size()};
  // civetweb sets SIGCHLD to be ignored, which would break a program that waits for its children.
  struct sigaction child {};
  sigaction(SIGCHLD, nullptr, &child);
  context_ = mg_start2(&init, &error);
  sigaction(SIGCHLD, &child, nullptr);
  if (context_ == nullptr)
    return fail(errc::misconfigured, "cannot listen on " + listen + ": " +
                                         (text[0] != '\0' ? std::string{text.data()} : "address not usable") +
                                         "; is the port taken or the address not this machine's?");
  std::array<mg_server_port, 4> ports{};
  if (mg_get_server_ports(context_, static_cast<int>(ports.size()), ports.data()) > 0)
    port_ = static_cast<uint16_t>(ports[0].port);
  return ok;
}

int server::impl::on_request(mg_connection* c) {
  impl& self = of(c);
  if (!self.enter()) {
    write_error(c, 503, "the server is stopping");
    return 503;
  }
  const int code = self.serve(c);
  self.leave();
  return code;
}

bool server::impl::enter() {
  const std::lock_guard lock{mutex_};
  if (!stopping_) ++running_;
  return !stopping_;
}

void server::impl::leave() {
  const std::lock_guard lock{mutex_};
  if (--running_ == 0) answered_.notify_all();
}

int server::impl::on_error(mg_connection* c, int code, const char* text) {
  write_error(c, code, text != nullptr ? text : "");
  return 0;
}

void server::impl::write_error(mg_connection* c, int code, std::string_view text) {
  mg_disable_connection_keep_alive(c);
  const auto out = render(problem(code, reason(code), text), "GET", false);
  mg_write(c, out.data(), out.size());
}

/// A client that is still sending would meet a reset before it reads our answer: take some of what it sends.
void server::impl::refuse_body(mg_connection* c, const mg_request_info& info) const {
  std::array<char, 16'384> sink{};
  int64_t left = std::min<int64_t>(info.content_length, int64_t{64} << 20);
  while (left > 0) {
    const int n = mg_read(c, sink.data(), sink.size());
    if (n <= 0) return;
    left -= n;
  }
}

std::optional<server_response> server::impl::read_chunks(mg_connection* c, server_request& request) const {
  std::array<char, 16'384> piece{};
  for (;;) {
    const int n = mg_read(c, piece.data(), piece.size());
    if (n == 0) return std::nullopt;
    if (n < 0) return problem(400, "Bad Request", "the body's chunks are broken, or ended early");
    if (request.body.size() + static_cast<size_t>(n) > options_.max_body_bytes) return too_large();
    request.body.append(piece.data(), static_cast<size_t>(n));
  }
}

server_response server::impl::too_large() const {
  return problem(413, "Content Too Large",
                 "the body may have at most " + std::to_string(options_.max_body_bytes) + " bytes");
}

std::optional<server_response> server::impl::read_body(mg_connection* c, server_request& request) const {
  const auto& info = *mg_get_request_info(c);
  const bool expects = lower_case(request.header("expect")) == "100-continue";
  const bool has_length = !request.header("content-length").empty();
  if (!request.header("transfer-encoding").empty()) {  // chunked: civetweb refuses all others
    if (has_length)
      return problem(400, "Bad Request", "a body has a Content-Length or comes in chunks, not both");
    if (expects) mg_write(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    return read_chunks(c, request);
  }
  if (!has_length) return std::nullopt;
  if (info.content_length < 0) return problem(400, "Bad Request", "Content-Length is not a number");
  if (static_cast<uint64_t>(info.content_length) > options_.max_body_bytes) {
    if (!expects) refuse_body(c, info);
    return too_large();
  }
  if (expects) mg_write(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
  request.body.resize(static_cast<size_t>(info.content_length));
  size_t have = 0;
  while (have < request.body.size()) {
    const int n = mg_read(c, request.body.data() + have, request.body.size() - have);
    if (n <= 0) return problem(400, "Bad Request", "the body ended before its Content-Length");
    have += static_cast<size_t>(n);
  }
  return std::nullopt;
}

server_response server::impl::call(const server_request& request) const {
  std::string what = "an exception of unknown type";
  try {
    return handler_(request);
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
    what = "an exception of unknown type";
  }
  if (options_.on_handler_error) options_.on_handler_error(what);
  return problem(500, "Internal Server Error", "the request could not be handled");
}

int server::impl::serve(mg_connection* c) {
  const auto& info = *mg_get_request_info(c);
  server_request request;
  auto early = read_head(info, request);
  if (!early) early = read_body(c, request);
  bool keep = !early && knows_its_end(request) && client_keeps_alive(request, info.http_version);
  const server_response response = early ? std::move(*early) : call(request);
  if (connections_ >= options_.threads) keep = false;
  std::string out = render(response, request.method, keep && response.cut_after < 0);
  if (response.cut_after >= 0) {
    keep = false;
    out.resize(std::min(out.size(), static_cast<size_t>(response.cut_after)));
  }
  if (!keep) mg_disable_connection_keep_alive(c);
  if (!out.empty()) mg_write(c, out.data(), out.size());
  return response.status;
}

server::server(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
server::~server() = default;

result<std::unique_ptr<server>> server::start(const server_options& options, handler h) {
  auto i = std::make_unique<impl>(options, std::move(h));
  if (auto started = i->start(); !started) return started.error();
  return std::unique_ptr<server>{new server{std::move(i)}};
}

uint16_t server::port() const {
  return impl_->port();
}

}  // namespace mw::http
