// The Entra stand-in in this process and an identity that asks it, or whatever else a test configures.
#pragma once

#include <doctest/doctest.h>

#include <ctime>
#include <future>

#include "cmd/memory-devstack/entra/service.hpp"
#include "protocol/azure/default_identity.hpp"

namespace mw::azure::test {

inline constexpr const char* scope = service_bus_scope;

class entra {
 public:
  explicit entra(devstack::entra_options o = {})
      : options(o),
        service_(
            o, [](std::chrono::milliseconds) { return false; },
            [] { return static_cast<int64_t>(std::time(nullptr)); }) {
    auto started = http::server::start({.threads = 4},
                                       [this](const http::server_request& r) { return service_.handle(r); });
    REQUIRE(started);
    server_ = std::move(*started);
  }
  uint16_t port() const { return server_->port(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  void faults(const std::string& rules) {
    const auto answer = admin("POST", "/_admin/faults", R"({"clear":true,"faults":[)" + rules + "]}");
    CHECK(answer.status == 200);
  }
  bool counted(const std::string& text) {
    return admin("GET", "/_admin/stats").body.find(text) != std::string::npos;
  }
  http::server_response admin(const std::string& method, const std::string& path,
                              const std::string& body = "") {
    http::server_request r;
    r.method = method;
    r.path = path;
    r.body = body;
    return service_.handle(r);
  }

  devstack::entra_options options;

 private:
  devstack::entra_service service_;
  std::unique_ptr<http::server> server_;
};

/// A port of this machine that nobody listens on.
inline constexpr const char* nobody = "http://127.0.0.1:9";

class worker {
 public:
  client_identity client;
  identity_endpoint managed{.imds_host = nobody};
  std::string ca_file;
  milliseconds request_timeout{5'000};
  milliseconds command_timeout{5'000};

  /// Everything that the client secret link needs.
  static worker with_secret(const entra& e) {
    worker w;
    w.client = {e.url(), e.options.tenant, e.options.client_id, e.options.client_secret, ""};
    return w;
  }
  result<access_token> get(const std::string& what = scope) {
    if (!identity_) start();
    std::promise<result<access_token>> told;
    identity_->get(what, [&](result<access_token> r) { told.set_value(std::move(r)); });
    auto answer = told.get_future();
    REQUIRE(answer.wait_for(std::chrono::seconds{30}) == std::future_status::ready);
    return answer.get();
  }
  failure get_and_fail(const std::string& what = scope) {
    const auto r = get(what);
    REQUIRE_FALSE(r);
    return r.error();
  }
  std::string used_link(const std::string& what = scope) const {
    for (const auto& l : identity_->report(what))
      if (l.used) return l.link;
    return {};
  }

 private:
  void start() {
    thread_ = std::make_unique<io::loop_thread>();
    http_ = std::make_unique<http::client>(thread_->get(), http::client_options{.ca_file = ca_file});
    credential_context m{.loop = thread_->get(), .http = *http_};
    m.retry_unit = milliseconds{1};
    m.request_timeout = request_timeout;
    m.command_timeout = command_timeout;
    identity_ = make_default_identity(m, client, managed, {});
  }
  std::unique_ptr<io::loop_thread> thread_;
  std::unique_ptr<http::client> http_;
  std::shared_ptr<identity> identity_;
};

}  // namespace mw::azure::test
