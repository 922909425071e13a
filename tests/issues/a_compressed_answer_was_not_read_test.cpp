// A gateway that compressed its answers unasked made them unreadable: each was paid for again and again.
#include <zlib.h>

#include "tests/issues/llm_answers.hpp"

namespace mw::test {
namespace {

/// As gzip (31), zlib (15) or bare deflate (-15).
std::string compressed(std::string text, int window) {
  z_stream z{};
  REQUIRE(deflateInit2(&z, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(text.data());
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&z, Z_FINISH) == Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

analysed analyse_encoded(std::string body, const char* encoding, int status = 200) {
  http::server_response r;
  r.status = status;
  if (encoding != nullptr) r.headers = {{"content-encoding", encoding}};
  r.body = std::move(body);
  return analyse(r);
}

failure failure_of(const analysed& a) {
  REQUIRE_FALSE(a.answer.outcome);
  return a.answer.outcome.error();
}

TEST_CASE("an answer compressed unasked is read, whether its header came along or not") {
  CHECK(analyse(response_of("gzip_not_asked_for")).answer.outcome);
  const auto body = completion_with_text(good_answer());
  CHECK(analyse_encoded(compressed(body, 31), "gzip").answer.outcome);
  CHECK(analyse_encoded(compressed(body, 31), "x-gzip").answer.outcome);
  CHECK(analyse_encoded(compressed(body, 31), "GZIP").answer.outcome);
  CHECK(analyse_encoded(compressed(body, 31), nullptr).answer.outcome);
  CHECK(analyse_encoded(compressed(body, 15), "deflate").answer.outcome);
  CHECK(analyse_encoded(compressed(body, -15), "deflate").answer.outcome);
  CHECK(analyse_encoded(compressed(compressed(body, 31), 31), "gzip, gzip").answer.outcome);
  CHECK(analyse_encoded(body, "identity").answer.outcome);
  CHECK(analyse_encoded(body, "gzip").answer.outcome);
  CHECK(analyse_encoded(body, "deflate").answer.outcome);
}

TEST_CASE("what cannot be decoded is named") {
  const auto body = completion_with_text(good_answer());
  const auto br = failure_of(analyse_encoded("\x1b\x2a", "br"));
  CHECK(br.code == errc::malformed);
  CHECK(br.detail.find("encoded as br") != std::string::npos);
  const auto packed = compressed(body, 31);
  const auto cut = failure_of(analyse_encoded(packed.substr(0, packed.size() / 2), "gzip"));
  CHECK(cut.code == errc::malformed);
  CHECK(cut.detail.find("gzip") != std::string::npos);
  CHECK(failure_of(analyse_encoded("x", "a secret\x01")).detail.find("secret") == std::string::npos);
}

TEST_CASE("of an error the status says enough, however its body is encoded") {
  CHECK(failure_of(analyse_encoded("\x1b\x2a", "br", 429)).code == errc::throttled);
  CHECK(failure_of(analyse_encoded(compressed(R"({"error":{"code":429}})", 31), "gzip")).code ==
        errc::throttled);
}

TEST_CASE("a small body that unpacks to a giant one is refused before it is held") {
  const auto bomb = compressed(std::string(64u << 20, ' '), 31);
  CHECK(bomb.size() < 128u << 10);
  CHECK(failure_of(analyse_encoded(bomb, "gzip")).code == errc::too_large);
}

}  // namespace
}  // namespace mw::test
