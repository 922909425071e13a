// Headers that say when to come again, and words that do. Holds: no pause is less than nothing, or longer
// than ten minutes (an hour for a quota); a date lies where our clock can count.
#include "protocol/http/client.hpp"
#include "protocol/llm/error_words.hpp"
#include "protocol/llm/quota.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

namespace {

void is_pause(std::chrono::milliseconds wait, std::chrono::milliseconds longest) {
  fuzz::holds(wait >= wait.zero() && wait <= longest, "a pause is bounded");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace std::chrono_literals;
  const std::string text{fuzz::text_of(data, size)};
  const fuzz::heap_bound bound{size, 100, 64 << 10};
  const std::chrono::system_clock::time_point now{std::chrono::seconds{1'780'000'000}};
  http::response r;
  for (const char* name : {"retry-after", "retry-after-ms", "date"}) {
    r.headers = {{name, text}};
    is_pause(http::retry_after(r, now), 10min);
    http::date_of(r, now);
  }
  r.headers.clear();
  for (const char* of : {"requests", "tokens"})
    for (const char* what : {"remaining", "limit", "reset"})
      r.headers.emplace_back(std::string{"x-ratelimit-"} + what + "-" + of, text);
  const auto left = llm::read_quotas(r);
  is_pause(left.requests.reset, 1h);
  is_pause(left.tokens.reset, 1h);
  is_pause(llm::read_reset(text), 1h);
  is_pause(llm::wait_named_in(text), 10min);
  if (const auto words = llm::error_in_text(text)) llm::stands_for(*words);
  return 0;
}
