#include "protocol/observe/trace/spans.hpp"

#include <cstring>

namespace mw::observe {

namespace {

/// Ids of the children: splitmix64 over the root's.
class child_ids {
 public:
  explicit child_ids(const std::array<uint8_t, 8>& root) { std::memcpy(&state_, root.data(), 8); }
  std::array<uint8_t, 8> next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    z = (z ^ (z >> 31)) | 1;
    std::array<uint8_t, 8> id{};
    std::memcpy(id.data(), &z, 8);
    return id;
  }

 private:
  uint64_t state_ = 0;
};

class job_spans {
 public:
  job_spans(const job_trace& j, const trace_facts& f, span_writer& out)
      : j_(j), f_(f), out_(out), ids_(j.root) {}

  void write() {
    process();
    receive();
    for (const auto& s : j_.stages) s.what == trace_stage::load ? load(s) : store(s);
    for (const auto& c : j_.calls) chat(c);
    settle();
  }

 private:
  void begin(span_role role, span_kind kind, std::string_view name, trace_time from, trace_time to,
             std::string_view error, std::string_view detail = {}) {
    const auto id = role == span_role::process ? j_.root : ids_.next();
    out_.begin(j_, {role, kind, id, name, j_.epoch_ns(from), j_.epoch_ns(std::max(from, to)), error, detail});
    out_.text("app.name", f_.service);
    out_.text("app.user_id", j_.ids.user());
    out_.text("app.session_id", j_.ids.session());
    out_.text("app.chat_message_id", j_.ids.chat_message());
    if (!error.empty()) out_.text("error.type", error);
  }

  void server(const std::string& host, uint16_t port) {
    if (!host.empty()) out_.text("server.address", host);
    if (port != 0) out_.number("server.port", port);
  }

  std::string_view named(std::string_view operation, std::string_view target) {
    name_ = operation;
    if (!target.empty()) name_.append(" ").append(target);
    return name_;
  }

  void messaging(std::string_view operation, std::string_view type) {
    out_.text("messaging.system", "servicebus");
    out_.text("messaging.operation.name", operation);
    out_.text("messaging.operation.type", type);
    out_.text("messaging.destination.name", f_.topic);
    out_.text("messaging.destination.subscription.name", f_.subscription);
    if (!j_.message_id.empty()) out_.text("messaging.message.id", j_.message_id);
    server(f_.bus_host, 0);
  }

  void process() {
    begin(span_role::process, span_kind::consumer, named("process", f_.topic), j_.started, j_.settled,
          j_.error, j_.detail);
    messaging("process", "process");
    out_.number("messaging.batch.message_count", j_.events);
    out_.number("messaging.servicebus.message.delivery_count", j_.delivery_count);
    if (j_.enqueued_ms > 0) out_.number("messaging.servicebus.message.enqueued_time", j_.enqueued_ms / 1000);
    out_.text("memory_worker.job.end", j_.end);
    out_.number("memory_worker.job.attempts", j_.attempts);
    if (j_.links_left > 0) out_.number("memory_worker.job.links_left", j_.links_left);
    out_.end();
  }

  void receive() {
    begin(span_role::receive, span_kind::client, named("receive", f_.topic), j_.received, j_.started, {});
    messaging("receive", "receive");
    out_.number("messaging.servicebus.message.delivery_count", j_.delivery_count);
    out_.end();
  }

  void load(const stage_trace& s) {
    begin(span_role::load, span_kind::client, "load", s.from, s.to, s.error);
    out_.text("db.system.name", "redis");
    out_.text("db.operation.name", "GET");
    server(f_.redis_host, f_.redis_port);
    out_.end();
  }

  void store(const stage_trace& s) {
    begin(span_role::write, span_kind::client, "write", s.from, s.to, s.error);
    if (!f_.cosmos_database.empty()) {
      out_.text("db.system.name", "azure.cosmosdb");
      out_.text("db.namespace", f_.cosmos_database);
      out_.text("db.collection.name", f_.cosmos_container);
      out_.text("db.operation.name", "upsert");
    }
    out_.text("gen_ai.operation.name", "upsert_memory");
    out_.text("gen_ai.conversation.id", j_.ids.session());
    out_.number("gen_ai.memory.record.count", s.applied);
    server(f_.memory_host, f_.memory_port);
    out_.end();
  }

  void chat(const chat_call& c) {
    begin(span_role::chat, span_kind::client, named("chat", f_.model.empty() ? c.model : f_.model), c.from,
          c.to, c.error);
    out_.text("gen_ai.operation.name", "chat");
    out_.text("gen_ai.provider.name", f_.provider);
    if (!f_.model.empty()) out_.text("gen_ai.request.model", f_.model);
    out_.number("gen_ai.request.max_tokens", c.max_tokens);
    if (f_.temperature) out_.real("gen_ai.request.temperature", *f_.temperature);
    out_.text("gen_ai.output.type", "json");
    out_.text("gen_ai.conversation.id", j_.ids.session());
    if (!c.model.empty()) out_.text("gen_ai.response.model", c.model);
    usage(c);
    out_.text("memory_worker.call.purpose", c.purpose);
    if (c.text) {
      out_.text("gen_ai.input.messages", c.text->input);
      if (!c.text->output.empty()) out_.text("gen_ai.output.messages", c.text->output);
    }
    server(f_.llm_host, f_.llm_port);
    out_.end();
  }

  void usage(const chat_call& c) {
    if (c.error.empty()) out_.list_of_one("gen_ai.response.finish_reasons", "stop");
    if (c.error == "truncated") out_.list_of_one("gen_ai.response.finish_reasons", "length");
    if (c.error == "content-filtered") out_.list_of_one("gen_ai.response.finish_reasons", "content_filter");
    if (c.input_tokens + c.output_tokens == 0) return;
    out_.number("gen_ai.usage.input_tokens", static_cast<int64_t>(c.input_tokens));
    out_.number("gen_ai.usage.output_tokens", static_cast<int64_t>(c.output_tokens));
    if (c.cached_tokens > 0)
      out_.number("gen_ai.usage.cache_read.input_tokens", static_cast<int64_t>(c.cached_tokens));
    if (c.reasoning_tokens > 0)
      out_.number("gen_ai.usage.reasoning.output_tokens", static_cast<int64_t>(c.reasoning_tokens));
  }

  void settle() {
    begin(span_role::settle, span_kind::client, named("settle", f_.topic), j_.ended, j_.settled,
          j_.settle_error);
    messaging("settle", "settle");
    if (!j_.disposition.empty())
      out_.text("messaging.servicebus.disposition_status",
                j_.disposition == "dead-letter" ? std::string_view{"dead_letter"} : j_.disposition);
    out_.end();
  }

  const job_trace& j_;
  const trace_facts& f_;
  span_writer& out_;
  child_ids ids_;
  std::string name_;
};

}  // namespace

void write_spans(const job_trace& job, const trace_facts& facts, span_writer& out) {
  job_spans{job, facts, out}.write();
}

}  // namespace mw::observe
