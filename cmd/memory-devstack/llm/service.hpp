// The LLM stand-in without its socket: takes a request, gives the answer of an OpenAI-compatible or Azure
// OpenAI endpoint, or the fault that was ordered for it. Endpoints: chat/completions and embeddings under
// /v1, /openai/v1 and /openai/deployments/{D}?api-version=..; POST|GET|DELETE /_admin/faults, GET|DELETE
// /_admin/stats, GET /_admin/calls?from=N. handle() may run on any number of threads at once; waiting
// (latency, hang) goes through the given function, which returns false when the server is stopping.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <random>
#include <string>

#include "cmd/memory-devstack/llm/call_list.hpp"
#include "cmd/memory-devstack/llm/chat_request.hpp"
#include "cmd/memory-devstack/llm/counters.hpp"
#include "cmd/memory-devstack/llm/faults.hpp"
#include "cmd/memory-devstack/llm/tokens.hpp"
#include "protocol/http/server.hpp"

namespace mw::standin {

struct service_options {
  std::string api_key;  ///< empty: any key will do, but there must be one
  double latency_median_ms = 0;
  double latency_sigma = 0;  ///< of the logarithm
  uint64_t seed = 1;
  std::string model = "stand-in-1";
  bool list_calls = false;  ///< keep the list of calls; it costs reading each prompt once more
};

class service {
 public:
  using wait_fn = std::function<bool(std::chrono::milliseconds)>;
  using now_fn = std::function<int64_t()>;  ///< unix milliseconds
  service(service_options options, wait_fn wait, now_fn now);

  http::server_response handle(const http::server_request& request);

 private:
  struct route {
    flavour kind = flavour::openai;
    std::string deployment;
    bool embeddings = false;
    bool needs_api_version = false;
  };
  struct outcome {
    http::server_response response;
    std::string name;
    token_use tokens;
  };
  static std::optional<route> route_of(std::string_view path);
  std::optional<http::server_response> refused_at_the_door(const http::server_request& request,
                                                           const route& r) const;
  http::server_response administer(const http::server_request& request);
  http::server_response set_faults(std::string_view body);
  http::server_response list_calls(const http::server_request& request) const;
  outcome chat(const http::server_request& request, const route& r);
  outcome answer_or_fault(const chat_request& chat, const route& r);
  outcome embeddings(const http::server_request& request, const route& r);
  outcome answer_chat(const chat_request& parsed, const route& r, const std::string& prompt, token_use use,
                      const std::optional<fault_rule>& fault);
  /// The answer that replaces the real one, for the faults that do.
  std::optional<http::server_response> replaced_by_fault(const fault_rule& rule, flavour f, uint64_t tokens);
  std::optional<fault_rule> pick(const fault_question& q);
  std::chrono::milliseconds draw_latency();

  const service_options options_;
  const wait_fn wait_;
  const now_fn now_;
  counters counters_;
  call_list calls_;
  std::mutex mutex_;  // guards the rest
  fault_plan plan_;
  prompt_cache cache_;
  std::mt19937_64 random_;
  double latency_median_ms_;
  double latency_sigma_;
  uint64_t next_id_ = 1;
};

}  // namespace mw::standin
