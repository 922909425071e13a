#include "protocol/http/server_message.hpp"

#include <algorithm>

#include "protocol/base/json_writer.hpp"
#include "protocol/http/url.hpp"

namespace mw::http {

std::string_view reason(int status) {
  static constexpr std::pair<int, std::string_view> known[] = {
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {415, "Unsupported Media Type"},
      {422, "Unprocessable Content"},
      {429, "Too Many Requests"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
  };
  for (const auto& [code, text] : known)
    if (code == status) return text;
  return status < 400 ? "OK" : "Error";
}

namespace {

/// Field values are ours or a peer's text: a line break in one would start another header.
void append_header(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  for (const char c : value) out += (c == '\r' || c == '\n' || c == '\0') ? ' ' : c;
  out += "\r\n";
}

}  // namespace

std::string render(const server_response& r, std::string_view method, bool keep_alive) {
  std::string out;
  out.reserve(r.body.size() + 256);
  out += "HTTP/1.1 ";
  out += std::to_string(r.status);
  out += ' ';
  out += reason(r.status);
  out += "\r\n";
  const bool bodiless = r.status == 204 || r.status == 304;
  if (!bodiless) {
    if (!r.content_type.empty()) append_header(out, "Content-Type", r.content_type);
    append_header(out, "Content-Length", std::to_string(r.body.size()));
  }
  for (const auto& [name, value] : r.headers) append_header(out, name, value);
  append_header(out, "Connection", keep_alive ? "keep-alive" : "close");
  out += "\r\n";
  if (!bodiless && method != "HEAD") out += r.body;
  return out;
}

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> out;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    if (slash != 0) out.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return out;
}

std::string_view server_request::header(std::string_view name) const {
  for (const auto& [n, v] : headers)
    if (n == name) return v;
  return {};
}

std::string server_request::parameter(std::string_view name) const {
  std::string_view rest = query;
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    const size_t equals = pair.find('=');
    if (percent_decode(pair.substr(0, equals), true) == name)
      return equals == std::string_view::npos ? ""
                                              : percent_decode(pair.substr(equals + 1), true).value_or("");
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
  }
  return {};
}

server_response problem(int status, std::string_view title, std::string_view detail) {
  server_response r;
  r.status = status;
  r.content_type = "application/problem+json";
  json_writer{r.body}
      .begin_object()
      .field("type", "about:blank")
      .field("title", title)
      .field("status", status)
      .field("detail", detail)
      .end_object();
  return r;
}

}  // namespace mw::http
