// The bytes of a Redis reply were capped, but an item takes twenty times the four bytes that announce an
// empty one: a reply within the cap made the worker hold hundreds of megabytes. Only the items of one array
// were counted.
#include <doctest/doctest.h>

#include "protocol/redis/reply_reader.hpp"

namespace mw::redis {
namespace {

constexpr size_t cap = 9u << 20;

std::string repeated(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out.append(text);
  return out;
}

status read(std::string_view bytes, size_t& replies) {
  reply_reader reader{cap, [&](const raw_reply&) {
                        ++replies;
                        return true;
                      }};
  return reader.receive(bytes);
}

TEST_CASE("a reply of very many items is too large, in one array or in several") {
  for (const auto& bytes : {"*1000000\r\n" + repeated("*0\r\n", 1'000'000),
                            "*1000\r\n" + repeated("*1000\r\n" + repeated(":1\r\n", 1'000), 1'000),
                            repeated("*2\r\n*100000\r\n" + repeated(":1\r\n", 100'000), 4)}) {
    size_t replies = 0;
    const auto end = read(bytes, replies);
    REQUIRE_FALSE(end);
    CHECK(end.error().code == errc::too_large);
    CHECK(replies == 0);
  }
}

TEST_CASE("each reply has its own count, and the slots of a large cluster fit into one") {
  size_t replies = 0;
  CHECK(read(repeated("*1000\r\n" + repeated(":1\r\n", 1'000), 500), replies).has_value());
  CHECK(replies == 500);
  const std::string node = "*3\r\n$9\r\n127.0.0.1\r\n:7000\r\n$2\r\nid\r\n";
  CHECK(read("*8192\r\n" + repeated("*5\r\n:0\r\n:1\r\n" + repeated(node, 3), 8'192), replies).has_value());
  CHECK(replies == 501);
}

}  // namespace
}  // namespace mw::redis
