#include "protocol/base/base64.hpp"

#include <doctest/doctest.h>
#include <array>

#include "protocol/base/hex.hpp"

using namespace mw;

TEST_CASE("base64: the vectors of RFC 4648, both ways") {
  constexpr std::array<std::array<std::string_view, 2>, 7> vectors{{{"", ""},
                                                                    {"f", "Zg=="},
                                                                    {"fo", "Zm8="},
                                                                    {"foo", "Zm9v"},
                                                                    {"foob", "Zm9vYg=="},
                                                                    {"fooba", "Zm9vYmE="},
                                                                    {"foobar", "Zm9vYmFy"}}};
  for (const auto& [plain, coded] : vectors) {
    CAPTURE(plain);
    CHECK(base64(plain) == coded);
    CHECK(base64_bytes(coded) == plain);
    const auto bare = coded.substr(0, coded.find('='));
    CHECK(base64url(plain) == bare);
    CHECK(base64url_bytes(bare) == plain);
  }
}

TEST_CASE("base64: every byte survives, and each kind keeps to its own signs") {
  std::string all;
  for (int byte = 255; byte >= 0; --byte) all.push_back(static_cast<char>(byte));
  for (size_t from = 0; from < 3; ++from) {
    const auto bytes = std::string_view{all}.substr(from);
    CHECK(base64_bytes(base64(bytes)) == bytes);
    CHECK(base64url_bytes(base64url(bytes)) == bytes);
  }
  CHECK(base64("\xfb\xff") == "+/8=");
  CHECK(base64url("\xfb\xff") == "-_8");
  CHECK_FALSE(base64url_bytes("+/8"));
  CHECK_FALSE(base64url_bytes("-_8="));
  CHECK_FALSE(base64url_bytes("a"));
  CHECK_FALSE(base64_bytes("-_8="));
}

TEST_CASE("hex: digits of either case are read, lower case is written") {
  const std::array<uint8_t, 4> bytes{0x00, 0x9f, 0xa0, 0xff};
  CHECK(mw::hex(bytes) == "009fa0ff");
  CHECK(hex_value('a') == 10);
  CHECK(hex_value('F') == 15);
  CHECK(hex_value('g') == -1);
  std::string escaped;
  append_percent(escaped, '\xe4');
  CHECK(escaped == "%E4");
}
