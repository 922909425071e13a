// A time as any program writes it. Holds: what is read has four digits for its year and is written so that
// the same is read again, in UTC and, as an instant, in a zone with summer time; a number and its digits are
// one time.
#include "protocol/base/written_time.hpp"
#include "protocol/chat/timestamp.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

namespace {

void stays(const std::optional<wall_time>& t) {
  if (!t) return;
  const auto text = format_iso_time(*t);
  fuzz::holds(text.size() == 32, "a time is written with four digits for its year");
  fuzz::holds(parse_iso_time(text) == t, "a time that was written reads the same");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto berlin = naive_zone::named("Europe/Berlin");
  const auto text = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 100, 1 << 20};
  stays(parse_iso_time(text));
  stays(read_written_time(text, {}));
  const auto told = chat::timestamp{text, naive_zone{}};
  if (told.at()) stays(chat::timestamp{told.text(), naive_zone{}}.at());
  if (berlin) stays(read_written_time(text, *berlin));
  // Names are the operator's, and the library keeps each that it was asked for.
  if (text.starts_with('+') || text.starts_with('-'))
    if (const auto zone = naive_zone::named(text.substr(0, 6)))
      stays(read_written_time("2026-03-29 02:30:00", *zone));
  if (size >= sizeof(int64_t)) {
    int64_t whole = 0;
    double real = 0;
    std::copy_n(data, sizeof whole, reinterpret_cast<uint8_t*>(&whole));
    std::copy_n(data, sizeof real, reinterpret_cast<uint8_t*>(&real));
    stays(time_of_number(whole));
    stays(time_of_number(real));
  }
  return 0;
}
