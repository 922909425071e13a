// What the service refuses before it looks at a document: authorization, dates, versions, partition keys.
// Each returns the refusal, or nothing. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/http/server.hpp"

namespace mw::cosmos_standin {

struct access {
  std::string key;       ///< the master key's bytes; empty: no key is taken
  bool entra = true;     ///< whether Entra tokens are taken
  std::string audience;  ///< the `aud` a token must have; empty: any
};

/// {"code":..,"message":..} with the usual headers.
http::server_response refusal(int status, std::string_view code, std::string_view message, int substatus = 0);

std::optional<http::server_response> check_authorization(const http::server_request& r, const access& a,
                                                         std::string_view resource_type,
                                                         std::string_view link,
                                                         std::chrono::system_clock::time_point now);
std::optional<http::server_response> check_version(const http::server_request& r);

/// The one string in x-ms-documentdb-partitionkey; nullopt: absent, not ASCII, or not such an array.
std::optional<std::string> partition_of(const http::server_request& r);
/// Whether Cosmos DB takes it as a document's id.
bool takes_id(std::string_view id);

}  // namespace mw::cosmos_standin
