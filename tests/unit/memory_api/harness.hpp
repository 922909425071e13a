// A Memory API in this process for the cases of this module: a store in a folder of its own, the routes with
// or without a socket, and a clock that the case sets.
#pragma once

#include <filesystem>
#include <future>

#include "cmd/memory-api/service.hpp"
#include "cmd/memory-api/sqlite_store.hpp"
#include "protocol/http/client.hpp"
#include "protocol/http/server.hpp"
#include "protocol/memory_api/http_store.hpp"

namespace mw::memory_api {

/// A new folder, removed with everything in it.
class scratch_folder {
 public:
  scratch_folder();
  ~scratch_folder();
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  std::string file(std::string_view name) const { return (path_ / name).string(); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::unique_ptr<api::sqlite_store> open_store(const std::string& path);

/// The routes without a socket.
class routes {
 public:
  explicit routes(std::string token = {}, std::vector<std::string> cors = {"*"});
  http::server_response ask(std::string_view method, std::string_view target, std::string_view body = {},
                            std::vector<std::pair<std::string, std::string>> headers = {}) const;
  api::sqlite_store& store() { return *store_; }
  const scratch_folder& folder() const { return folder_; }
  wall_time now;

 private:
  scratch_folder folder_;
  std::unique_ptr<api::sqlite_store> store_;
  api::log log_{log_level::error};
  std::unique_ptr<api::service> service_;
};

/// A server on a port of its own with any handler, and a store client that talks to it.
class served {
 public:
  explicit served(http::server::handler handler, std::string token = {});
  memory::store& store() { return *store_; }

  result<memory::context> read(const std::string& user, const std::string& session);
  result<memory::commit_reply> write(const memory::commit& c);
  status probe();

 private:
  std::unique_ptr<http::server> server_;
  io::loop_thread loop_;
  http::client client_;
  std::unique_ptr<memory::store> store_;
};

/// Message number n of a session, at second n of its life.
memory::watermark position(int n);
/// Over the messages after `base` (0: none) up to `through`.
memory::commit commit_over(std::string user, std::string session, int base, int through);
memory::operation addition(std::string item, int evidence, memory::category in = memory::category::interests);
/// The header's value, or empty.
std::string header_of(const http::server_response& r, std::string_view name);

}  // namespace mw::memory_api
