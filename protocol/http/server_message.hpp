// What the server reads and writes as text, apart from sockets: answers as HTTP/1.1 bytes, paths as segments.
// Pure; used by server.cpp only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/http/server.hpp"

namespace mw::http {

/// The status line's words.
std::string_view reason(int status);
/// The whole answer; no body for HEAD, 204 and 304. Line breaks in header values become spaces.
std::string render(const server_response& r, std::string_view method, bool keep_alive);
/// The non-empty parts between slashes, still percent-coded.
std::vector<std::string_view> split_path(std::string_view path);

}  // namespace mw::http
