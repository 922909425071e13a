#include "cmd/memory-devstack/llm/counters.hpp"

#include <algorithm>
#include <functional>

#include "protocol/base/json_writer.hpp"

namespace mw::standin {

void counters::entered() {
  const std::lock_guard lock{mutex_};
  max_in_flight_ = std::max(max_in_flight_, ++in_flight_);
}

void counters::left(bool embeddings, std::string_view outcome, const token_use& tokens) {
  const std::lock_guard lock{mutex_};
  --in_flight_;
  ++(embeddings ? embeddings_ : chat_);
  ++outcomes_[std::string{outcome}];
  tokens_.prompt += tokens.prompt;
  tokens_.cached += tokens.cached;
  tokens_.completion += tokens.completion;
}

void counters::analysed(const transcript& t) {
  const std::lock_guard lock{mutex_};
  ++titles_[t.title];
  for (const auto& l : t.lines) {
    if (!l.fresh || !l.from_user) continue;
    ++messages_analysed_;
    std::string key{t.title};
    key.append(1, '\0').append(l.text);
    ++message_times_[std::hash<std::string>{}(key)];
  }
}

std::string counters::json() const {
  const std::lock_guard lock{mutex_};
  std::string out;
  json_writer w{out};
  w.begin_object()
      .field("requests", chat_ + embeddings_)
      .field("chat", chat_)
      .field("embeddings", embeddings_);
  w.key("outcomes").begin_object();
  for (const auto& [name, n] : outcomes_) w.field(name, n);
  w.end_object();
  w.key("tokens").begin_object().field("prompt", tokens_.prompt).field("cached", tokens_.cached);
  w.field("completion", tokens_.completion).end_object();
  w.field("in_flight", in_flight_).field("max_in_flight", max_in_flight_);
  w.key("titles").begin_object();
  for (const auto& [name, n] : titles_) w.field(name, n);
  w.end_object();
  uint64_t max_times = 0;
  for (const auto& [hash, n] : message_times_) max_times = std::max(max_times, n);
  w.key("messages").begin_object().field("distinct", uint64_t{message_times_.size()});
  w.field("analysed", messages_analysed_).field("max_times", max_times).end_object();
  w.end_object();
  return out;
}

void counters::reset() {
  const std::lock_guard lock{mutex_};
  chat_ = embeddings_ = messages_analysed_ = 0;
  max_in_flight_ = in_flight_;
  tokens_ = {};
  outcomes_.clear();
  titles_.clear();
  message_times_.clear();
}

}  // namespace mw::standin
