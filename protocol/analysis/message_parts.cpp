#include "protocol/analysis/message_parts.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/llm/evidence.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/summary_text.hpp"

namespace mw::analysis {
namespace {

constexpr std::string_view truncated = "truncated";

/// Where to end a part of `text` that is at most `most` bytes long: behind the last sign of the best kind in
/// its second half.
size_t good_end(std::string_view text, size_t most) {
  constexpr std::array<std::string_view, 8> ends{"\n\n", "\n", ". ", "! ", "? ", "\u3002", " ", "\u3001"};
  const auto part = text.substr(0, most);
  for (const auto sign : ends) {
    const size_t at = part.rfind(sign);
    if (at != std::string_view::npos && at >= most / 2) return at + sign.size();
  }
  return most;
}

/// Takes the first part off `rest`: its size.
size_t take_part(std::string_view rest, uint32_t max_tokens) {
  const size_t fits = llm::bytes_of_tokens(rest, max_tokens);
  return fits >= rest.size() ? rest.size() : good_end(rest, fits);
}

void add_names(std::vector<std::string>& to, std::vector<std::string> more, size_t most) {
  for (auto& name : more)
    if (to.size() < most && memory::find_item(to, name) == to.size()) to.push_back(std::move(name));
}

}  // namespace

bool needs_parts(const loaded_conversation& c, uint32_t max_tokens) {
  return c.messages.size() == 1 && llm::estimate_tokens(c.messages.front().text) > max_tokens;
}

bool can_be_halved(const loaded_conversation& c) {
  return c.messages.size() == 1 && llm::estimate_tokens(c.messages.front().text) >= 2 * smallest_part;
}

message_parts::message_parts(std::shared_ptr<const loaded_conversation> whole, uint32_t max_tokens)
    : whole_(std::move(whole)) {
  const uint32_t tokens = llm::estimate_tokens(text());
  const uint32_t calls = std::max(1U, tokens / max_tokens + (tokens % max_tokens > 0 ? 1 : 0));
  // Of the same size: a short rest would be asked about without its context.
  const uint32_t each = std::min(max_tokens, tokens / calls + 1 + max_tokens / 8);
  size_t begin = 0;
  while (begin < text().size() && parts_.size() < most_parts) {
    const size_t size = std::max<size_t>(1, take_part(text().substr(begin), each));
    parts_.push_back({begin, size});
    begin += size;
  }
  if (begin < text().size()) missing_ = truncated;
}

std::shared_ptr<loaded_conversation> message_parts::question() const {
  const auto& whole = whole_->messages.front();
  const auto& part = parts_[at_];
  auto c = std::make_shared<loaded_conversation>();
  c->user_id = whole_->user_id;
  c->session_id = whole_->session_id;
  c->title = whole_->title;
  c->profile = whole_->profile;
  c->previous_summary = gathered_ ? gathered_->summary : whole_->previous_summary;
  c->epoch = whole_->epoch;
  c->base = whole_->base;
  c->through = whole_->through;
  auto& m = c->messages.emplace_back();
  m.from = whole.from;
  m.text = text().substr(part.begin, part.size);
  m.position = whole.position;
  m.fresh = whole.fresh;
  m.said_us = whole.said_us;
  m.place = whole.place;
  m.offset = static_cast<uint32_t>(part.begin);
  m.part = static_cast<uint32_t>(at_ + 1);
  m.parts = static_cast<uint32_t>(parts_.size());
  return c;
}

void message_parts::answered(llm::analysis a) {
  ++at_;
  if (!gathered_) {
    gathered_ = std::move(a);
    return;
  }
  auto& g = *gathered_;
  if (!memory::says_nothing(a.summary) || memory::says_nothing(g.summary)) g.summary = std::move(a.summary);
  // What the later parts are about comes first: their summary stands.
  std::swap(g.themes, a.themes);
  add_names(g.themes, std::move(a.themes), llm::max_themes);
  add_names(g.persons, std::move(a.persons), llm::max_names);
  add_names(g.places, std::move(a.places), llm::max_names);
  g.user_sentiment = a.user_sentiment;
  g.operations.insert(g.operations.end(), std::make_move_iterator(a.operations.begin()),
                      std::make_move_iterator(a.operations.end()));
  for (size_t i = 0; i < llm::drop_causes; ++i) g.dropped_by.at(i) += a.dropped_by.at(i);
  const size_t room = llm::max_operations - std::min(llm::max_operations, g.dropped.size());
  g.dropped.insert(g.dropped.end(), a.dropped.begin(),
                   a.dropped.begin() + static_cast<std::ptrdiff_t>(std::min(room, a.dropped.size())));
}

void message_parts::failed(std::string_view reason) {
  ++at_;
  if (missing_.empty()) missing_ = reason;
}

void message_parts::halve() {
  auto& part = parts_[at_];
  const auto whole_part = text().substr(part.begin, part.size);
  const uint32_t tokens = llm::estimate_tokens(whole_part);
  const size_t first = take_part(whole_part, tokens / 2 + tokens / 8);
  const piece second{part.begin + first, part.size - first};
  part.size = first;
  parts_.insert(parts_.begin() + static_cast<std::ptrdiff_t>(at_ + 1), second);
}

}  // namespace mw::analysis
