// A quote (the first line) and the message that it is said to be in (the rest). Holds: a message is a quote
// of itself; a quote's place lies in the folded message, and stays where the same is added behind; folding is
// done once for all; only secrets are masked; memory is in proportion.
#include <algorithm>

#include "protocol/base/ascii.hpp"
#include "protocol/base/folding.hpp"
#include "protocol/llm/quoted_place.hpp"
#include "protocol/memory/secrets.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto text = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 400, 64 << 10};
  const auto quote = fuzz::take_line(text);
  const auto folded = fold_text(text);
  // Compatibility forms of signs (a quarter sign, three primes in one) become signs that only another folding
  // makes plain ones: the second time is the last.
  const auto twice = fold_text(folded);
  fuzz::same(fold_text(twice), twice, "what is folded stays as it is");
  const auto item = fold_item_text(fold_item_text(text));
  fuzz::same(fold_item_text(item), item, "a folded item stays as it is");
  const auto search = fold_for_search(fold_for_search(text));
  fuzz::same(fold_for_search(search), search, "what is folded for search stays as it is");
  const auto of = [&folded]() -> const std::string& { return folded; };
  const auto at = llm::place_of_folded(fold_text(quote), of);
  if (at) fuzz::holds(*at <= folded.size(), "a quote lies in the message");
  const auto longer = folded + " and more";
  const auto of_longer = [&longer]() -> const std::string& { return longer; };
  const auto own = llm::place_of_folded(folded, of_longer);
  const bool literal = std::count_if(text.begin(), text.end(), is_letter) >= 2 && llm::find_piece(text, text);
  if (literal || llm::place_of_folded(folded, of))
    fuzz::holds(folded.size() < 5 || own.has_value(), "a message is a quote of itself");
  const auto masked = memory::mask_secrets(std::string{text});
  fuzz::holds(masked.empty() == text.empty() && (memory::holds_secret(text) || masked == text),
              "only secrets are masked");
  return 0;
}
