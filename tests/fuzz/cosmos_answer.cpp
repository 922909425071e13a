// An answer of Cosmos DB: the first line is the value of its headers, the rest its body. Holds: a pause is
// shorter than what is left; a failure has words in one line; session tokens stay bounded, and what is noted
// again changes nothing; a date that was read is written the same; memory is in proportion.
#include "protocol/cosmos/answers.hpp"
#include "protocol/cosmos/session_tokens.hpp"
#include "protocol/cosmos/signing.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto body = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 400, 128 << 10};
  const auto header = fuzz::take_line(body);
  const std::chrono::system_clock::time_point now{std::chrono::seconds{1'780'000'000}};
  http::response r;
  for (const char* name :
       {"x-ms-substatus", "x-ms-request-charge", "x-ms-retry-after-ms", "retry-after", "date"})
    r.headers.emplace_back(name, header);
  r.body = body;
  fuzz::holds(cosmos::wait_of(r) >= std::chrono::milliseconds{0}, "a pause is no less than nothing");
  fuzz::holds(cosmos::charge_of(r) >= 0, "a charge is no less than nothing");
  for (const int status : {302, 400, 401, 403, 404, 408, 410, 412, 413, 429, 449, 500, 503}) {
    r.status = status;
    cosmos::question q;
    q.left = std::chrono::seconds{5};
    q.entra = status % 2 == 0;
    const auto step = cosmos::judge(r, q);
    fuzz::holds(step.kind != cosmos::next_step::again || step.wait < q.left,
                "a pause is shorter than what is left");
    fuzz::has_words(cosmos::failure_of(r, "read of c", q.entra, now));
  }
  cosmos::session_tokens tokens;
  tokens.note("c", header);
  const auto latest = tokens.latest("c");
  fuzz::holds(latest.size() <= header.size(), "no token from nowhere");
  tokens.note("c", latest);
  fuzz::same(tokens.latest("c"), latest, "a token that is noted again changes nothing");
  const auto date = cosmos::parse_http_date(header);
  if (date != std::chrono::system_clock::time_point{})
    fuzz::holds(cosmos::parse_http_date(cosmos::http_date(date)) == date,
                "a date that was read is written the same");
  static_cast<void>(cosmos::check_id("the id", header));
  if (const auto key = cosmos::decode_key(header))
    fuzz::holds(key->size() <= header.size(), "a key is no longer than its text");
  fuzz::holds(cosmos::partition_key_header(header).find_first_of("\r\n") == std::string::npos,
              "a header is one line");
  return 0;
}
