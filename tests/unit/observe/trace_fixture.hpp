// Jobs as the exporters get them, and a writer that keeps what a job looks like as spans. example_job and
// example_facts are what recorded/ holds in another library's encoding: a job that differs is a copy,
// changed.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "protocol/observe/trace/spans.hpp"

namespace mw::observe::testing {

inline constexpr std::string_view some_traceparent =
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

inline trace_time at_ms(int64_t ms) {
  return trace_time{std::chrono::milliseconds{1'000'000 + ms}};
}

inline job_trace example_job() {
  job_trace j;
  j.trace = {0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  j.root = {1, 2, 3, 4, 5, 6, 7, 8};
  j.ids = event_ids{"user-1", "session-1", "m1", some_traceparent};
  j.message_id = "m1_completed";
  j.sequence = 7;
  j.events = 2;
  j.attempts = 1;
  j.enqueued_ms = 1'700'000'000'000;
  j.links = {*parse_traceparent(some_traceparent),
             *parse_traceparent("00-11111111111111111111111111111111-2222222222222222-00")};
  j.wall_offset = std::chrono::hours{24 * 365 * 50};
  j.received = at_ms(0);
  j.started = at_ms(100);
  j.ended = at_ms(400);
  j.settled = at_ms(420);
  j.end = "committed";
  j.disposition = "complete";
  j.stages = {{trace_stage::load, at_ms(100), at_ms(110), {}, 0},
              {trace_stage::write, at_ms(390), at_ms(400), {}, 3}};
  chat_call c;
  c.from = at_ms(110);
  c.to = at_ms(390);
  c.purpose = "analysis";
  c.model = "gpt-5.4-mini-2026-03-17";
  c.max_tokens = 1500;
  c.input_tokens = 1200;
  c.output_tokens = 340;
  c.cached_tokens = 1024;
  j.calls = {c};
  return j;
}

inline trace_facts example_facts() {
  trace_facts f;
  f.node = "node-1";
  f.version = "1.2.3";
  f.bus_host = "bus.example";
  f.topic = "message-completed";
  f.subscription = "memory-worker-message-completed";
  f.redis_host = "redis.example";
  f.redis_port = 10000;
  f.llm_host = "llm.example";
  f.llm_port = 443;
  f.provider = "azure.ai.openai";
  f.model = "gpt-5.4-mini";
  f.temperature = 0.5;
  f.memory_host = "memory.example";
  f.memory_port = 8003;
  return f;
}

struct kept_span {
  span_head head;
  std::string name;
  std::map<std::string, std::variant<std::string, int64_t, double>> attributes;

  std::string text(const std::string& key) const {
    const auto it = attributes.find(key);
    if (it == attributes.end()) return "(none)";
    return std::get<std::string>(it->second);
  }
  int64_t number(const std::string& key) const { return std::get<int64_t>(attributes.at(key)); }
};

class keeping_writer final : public span_writer {
 public:
  std::vector<kept_span> spans;
  void begin(const job_trace&, const span_head& head) override {
    spans.push_back({head, std::string{head.name}, {}});
  }
  void text(std::string_view key, std::string_view value) override { put(key, std::string{value}); }
  void number(std::string_view key, int64_t value) override { put(key, value); }
  void real(std::string_view key, double value) override { put(key, value); }
  void list_of_one(std::string_view key, std::string_view value) override {
    put(key, fmt::format("[{}]", value));
  }
  void end() override {}

  const kept_span& of(span_role role) const {
    for (const auto& s : spans)
      if (s.head.role == role) return s;
    FAIL("no such span");
    return spans.front();
  }

 private:
  template <class T>
  void put(std::string_view key, T value) {
    CHECK_MESSAGE(spans.back().attributes.emplace(key, std::move(value)).second, "twice: ", key);
  }
};

inline keeping_writer spans_of(const job_trace& j, const trace_facts& f = example_facts()) {
  keeping_writer w;
  write_spans(j, f, w);
  return w;
}

}  // namespace mw::observe::testing
