#include "cmd/memory-devstack/bus/admin_http.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>

#include "cmd/memory-devstack/bus/broker.hpp"

namespace mw::devstack {
namespace {

constexpr size_t max_head = 64 * 1024;
constexpr size_t max_body = 256 * 1024 * 1024;

struct head {
  admin_request request;
  size_t size = 0;  ///< bytes up to the body
  size_t body_size = 0;
  bool close = false;
  bool expects_continue = false;
};

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

/// nullopt when this is no request we can serve.
std::optional<head> parse_head(std::string_view text) {
  head h;
  h.size = text.size() + 4;
  size_t line_end = text.find("\r\n");
  const std::string_view first = text.substr(0, line_end);
  const size_t space = first.find(' ');
  const size_t space2 = first.find(' ', space == std::string_view::npos ? space : space + 1);
  if (space2 == std::string_view::npos || !first.substr(space2 + 1).starts_with("HTTP/1."))
    return std::nullopt;
  h.close = first.ends_with("1.0");
  h.request.method = first.substr(0, space);
  const std::string_view target = first.substr(space + 1, space2 - space - 1);
  const size_t question = target.find('?');
  h.request.path = target.substr(0, question);
  if (question != std::string_view::npos) h.request.query = target.substr(question + 1);
  while (line_end != std::string_view::npos) {
    text.remove_prefix(line_end + 2);
    line_end = text.find("\r\n");
    const std::string_view line = text.substr(0, line_end);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const std::string_view name = line.substr(0, colon);
    std::string_view val = line.substr(colon + 1);
    while (val.starts_with(' ')) val.remove_prefix(1);
    while (val.ends_with(' ')) val.remove_suffix(1);
    if (same_word(name, "content-length")) {
      const char* end = val.data() + val.size();
      if (std::from_chars(val.data(), end, h.body_size).ptr != end || h.body_size > max_body)
        return std::nullopt;
    } else if (same_word(name, "connection")) {
      h.close = same_word(val, "close");
    } else if (same_word(name, "expect")) {
      h.expects_continue = same_word(val, "100-continue");
    } else if (same_word(name, "transfer-encoding")) {
      return std::nullopt;
    }
  }
  return h;
}

void append_reply(std::string& out, const admin_reply& reply, bool close) {
  std::string_view reason = "OK";
  if (reply.status == 404) reason = "Not Found";
  if (reply.status == 400) reason = "Bad Request";
  if (reply.status == 405) reason = "Method Not Allowed";
  fmt::format_to(std::back_inserter(out),
                 "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{}",
                 reply.status, reason, reply.json.size(), close ? "Connection: close\r\n" : "", reply.json);
}

}  // namespace

admin_http::~admin_http() {
  while (!clients_.empty()) end(clients_.begin()->first);
  if (listener_ >= 0) {
    loop_.unwatch(listener_);
    close(listener_);
  }
}

result<uint16_t> admin_http::listen(uint16_t port) {
  const auto listening = listen_on_loopback(port);
  if (!listening) return listening.error();
  listener_ = listening->first;
  loop_.watch(listener_, EPOLLIN, [this](uint32_t) { accept_all(); });
  return listening->second;
}

void admin_http::accept_all() {
  for (;;) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    clients_[fd] = std::make_unique<client>();
    loop_.watch(fd, EPOLLIN, [this, fd](uint32_t events) { on_events(fd, events); });
  }
}

void admin_http::end(int fd) {
  loop_.unwatch(fd);
  clients_.erase(fd);
  close(fd);
}

void admin_http::on_events(int fd, uint32_t events) {
  client& c = *clients_.at(fd);
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
    std::array<char, 65'536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recv
    const ssize_t n = recv(fd, buffer.data(), buffer.size(), 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return end(fd);
    if (n > 0) c.in.append(buffer.data(), static_cast<size_t>(n));
    serve(c);
  }
  if (!write_out(fd, c)) return end(fd);
  if (c.out.empty() && c.close_after) return end(fd);
  loop_.modify(fd, c.out.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

bool admin_http::write_out(int fd, client& c) {
  size_t at = 0;
  while (at < c.out.size()) {
    const ssize_t n = send(fd, c.out.data() + at, c.out.size() - at, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n <= 0) return false;
    at += static_cast<size_t>(n);
  }
  c.out.erase(0, at);
  return true;
}

void admin_http::serve(client& c) {
  while (!c.close_after && serve_one(c)) {
  }
}

bool admin_http::serve_one(client& c) {
  const size_t head_end = c.in.find("\r\n\r\n");
  if (head_end == std::string::npos && c.in.size() < max_head) return false;
  auto h =
      head_end == std::string::npos ? std::nullopt : parse_head(std::string_view{c.in}.substr(0, head_end));
  if (!h) {
    append_reply(c.out, {400, R"({"error":"This is no HTTP/1.1 request with Content-Length."})"}, true);
    c.close_after = true;
    return false;
  }
  if (c.in.size() - h->size < h->body_size) {
    if (h->expects_continue && !c.continued) c.out.append("HTTP/1.1 100 Continue\r\n\r\n");
    c.continued = true;
    c.in.reserve(h->size + h->body_size);
    return false;
  }
  h->request.body = std::string_view{c.in}.substr(h->size, h->body_size);
  append_reply(c.out, handle_(h->request), h->close);
  c.in.erase(0, h->size + h->body_size);
  c.close_after = h->close;
  c.continued = false;
  return true;
}

std::string query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || pair.substr(0, equals) != name) continue;
    std::string text;
    for (size_t i = equals + 1; i < pair.size(); ++i) {
      unsigned byte = 0;
      const char* hex = pair.data() + i + 1;
      if (pair[i] == '%' && pair.size() - i > 2 && std::from_chars(hex, hex + 2, byte, 16).ptr == hex + 2) {
        text.push_back(static_cast<char>(byte));
        i += 2;
      } else {
        text.push_back(pair[i] == '+' ? ' ' : pair[i]);
      }
    }
    return text;
  }
  return {};
}

}  // namespace mw::devstack
