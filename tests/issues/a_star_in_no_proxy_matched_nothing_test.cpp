// NO_PROXY=*.svc, as clusters are set up, matched nothing: the Memory API was asked through the proxy.
#include <doctest/doctest.h>

#include <map>

#include "protocol/http/proxy.hpp"

using mw::http::proxy_rules;

namespace {

using environment = std::map<std::string, std::string>;

proxy_rules rules(environment e) {
  return proxy_rules{[e = std::move(e)](const char* name) {
    const auto at = e.find(name);
    return at == e.end() ? std::string{} : at->second;
  }};
}

/// Whether a proxy for everything is passed by.
bool direct(std::string no_proxy, std::string_view url) {
  return rules({{"all_proxy", "http://proxy:3128"}, {"no_proxy", std::move(no_proxy)}})
      .proxy_for(url)
      .empty();
}

}  // namespace

TEST_CASE("stars in NO_PROXY stand for anything within a name") {
  CHECK(direct("127.0.0.1,*.svc", "http://memory-api.default.svc:8003/x"));
  CHECK(direct("*.svc.cluster.local", "http://memory-api.default.svc.cluster.local"));
  CHECK(direct("*.svc.cluster.local", "http://memory-api.default.svc.cluster.local.:8003"));
  CHECK(direct("10.1.*", "http://10.1.2.3:80/"));
  CHECK(direct("*", "https://anything.example"));
  CHECK(direct("memory-*.svc", "http://MEMORY-api.SVC"));
  CHECK_FALSE(direct("*.svc", "http://svc.example.net"));
  CHECK_FALSE(direct("*.svc", "http://memory-api.default.svc.cluster.local"));
}

TEST_CASE("a name stands for its subdomains, with a leading dot or without") {
  for (const auto* list : {".svc", "svc", "example.net .svc", "example.net,\t.svc\n", "\".svc\""}) {
    CAPTURE(list);
    CHECK(direct(list, "http://memory-api.default.svc/"));
    CHECK_FALSE(direct(list, "http://memory-apisvc/"));
  }
  CHECK(direct("memory-api", "http://memory-api:8003/internal/context?a=b@c"));
  CHECK_FALSE(direct("api", "http://memory-api:8003"));
}

TEST_CASE("blocks of addresses and ports in NO_PROXY") {
  CHECK(direct("10.0.0.0/8", "http://10.96.0.12:8003"));
  CHECK_FALSE(direct("10.0.0.0/8", "http://11.96.0.12:8003"));
  CHECK(direct("192.168.4.0/22", "http://192.168.7.255"));
  CHECK_FALSE(direct("192.168.4.0/22", "http://192.168.8.0"));
  CHECK(direct("fd00::/8", "http://[fd12::1]:8003/"));
  CHECK(direct("::1", "http://[::1]:8003/"));
  CHECK(direct("[::1]", "http://[0:0:0:0:0:0:0:1]/"));
  CHECK_FALSE(direct("10.0.0.0/8", "http://ten.example.net"));
  CHECK_FALSE(direct("0.0.0.0/x", "http://memory-api"));
  CHECK(direct("memory-api:8003", "http://memory-api:8003/"));
  CHECK_FALSE(direct("memory-api:8003", "http://memory-api:8004/"));
  CHECK(direct("memory-api:443", "https://memory-api/"));
  CHECK(direct("10.0.0.1:80", "http://user:p@10.0.0.1"));
}

TEST_CASE("each scheme has its proxy, and its value is taken without what stands round it") {
  const auto r = rules({{"http_proxy", "\"http://one:1\"\n"}, {"HTTPS_PROXY", "http://two:2 "}});
  CHECK(r.proxy_for("http://a") == "http://one:1");
  CHECK(r.proxy_for("https://a") == "http://two:2");
  CHECK(rules({{"ALL_PROXY", "socks5://s"}}).proxy_for("http://a") == "socks5://s");
  CHECK_FALSE(rules({{"HTTP_PROXY", "http://cgi"}}).any());
  CHECK_FALSE(rules({{"http_proxy", " \n"}}).any());
  CHECK(rules({{"http_proxy", "http://p"}, {"no_proxy", " "}, {"NO_PROXY", "a"}})
            .proxy_for("http://a")
            .empty());
}
