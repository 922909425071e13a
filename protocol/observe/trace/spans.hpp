// What a job looks like as spans: the one place that knows names, kinds and semantic conventions (messaging,
// GenAI, database). Both exporters read a job through it; it makes no objects, it tells a span_writer.
//   process TOPIC   consumer, the root, with the links: from the job's start to the end of its settlement
//   receive TOPIC   client: from the arrival of the newest event to the job's start, the window's wait
//   included load            client, db (Redis), once a pass       chat MODEL   client, gen_ai, once a call
//   write           client, gen_ai memory and db, once a pass        settle TOPIC   client
// Every span carries app.name, app.user_id, app.session_id and app.chat_message_id. Span ids are derived from
// the root's, so that both exporters name the same ones. Conversation text only where the job has it.
#pragma once

#include <string>

#include "protocol/observe/trace/job_trace.hpp"

namespace mw::observe {

/// What is the same for all jobs of the process.
struct trace_facts {
  std::string service = "memory-worker";
  std::string node;
  std::string version;
  std::string bus_host;
  std::string topic;
  std::string subscription;
  std::string redis_host;
  uint16_t redis_port = 0;
  std::string llm_host;
  uint16_t llm_port = 0;
  std::string provider = "openai";  ///< gen_ai.provider.name
  std::string model;                ///< as requested; empty: the server's own
  std::optional<double> temperature;
  std::string memory_host;
  uint16_t memory_port = 0;
  std::string cosmos_database;  ///< with cosmos_container: the store is Cosmos DB itself
  std::string cosmos_container;
};

enum class span_kind : uint8_t { client, consumer };
enum class span_role : uint8_t { process, receive, load, chat, write, settle };

struct span_head {
  span_role role = span_role::process;
  span_kind kind = span_kind::client;
  std::array<uint8_t, 8> id{};
  std::string_view name;
  int64_t start_ns = 0;  ///< epoch
  int64_t end_ns = 0;
  std::string_view error;  ///< empty: ok
  std::string_view detail;
};

class span_writer {
 public:
  virtual ~span_writer() = default;
  virtual void begin(const job_trace& job, const span_head& head) = 0;
  virtual void text(std::string_view key, std::string_view value) = 0;
  virtual void number(std::string_view key, int64_t value) = 0;
  virtual void real(std::string_view key, double value) = 0;
  /// A list of texts with this one item.
  virtual void list_of_one(std::string_view key, std::string_view value) = 0;
  virtual void end() = 0;
};

void write_spans(const job_trace& job, const trace_facts& facts, span_writer& out);

}  // namespace mw::observe
