#include "protocol/http/proxy.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "protocol/base/ascii.hpp"
#include "protocol/base/bare_text.hpp"

namespace mw::http {
namespace {

constexpr int no_block = 1'000;  // more bits than an address has

struct address {
  std::array<unsigned char, 16> bytes{};
  int size = 0;  ///< bits; 0: the text is none
};

address address_of(const std::string& text) {
  address a;
  if (inet_pton(AF_INET, text.c_str(), a.bytes.data()) == 1)
    a.size = 32;
  else if (inet_pton(AF_INET6, text.c_str(), a.bytes.data()) == 1)
    a.size = 128;
  return a;
}

bool same_block(const address& a, const address& b, int bits) {
  if (a.size == 0 || a.size != b.size || bits > a.size) return false;
  for (int i = 0; i < bits; ++i) {
    const auto byte = static_cast<size_t>(i / 8);
    if (((a.bytes.at(byte) ^ b.bytes.at(byte)) >> (7 - i % 8) & 1) != 0) return false;
  }
  return true;
}

/// Stars stand for anything, dots included.
bool matches(std::string_view pattern, std::string_view text) {
  size_t star = std::string_view::npos;
  size_t from = 0;
  size_t p = 0;
  size_t t = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

uint16_t number_of(std::string_view digits) {
  uint16_t n = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  return error == std::errc{} && end == digits.data() + digits.size() ? n : uint16_t{0};
}

struct place {
  std::string host;
  uint16_t port = 0;
};

/// HOST, HOST:PORT, [ADDRESS]:PORT, or a bare IPv6 address.
place place_of(std::string_view text) {
  place out;
  std::string_view host = text;
  if (text.starts_with('[')) {
    const size_t close = std::min(text.find(']'), text.size());
    host = text.substr(1, close - 1);
    if (close + 1 < text.size() && text[close + 1] == ':') out.port = number_of(text.substr(close + 2));
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    host = text.substr(0, text.find(':'));
    out.port = number_of(text.substr(host.size() + 1));
  }
  while (host.ends_with('.')) host.remove_suffix(1);
  out.host = lower_case(host);
  return out;
}

std::string either(const std::function<std::string(const char*)>& variable, const char* first,
                   const char* second) {
  auto value = std::string{bare_text(variable(first))};
  return value.empty() ? std::string{bare_text(variable(second))} : value;
}

}  // namespace

proxy_rules::pattern proxy_rules::read_pattern(std::string_view text) {
  pattern p;
  const size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const auto digits = text.substr(slash + 1);
    const bool number = !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
    p.bits = number ? number_of(digits) : no_block;
  }
  auto where = place_of(text.substr(0, slash));
  p.port = where.port;
  p.host = std::move(where.host);
  while (p.host.starts_with('.')) p.host.erase(0, 1);
  return p;
}

bool proxy_rules::covers(const pattern& p, const std::string& host, uint16_t port) {
  if (p.port != 0 && p.port != port) return false;
  const auto asked = address_of(host);
  if (const auto named = address_of(p.host); named.size != 0)
    return same_block(named, asked, p.bits < 0 ? named.size : p.bits);
  if (p.bits >= 0) return false;
  if (p.host.find('*') != std::string::npos) return matches(p.host, host);
  if (p.host.empty() || asked.size != 0 || !host.ends_with(p.host)) return false;
  return host.size() == p.host.size() || host[host.size() - p.host.size() - 1] == '.';
}

proxy_rules::proxy_rules(const std::function<std::string(const char*)>& variable) {
  const auto all = either(variable, "all_proxy", "ALL_PROXY");
  http_ = std::string{bare_text(variable("http_proxy"))};
  https_ = either(variable, "https_proxy", "HTTPS_PROXY");
  if (http_.empty()) http_ = all;
  if (https_.empty()) https_ = all;
  const auto list = either(variable, "no_proxy", "NO_PROXY");
  constexpr std::string_view between = ", \t\r\n";
  for (size_t at = list.find_first_not_of(between); at != std::string::npos;) {
    const size_t end = std::min(list.find_first_of(between, at), list.size());
    direct_.push_back(read_pattern(std::string_view{list}.substr(at, end - at)));
    at = list.find_first_not_of(between, end);
  }
}

proxy_rules proxy_rules::of_environment() {
  return proxy_rules{[](const char* name) -> std::string {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets the environment
    return value != nullptr ? value : "";
  }};
}

const std::string& proxy_rules::proxy_for(std::string_view url) const {
  static const std::string none;
  const bool https = url.starts_with("https://");
  const std::string& proxy = https ? https_ : http_;
  if (proxy.empty()) return none;
  url.remove_prefix(std::min(url.size(), url.find("://") + 3));
  url = url.substr(0, url.find_first_of("/?#"));
  if (const size_t at = url.rfind('@'); at != std::string_view::npos) url.remove_prefix(at + 1);
  auto where = place_of(url);
  if (where.port == 0) where.port = https ? 443 : 80;
  const bool direct = std::any_of(direct_.begin(), direct_.end(),
                                  [&](const pattern& p) { return covers(p, where.host, where.port); });
  return direct ? none : proxy;
}

}  // namespace mw::http
