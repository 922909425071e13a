// `curl -X POST .../flush?user=U` sends neither a body nor a length: the answer was 411.
#include <doctest/doctest.h>

#include "protocol/http/server.hpp"
#include "tests/unit/http/raw_peer.hpp"

using mw::http::testing::raw_peer;

namespace {

constexpr std::string_view head = "POST /flush?user=person-60 HTTP/1.1\r\nHost: 127.0.0.1\r\n";

/// Says how long the body was that it got.
std::unique_ptr<mw::http::server> start(size_t max_body_bytes = 100) {
  mw::http::server_options options;
  options.max_body_bytes = max_body_bytes;
  auto made = mw::http::server::start(options, [](const mw::http::server_request& r) {
    mw::http::server_response answer;
    answer.body = r.parameter("user") + " got " + r.body;
    return answer;
  });
  REQUIRE(made);
  return std::move(*made);
}

std::string ask(std::string_view rest, size_t max_body_bytes = 100) {
  const auto s = start(max_body_bytes);
  return raw_peer{s->port()}.exchange(std::string{head} + std::string{rest});
}

bool answered(const std::string& text, std::string_view body) {
  return text.find("HTTP/1.1 200 OK\r\n") != std::string::npos &&
         text.ends_with("\r\n\r\nperson-60 got " + std::string{body});
}

}  // namespace

TEST_CASE("a POST without body and length is answered") {
  CHECK(answered(ask("\r\n"), ""));
  CHECK(answered(ask("Connection: close\r\n\r\n"), ""));
  CHECK(answered(ask("Content-Length: 0\r\nConnection: close\r\n\r\n"), ""));
}

TEST_CASE("a body comes with its length or in chunks, and at once or with 100 Continue") {
  CHECK(answered(ask("Content-Length: 2\r\nConnection: close\r\n\r\nab"), "ab"));
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  CHECK(answered(ask(chunked + "\r\n0\r\n\r\n"), ""));
  CHECK(answered(ask(chunked + "\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"), "abcde"));
  CHECK(answered(ask(chunked + "Expect: 100-continue\r\n\r\n2\r\nab\r\n0\r\n\r\n"), "ab"));
}

TEST_CASE("chunks are bounded like any body, and broken ones are refused") {
  const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n";
  CHECK(ask(chunked + "4\r\nabcd\r\n0\r\n\r\n", 3).find("HTTP/1.1 413 ") != std::string::npos);
  CHECK(ask(chunked + "zz\r\nab\r\n0\r\n\r\n").find("HTTP/1.1 400 ") != std::string::npos);
}

TEST_CASE("a connection that sent no length is closed: what follows would be taken for a body or be lost") {
  CHECK(ask("\r\n").find("Connection: close\r\n") != std::string::npos);
}
