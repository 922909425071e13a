// What token endpoints and Azure CLI answer, and the claims of a token. Holds: a token lives longer than
// nothing and at most 400 days; base64url is undone by its contrary; a failure has words in one line without
// control characters; memory is in proportion.
#include "protocol/azure/jwt.hpp"
#include "protocol/azure/token_answer.hpp"
#include "protocol/base/base64.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

namespace {

void is_sound(const result<azure::grant>& g) {
  constexpr std::chrono::hours longest{400 * 24};
  if (!g) return fuzz::has_words(g.error());
  fuzz::holds(!g->token.empty(), "a grant has a token");
  fuzz::holds(g->life > g->life.zero() && g->life <= longest, "a token's life is plausible");
  fuzz::holds(g->refresh_in >= g->life.zero() && g->refresh_in <= longest, "a token's refresh is plausible");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 400, 128 << 10};
  const std::chrono::system_clock::time_point now{std::chrono::seconds{1'780'000'000}};
  for (const int status : {200, 400, 401, 404, 429, 503}) {
    http::response r;
    r.status = status;
    r.body = text;
    r.headers = {{"date", std::string{text.substr(0, 40)}}};
    is_sound(azure::read_token_answer(r, now));
  }
  is_sound(azure::read_cli_answer(text, now));
  const auto coded = base64url(text);
  fuzz::holds(base64url_bytes(coded) == text, "base64url is undone by its contrary");
  const auto token = "e30." + coded + ".x";
  fuzz::holds(azure::jwt_payload(token) == text, "a token's payload is its second part");
  for (const auto& one : {token, std::string{text}}) {
    azure::jwt_text(one, "oid");
    azure::jwt_number(one, "exp");
  }
  for (const char c : azure::first_words(text))
    fuzz::holds(static_cast<unsigned char>(c) >= ' ' && c != 127, "words have no control characters");
  return 0;
}
