// What the exporters get of a finished job: one value, made by trace_book from what the actors measured.
// Times are of the steady clock; `wall_offset` turns them into epoch time. Ids are shared, texts are moved
// in, nothing is looked up later. Holds conversation text only in chat_call::text, which is there only where
// a person turned capturing on.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/event_ids.hpp"

namespace mw::observe {

using trace_clock = std::chrono::steady_clock;
using trace_time = trace_clock::time_point;

struct trace_context {
  std::array<uint8_t, 16> trace{};
  std::array<uint8_t, 8> span{};
  uint8_t flags = 0;
  bool operator==(const trace_context&) const = default;
};

/// W3C traceparent, also as Diagnostic-Id carries it ("00-<32 hex>-<16 hex>-<2 hex>"); nullopt for anything
/// else, an all-zero id, or version ff.
std::optional<trace_context> parse_traceparent(std::string_view text);
/// What of it counts; a later version may carry more behind.
inline constexpr size_t traceparent_length = 55;

/// Conversation text of one call, as JSON arrays of the GenAI conventions' messages.
struct chat_text {
  std::string input;
  std::string output;
};

enum class trace_stage : uint8_t { load, write };

/// One pass of a job through Redis or the memory store.
struct stage_trace {
  trace_stage what = trace_stage::load;
  trace_time from;
  trace_time to;
  std::string_view error;  ///< an error code's text, static; empty: none
  uint32_t applied = 0;    ///< write: profile operations applied
};

/// One LLM call.
struct chat_call {
  trace_time from;
  trace_time to;
  std::string_view error;    ///< an error code's text, static
  std::string_view purpose;  ///< static: analysis, repair, enlarge, split
  std::string model;         ///< as the answer names it
  uint32_t max_tokens = 0;
  uint64_t input_tokens = 0;
  uint64_t output_tokens = 0;
  uint64_t cached_tokens = 0;
  uint64_t reasoning_tokens = 0;
  std::shared_ptr<const chat_text> text;  ///< null unless captured
};

struct job_trace {
  std::array<uint8_t, 16> trace{};
  std::array<uint8_t, 8> root{};
  event_ids ids;
  std::string message_id;  ///< of the newest event
  int64_t sequence = 0;
  uint32_t delivery_count = 0;
  uint32_t events = 0;      ///< messages the window covered
  uint32_t links_left = 0;  ///< messages with a trace context beyond the most links
  uint32_t attempts = 0;
  int64_t enqueued_ms = 0;  ///< epoch; 0 unknown
  std::vector<trace_context> links;
  std::chrono::nanoseconds wall_offset{};  ///< epoch = steady + this
  trace_time received;                     ///< the newest event
  trace_time started;
  trace_time ended;               ///< the outcome was known, settling began
  trace_time settled;             ///< the broker confirmed, or the wait for it ended
  std::string end;                ///< job_end, or how the delivery was given back
  std::string_view error;         ///< code, static; empty: the job did what it should
  std::string detail;             ///< of the error; no conversation text
  std::string disposition;        ///< complete, dead-letter, abandon, release
  std::string_view settle_error;  ///< static
  std::vector<stage_trace> stages;
  std::vector<chat_call> calls;

  int64_t epoch_ns(trace_time t) const {
    return std::chrono::nanoseconds{t.time_since_epoch() + wall_offset}.count();
  }
  /// Root, receive, settle and one a stage and call.
  size_t spans() const { return 3 + stages.size() + calls.size(); }
};

}  // namespace mw::observe
