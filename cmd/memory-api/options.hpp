// Command line and environment of memory-api. Flags win over the environment; errors are errc::misconfigured,
// one line that names the option and the fix.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "protocol/base/errors.hpp"
#include "protocol/base/log_level.hpp"

namespace mw::api {

enum class store_kind : uint8_t { sqlite, cosmos };

struct cosmos_access {
  std::string endpoint;  ///< COSMOS_ENDPOINT
  std::string key;       ///< COSMOS_KEY, a secret; empty: Entra
  std::string database = "memory";
  std::string conversations = "conversations";
  std::string user_memories = "user-memories";
};

/// The environment's AZURE_* and IDENTITY_* variables, as every Azure SDK reads them.
struct entra_access {
  std::string tenant_id;
  std::string client_id;
  std::string client_secret;
  std::string federated_token_file;
  std::string authority_host = "https://login.microsoftonline.com";
  std::string identity_endpoint;
  std::string identity_header;
  std::string imds_host = "http://169.254.169.254";
  std::string ca_file;  ///< SSL_CERT_FILE; empty: the system's
};

struct options {
  store_kind store = store_kind::sqlite;
  cosmos_access cosmos;
  entra_access entra;
  std::string bind = "127.0.0.1";
  uint16_t port = 8003;
  std::string data = "./memory.db";
  std::string token;                           ///< empty: no authentication
  std::vector<std::string> cors_origins{"*"};  ///< "*" alone, or exact origins; empty: none
  unsigned threads = 96;
  log_level level = log_level::info;
  std::vector<std::string> trimmed;  ///< variables round whose value blanks, a line break or quotes stood
  bool help = false;
  bool version = false;
};

/// `environment` returns the value of a variable, empty where it is not set.
result<options> read_options(const std::vector<std::string>& arguments,
                             const std::function<std::string(const char*)>& environment);
std::string_view usage_text();
/// Whether only this machine can reach that address.
bool is_loopback(std::string_view bind);

}  // namespace mw::api
