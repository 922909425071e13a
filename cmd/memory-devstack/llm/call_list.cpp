#include "cmd/memory-devstack/llm/call_list.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/base/json_writer.hpp"

namespace mw::standin {

std::string message_hash(std::string_view text) {
  uint64_t hash = 14'695'981'039'346'656'037ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211ull;
  return fmt::format("{:016x}", hash);
}

uint64_t call_list::began(std::string_view model, const transcript& t, int64_t now_ms) {
  call c;
  c.model = model;
  c.title = t.title;
  c.began_ms = now_ms;
  for (const auto& l : t.lines)
    if (l.fresh && l.from_user) c.messages.push_back(message_hash(l.text));
  const std::lock_guard lock{mutex_};
  calls_.push_back(std::move(c));
  if (calls_.size() > most) {
    calls_.pop_front();
    ++first_;
  }
  return first_ + calls_.size() - 1;
}

void call_list::ended(uint64_t number, std::string_view outcome, int64_t now_ms) {
  const std::lock_guard lock{mutex_};
  if (number < first_ || number >= first_ + calls_.size()) return;
  call& c = calls_[number - first_];
  c.outcome = outcome;
  c.ended_ms = now_ms;
}

std::string call_list::json(uint64_t from) const {
  const std::lock_guard lock{mutex_};
  const uint64_t next = first_ + calls_.size();
  std::string out;
  json_writer w{out};
  w.begin_object().key("calls").begin_array();
  for (uint64_t n = std::max(from, first_); n < next; ++n) {
    const call& c = calls_[n - first_];
    w.begin_object().field("n", n).field("model", c.model).field("title", c.title);
    w.field("began_ms", c.began_ms).field("ended_ms", c.ended_ms).field("outcome", c.outcome);
    w.strings("messages", c.messages).end_object();
  }
  w.end_array().field("next", next).end_object();
  return out;
}

}  // namespace mw::standin
