// Conversations, records and jobs of the analysis tests: messages "m1", "m2", ... one minute apart from 11:00
// on, the user's at odd numbers.
#pragma once

#include <fmt/format.h>

#include "protocol/analysis/commit_building.hpp"

namespace mw::analysis {

inline std::string time_at(int minute) {
  return fmt::format("2026-11-23T11:{:02}:00.000000+00:00", minute);
}

inline memory::watermark mark(int n) {
  return {fmt::format("m{}", n), time_at(n)};
}

inline chat::conversation chat_of(int messages) {
  chat::conversation c;
  c.session_id = std::string{"s"};
  c.user_id = std::string{"u"};
  for (int n = 1; n <= messages; ++n)
    c.messages.push_back({fmt::format("m{}", n), n % 2 == 1 ? chat::role::user : chat::role::assistant,
                          fmt::format("text number {}", n), time_at(n)});
  return c;
}

inline flow::job_spec job_for(int message) {
  flow::job_spec j;
  j.id = 7;
  j.attempt = 2;
  j.ids = event_ids{"u", "s", fmt::format("m{}", message), ""};
  j.completed_at_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                          parse_iso_time(time_at(message))->time_since_epoch())
                          .count();
  return j;
}

/// A stored record that covers everything up to message `n`.
inline memory::context stored_up_to(int n, std::vector<memory::skipped_span> skipped = {}) {
  memory::record r;
  r.user_id = std::string{"u"};
  r.session_id = std::string{"s"};
  r.summary = std::string{"They talked."};
  r.through = mark(n);
  r.skipped = std::move(skipped);
  memory::context c;
  c.conversation = std::move(r);
  return c;
}

struct asked {
  uint32_t max_tokens = 24'000;
  wall_time now{};
  std::chrono::milliseconds quiet{};
};

inline preparation prepared(chat::conversation c, const memory::context& stored, const flow::job_spec& job,
                            asked a = {}) {
  return prepare({c, stored, job, a.max_tokens, a.now, a.quiet});
}

inline std::vector<std::string> ids_of(const loaded_conversation& c) {
  std::vector<std::string> ids;
  for (const auto& m : c.messages) ids.push_back(m.position.id);
  return ids;
}

inline std::vector<std::string> span_ids(const loaded_conversation& c) {
  std::vector<std::string> ids;
  for (const auto& m : span_positions(c)) ids.push_back(m.id);
  return ids;
}

using names = std::vector<std::string>;

}  // namespace mw::analysis
