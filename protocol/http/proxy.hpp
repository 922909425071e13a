// Which proxy of the environment a request goes through, for every HTTP client of the process: http_proxy,
// https_proxy and all_proxy, passed by what no_proxy lists (capitals too, but not HTTP_PROXY: a CGI request
// could set it). libcurl knows no stars and no ports in that list, and takes a proxy's address with the line
// break behind it. Patterns:
// "*"; a name, which stands for its subdomains as well (a leading dot makes no difference); stars within a
// name, as
// *.svc or 10.0.*; an address; a block of addresses, as 10.0.0.0/8; each with or without :PORT. Divided by
// commas and blanks. Names are not looked up: a block holds addresses only. Pure but for of_environment().
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace mw::http {

class proxy_rules {
 public:
  /// `variable` gives a variable's value, empty where it is not set.
  explicit proxy_rules(const std::function<std::string(const char*)>& variable);
  static proxy_rules of_environment();

  /// The proxy for this URL; empty: none.
  const std::string& proxy_for(std::string_view url) const;
  bool any() const { return !http_.empty() || !https_.empty(); }
  bool any_for_https() const { return !https_.empty(); }

 private:
  struct pattern {
    std::string host;   ///< lower case, without brackets, leading and trailing dot
    uint16_t port = 0;  ///< 0: every
    int bits = -1;      ///< of a block of addresses
  };
  static pattern read_pattern(std::string_view text);
  static bool covers(const pattern& p, const std::string& host, uint16_t port);

  std::string http_;
  std::string https_;
  std::vector<pattern> direct_;
};

}  // namespace mw::http
