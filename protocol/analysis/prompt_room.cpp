#include "protocol/analysis/prompt_room.hpp"

#include <algorithm>
#include <string_view>

#include "protocol/base/iso_time.hpp"
#include "protocol/base/utf8.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/secrets.hpp"

namespace mw::analysis {
namespace {

constexpr std::string_view cut_sign = "\n[...]\n";
/// Of an item: quotation marks and a comma.
constexpr uint32_t tokens_beside_item = 2;

struct listed_item {
  size_t in = 0;
  size_t index = 0;
  int64_t said_us = 0;
};

uint32_t tokens_of(const std::string& item) {
  return llm::estimate_tokens(item) + tokens_beside_item;
}

void note_shortened(shortened_counts& counts, shortened what, uint32_t n = 1) {
  counts.at(static_cast<size_t>(what)) += n;
}

/// Newest first.
std::vector<listed_item> by_recency(const memory::profile& p) {
  std::array<std::vector<int64_t>, memory::category_count> said;
  for (size_t in = 0; in < said.size(); ++in) said.at(in).resize(p.lists.at(in).size());
  for (const auto& o : p.origins) {
    const auto in = static_cast<size_t>(o.in);
    const size_t index = memory::find_item(p.lists.at(in), o.item);
    if (index == p.lists.at(in).size()) continue;
    if (const auto at = parse_iso_time(o.time))
      said.at(in).at(index) = std::max<int64_t>(said.at(in).at(index), at->time_since_epoch().count());
  }
  std::vector<listed_item> all;
  for (size_t in = 0; in < said.size(); ++in)
    for (size_t index = 0; index < said.at(in).size(); ++index)
      all.push_back({in, index, said.at(in).at(index)});
  std::stable_sort(all.begin(), all.end(), [](const listed_item& a, const listed_item& b) {
    return a.said_us != b.said_us ? a.said_us > b.said_us : a.index > b.index;
  });
  return all;
}

std::string_view last_bytes(std::string_view text, size_t most) {
  size_t begin = text.size() - std::min(most, text.size());
  while (begin < text.size() && utf8_length_at(text, begin) == 0) ++begin;
  return text.substr(begin);
}

}  // namespace

std::string_view to_string(shortened s) {
  switch (s) {
    case shortened::profile:
      return "profile";
    case shortened::title:
      return "title";
    case shortened::summary:
      return "summary";
    case shortened::answer:
      return "answer";
  }
  return "unknown";
}

std::array<std::vector<std::string>, memory::category_count> profile_in_prompt(const memory::profile& p,
                                                                               uint32_t max_tokens,
                                                                               shortened_counts& counts) {
  uint64_t all = 0;
  for (const auto& list : p.lists)
    for (const auto& item : list) all += tokens_of(item);
  if (all <= max_tokens) return p.lists;
  std::array<std::vector<bool>, memory::category_count> taken;
  for (size_t in = 0; in < taken.size(); ++in) taken.at(in).resize(p.lists.at(in).size());
  uint64_t tokens = 0;
  uint32_t without = 0;
  for (const auto& i : by_recency(p)) {
    const uint32_t needs = tokens_of(p.lists.at(i.in).at(i.index));
    if (tokens + needs > max_tokens) {
      ++without;
      continue;
    }
    tokens += needs;
    taken.at(i.in).at(i.index) = true;
  }
  std::array<std::vector<std::string>, memory::category_count> out;
  for (size_t in = 0; in < out.size(); ++in)
    for (size_t index = 0; index < p.lists.at(in).size(); ++index)
      if (taken.at(in).at(index)) out.at(in).push_back(p.lists.at(in).at(index));
  note_shortened(counts, shortened::profile, without);
  return out;
}

std::string title_in_prompt(std::string_view title, shortened_counts& counts) {
  if (title.size() > max_title_bytes) note_shortened(counts, shortened::title);
  return memory::mask_secrets(memory::clean_text(title, max_title_bytes));
}

std::string summary_in_prompt(std::string_view summary, shortened_counts& counts) {
  if (summary.size() <= max_previous_summary_bytes) return std::string{summary};
  note_shortened(counts, shortened::summary);
  return std::string{utf8_prefix(summary, max_previous_summary_bytes)};
}

void shorten_answer(llm::prompt_message& m, uint32_t max_tokens, shortened_counts& counts) {
  const uint32_t most = std::max(1U, max_tokens / 2);
  // No text has more tokens than half its bytes.
  if (m.from != chat::role::assistant || m.text.size() / 2 <= most || llm::estimate_tokens(m.text) <= most)
    return;
  const auto begin = std::string_view{m.text}.substr(0, llm::bytes_of_tokens(m.text, most / 2));
  const auto end = last_bytes(m.text, begin.size());
  m.text = std::string{begin}.append(cut_sign).append(end);
  note_shortened(counts, shortened::answer);
}

}  // namespace mw::analysis
