// Entra's error bodies. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "protocol/http/server.hpp"

namespace mw::devstack {

/// {"error","error_description":"AADSTSn: ... Trace ID: ...","error_codes":[n],...}
http::server_response aadsts(int status, std::string_view error, int code, std::string_view text);

/// An application/x-www-form-urlencoded body; nullopt where it is none.
std::optional<std::map<std::string, std::string>> parse_form(std::string_view body);

http::server_response json_response(int status, std::string body);

}  // namespace mw::devstack
