// memory-worker.conf, up to the options that it sets. Holds: an error names line and column; a configuration
// that is printed can be read, and says the same; no more entries than bytes; memory is in proportion.
#include "protocol/config/file.hpp"
#include "protocol/config/layers.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

namespace {

config::loaded load(std::string_view text) {
  config::loaded out;
  config::layers all{out};
  all.add_file(text, "f.conf");
  all.apply();
  return out;
}

bool names_line_and_column(std::string_view words) {
  constexpr std::string_view name = "f.conf:";
  if (!words.starts_with(name)) return false;
  const auto place = words.substr(name.size(), words.find(": expected ") - name.size());
  return words.find(": expected ") != std::string_view::npos &&
         place.find_first_not_of("0123456789:") == std::string_view::npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 1'000, 1 << 20};
  const auto entries = config::parse_file(text, "f.conf");
  if (!entries) {
    fuzz::has_words(entries.error());
    fuzz::holds(names_line_and_column(entries.error().detail), "an error names line and column");
  } else {
    fuzz::holds(entries->size() <= size, "no entry from nowhere");
  }
  const auto first = load(text);
  for (const auto& p : first.problems) fuzz::has_words(p);
  if (!first.problems.empty()) return 0;
  const auto second = load(config::print(first));
  fuzz::holds(second.problems.empty(), "what was printed can be read");
  for (const auto& o : config::options())
    fuzz::same(config::write_value(o, o.get(second.values)), config::write_value(o, o.get(first.values)),
               "what was printed says the same");
  return 0;
}
