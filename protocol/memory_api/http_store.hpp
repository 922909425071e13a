// memory::store over HTTP: our Memory API (cmd/memory-api), one request for a read, one for a commit. Used by
// the worker's session_loader and memory_writer; callable from any thread, `done` runs once on the client's
// loop thread. Every request has the time-out given here. Failures carry dependency::memory and say what to
// do; the store's own words are taken over only from problem+json answers, cut short. A Memory API without
// /internal/context is reported by probe() as errc::misconfigured.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "protocol/http/client.hpp"
#include "protocol/memory/store.hpp"

namespace mw::memory_api {

struct http_store_options {
  std::string endpoint;  ///< "http://memory-api:8003", a path prefix is kept, a trailing slash is not
  std::string token;     ///< sent as bearer token; empty: none
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds total_timeout{30'000};
  size_t max_response_bytes = 16u << 20;
};

class http_store : public memory::store {
 public:
  /// The client must outlive the store and its requests. errc::misconfigured: not an http(s) URL.
  static result<std::unique_ptr<http_store>> make(http::client& client, http_store_options options);

  void read(const std::string& user_id, const std::string& session_id,
            std::function<void(result<memory::context>)> done) override;
  void write(const memory::commit& c, std::string as_json,
             std::function<void(result<memory::commit_reply>)> done) override;
  void probe(std::function<void(status)> done) override;

 private:
  http_store(http::client& client, http_store_options options);
  http::request request(const char* method, std::string path) const;

  http::client& client_;
  http_store_options options_;
};

/// What an answer other than 200 means, with retry_after where the peer said it.
failure failure_of(const http::response& r);

}  // namespace mw::memory_api
