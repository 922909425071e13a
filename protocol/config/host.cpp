#include "protocol/config/host.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace mw::config {

namespace {

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || static_cast<unsigned char>(c) >= 0x80;
  });
}

/// With its zone, as fe80::1%eth0.
bool is_ipv6(std::string_view text) {
  const std::string address{text.substr(0, text.find('%'))};
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1;
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

struct parts {
  std::string_view scheme;
  std::string_view host;  ///< empty: none is to be seen
  std::string_view port;
  bool login = false;
};

parts parts_of(std::string_view text) {
  parts p;
  if (const size_t at = text.find("://"); at != std::string_view::npos) {
    p.scheme = text.substr(0, at);
    text.remove_prefix(at + 3);
  }
  const size_t end = text.find_first_of("/?#,; \t");
  p.login = end != std::string_view::npos && text.find('=', end) != std::string_view::npos;
  text = text.substr(0, end);
  if (const size_t at = text.rfind('@'); at != std::string_view::npos) {
    p.login = true;
    text.remove_prefix(at + 1);
  }
  if (text.starts_with('[')) {
    const size_t close = std::min(text.find(']'), text.size());
    p.host = text.substr(1, close - 1);
    text.remove_prefix(std::min(close + 1, text.size()));
    if (!is_ipv6(p.host)) p.host = {};
  } else {
    p.host = text.substr(0, text.find(':'));
    text.remove_prefix(p.host.size());
    if (!is_name(p.host)) p.host = {};
  }
  if (text.starts_with(':') && is_port(text.substr(1))) p.port = text.substr(1);
  return p;
}

/// The variable that sets a key of the same section, or its name on the command line.
std::string way_to_set(const option& o, std::string_view key) {
  const auto* const other = find_option(o.section, key);
  if (other != nullptr && !other->environment.empty()) return std::string{other->environment.front()};
  return fmt::format("--{}.{}", o.section, key);
}

}  // namespace

status check_host(const option& o, std::string_view text) {
  if (text.empty() || is_name(text) || is_ipv6(text)) return ok;
  const auto p = parts_of(text);
  const bool url = !p.scheme.empty();
  std::string words = fmt::format("expected the name or address of a host alone{}",
                                  url ? ", got a URL" : (p.port.empty() ? "" : ", got host and port"));
  const auto port = way_to_set(o, "port");
  if (p.host.empty()) {
    words += fmt::format("; its port goes into {}", port);
    return fail(errc::misconfigured, std::move(words));
  }
  words += fmt::format("; write {}={}", way_to_set(o, o.key), p.host);
  words +=
      p.port.empty() ? fmt::format(", and its port into {}", port) : fmt::format(" and {}={}", port, p.port);
  if (p.scheme == "redis" || p.scheme == "rediss")
    words += fmt::format(" and {}={}", way_to_set(o, "tls"), p.scheme == "rediss");
  if (p.login && find_option(o.section, "password") != nullptr)
    words += fmt::format("; user and password go into {} and {}", way_to_set(o, "username"),
                         way_to_set(o, "password"));
  return fail(errc::misconfigured, std::move(words));
}

}  // namespace mw::config
