// Requests as a client of the admin port or the Memory API sends them, over a socket. Holds: what comes back
// is HTTP/1.1 with a status of ours; in pieces the same status comes back; the handler sees no body above its
// limit, and no segment with a slash that was not coded; the next client is served.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <mutex>

#include "protocol/http/server.hpp"
#include "protocol/observe/admin_endpoints.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

namespace {

constexpr size_t max_body = 1'024;

http::server& server() {
  static observe::metrics metrics{"1"};
  static observe::status_board board{{"memory-worker", "node", "1", observe::required_parts, {}}};
  static const auto running = [] {
    http::server_options options;
    options.threads = 16;
    options.max_body_bytes = max_body;
    options.request_timeout = std::chrono::seconds{5};
    auto started = http::server::start(options, [](const http::server_request& r) {
      fuzz::holds(r.body.size() <= max_body, "no body is above the limit");
      fuzz::holds(r.path.find('\0') == std::string::npos, "a path has no end within");
      for (const auto& [name, value] : r.headers)
        fuzz::holds(value.find_first_of("\r\n") == std::string::npos, "a header is one line");
      r.parameter("user");
      return observe::admin_routes(r, metrics, board);
    });
    fuzz::holds(started.has_value(), "the server starts");
    return std::move(*started);
  }();
  return *running;
}

struct answer {
  std::string text;
  bool whole = true;  ///< false: a reset may have taken some of it
};

answer ask(const std::vector<std::string_view>& pieces) {
  answer out;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(server().port());
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval limit{8, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  fuzz::holds(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0, "a client is let in");
  for (const auto piece : pieces)
    if (send(fd, piece.data(), piece.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(piece.size()))
      out.whole = false;
  shutdown(fd, SHUT_WR);
  std::array<char, 4'096> buffer{};
  ssize_t n = 0;
  while ((n = recv(fd, buffer.data(), buffer.size(), 0)) > 0)
    out.text.append(buffer.data(), static_cast<size_t>(n));
  fuzz::holds(n == 0 || errno == ECONNRESET, "an answer comes, or an end");
  out.whole = out.whole && n == 0;
  close(fd);
  return out;
}

std::string_view status_line(std::string_view text) {
  return text.substr(0, text.find("\r\n"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = fuzz::text_of(data, size);
  const auto whole = ask({bytes});
  fuzz::holds(whole.text.empty() || !whole.whole || whole.text.starts_with("HTTP/1.1 "),
              "what comes back is HTTP/1.1");
  const auto apart = ask(fuzz::pieces_of(bytes, 1 + size / 4));
  if (whole.whole && apart.whole)
    fuzz::same(status_line(whole.text), status_line(apart.text), "the status is the same in pieces");
  const auto next = ask({"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"});
  fuzz::holds(next.text.starts_with("HTTP/1.1 200 "), "the next client is served");
  return 0;
}
