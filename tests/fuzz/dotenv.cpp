// A .env file, which other programs share. Holds: entries come in the order of their lines, and hold no more
// text than the file; a value that is written in quotes reads the same; reading OpenTelemetry's variables
// never stops the worker; memory is in proportion.
#include "protocol/config/dotenv.hpp"

#include "protocol/base/bare_text.hpp"
#include "protocol/config/layers.hpp"
#include "protocol/config/otel.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

namespace {

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '$') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 400, 1 << 20};
  const auto read = config::parse_dotenv(text);
  size_t held = 0;
  uint32_t line = 0;
  std::string written;
  for (const auto& e : read.entries) {
    fuzz::holds(e.line > line, "entries come in the order of their lines");
    line = e.line;
    held += e.key.size() + e.value.size();
    if (e.trouble.empty()) written.append(e.key).append("=").append(in_quotes(e.value)).append("\n");
  }
  fuzz::holds(held <= size, "no text from nowhere");
  const auto again = config::parse_dotenv(written);
  size_t next = 0;
  for (const auto& e : read.entries) {
    if (!e.trouble.empty()) continue;
    fuzz::holds(next < again.entries.size() && again.entries[next].trouble.empty(),
                "what was written can be read");
    fuzz::same(again.entries[next].key, e.key, "a key stays");
    fuzz::same(again.entries[next++].value, e.value, "a value stays");
  }
  config::loaded out;
  config::layers all{out};
  all.add_dotenv(text, ".env");
  all.apply();
  for (const auto& p : out.problems) fuzz::has_words(p);
  for (const auto& w : out.warnings)
    fuzz::holds(!w.cause.empty() && !w.detail.empty(), "a warning has words");
  const auto bare = bare_text(text);
  fuzz::holds(bare.size() <= size, "a value is no longer than its text");
  return 0;
}
