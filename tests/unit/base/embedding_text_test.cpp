#include <doctest/doctest.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "protocol/base/base64.hpp"
#include "protocol/base/float_text.hpp"

namespace mw {
namespace {

float read_back(const std::string& text) {
  float v = 0;
  const auto r = std::from_chars(text.data(), text.data() + text.size(), v);
  REQUIRE(r.ec == std::errc{});
  REQUIRE(r.ptr == text.data() + text.size());
  return v;
}

std::string text_of(float v) {
  std::string out;
  append_floats(out, {v});
  return out;
}

TEST_CASE("every float is read back as the same float") {
  std::mt19937_64 random{17};
  std::normal_distribution<float> usual{0, 0.02F};
  for (int n = 0; n < 200'000; ++n) {
    const float v = usual(random);
    REQUIRE(read_back(text_of(v)) == v);
  }
  for (int n = 0; n < 200'000; ++n) {
    const auto bits = static_cast<uint32_t>(random());
    float v = 0;
    std::memcpy(&v, &bits, sizeof v);
    if (std::isfinite(v)) REQUIRE(read_back(text_of(v)) == v);
  }
  for (const float v : {0.1F, 0.01F, 0.001F, 0.0001F, 0.00001F, 1.0F, 0.99999994F, 0.09999999F, 1e-5F,
                        9.9999997e-6F, std::numeric_limits<float>::min(),
                        std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::max()}) {
    REQUIRE(read_back(text_of(v)) == v);
    REQUIRE(read_back(text_of(-v)) == -v);
  }
}

TEST_CASE("floats stand with commas between them, short ones short, and what is no number is 0") {
  std::string out{"["};
  append_floats(out,
                {0.5F, -0.25F, 0.0F, 1.0F, -3.0F, std::nanf(""), std::numeric_limits<float>::infinity()});
  CHECK(out == "[0.5,-0.25,0,1,-3,0,0");
  out.clear();
  append_floats(out, {});
  CHECK(out.empty());
}

TEST_CASE("base64 is read with its padding, and nothing else is base64") {
  CHECK(base64_bytes("") == "");
  CHECK(base64_bytes("Zg==") == "f");
  CHECK(base64_bytes("Zm8=") == "fo");
  CHECK(base64_bytes("Zm9v") == "foo");
  CHECK(base64_bytes("AACAPwAAAMA=") == std::string("\0\0\x80\x3f\0\0\0\xc0", 8));
  CHECK(base64_bytes("+/+/") == "\xfb\xff\xbf");
  for (const char* wrong :
       {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zm9v====", "Zg==Zg==", "Zm-_", "Zm 9", "Zm9v\n"})
    CHECK_FALSE(base64_bytes(wrong));
}

}  // namespace
}  // namespace mw
