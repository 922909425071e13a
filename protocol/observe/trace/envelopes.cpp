#include "protocol/observe/trace/envelopes.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "protocol/base/hex.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/utf8.hpp"

namespace mw::observe {

namespace {

constexpr size_t most_name = 1024;
constexpr size_t most_property = 8192;
constexpr size_t most_message = 32'768;
constexpr size_t most_links = 100;  // more would not fit into a property

std::string iso(int64_t epoch_ns) {
  return format_iso_time(wall_time{std::chrono::microseconds{epoch_ns / 1000}});
}

/// An envelope up to baseData's own fields.
void open(json_writer& w, const envelope_context& c, std::string_view kind, std::string_view time,
          double sample_rate) {
  std::string name{"Microsoft.ApplicationInsights."};
  for (const char ch : c.instrumentation_key)
    if (ch != '-') name.push_back(ch);
  name.append(".").append(kind);
  w.begin_object().field("ver", 1).field("name", name).field("time", time);
  w.field("sampleRate", sample_rate).field("iKey", c.instrumentation_key);
}

struct operation {
  std::string id;
  std::string parent;
  std::string_view name;
};

void tags(json_writer& w, const envelope_context& c, const operation* of) {
  w.key("tags").begin_object();
  w.field("ai.cloud.role", c.facts.service).field("ai.cloud.roleInstance", c.facts.node);
  w.field("ai.internal.sdkVersion", "cpp:memory-worker-" + c.facts.version);
  if (of != nullptr) {
    w.field("ai.operation.id", of->id);
    if (!of->parent.empty()) w.field("ai.operation.parentId", of->parent);
    if (!of->name.empty()) w.field("ai.operation.name", utf8_prefix(of->name, most_name));
  }
  w.end_object();
}

json_writer& base_data(json_writer& w, std::string_view base_type) {
  w.key("data").begin_object().field("baseType", base_type).key("baseData").begin_object();
  return w.field("ver", 2);
}

void close(json_writer& w) {
  w.end_object().end_object().end_object();
}

std::string_view dependency_type(span_role role, const envelope_context& c, std::string& scratch) {
  switch (role) {
    case span_role::receive:
    case span_role::settle:
      return "Queue Message | servicebus";
    case span_role::load:
      return "redis";
    case span_role::chat:
      return scratch = "GenAI | " + c.facts.provider;
    case span_role::write:
      return c.facts.cosmos_database.empty() ? "HTTP" : "Azure DocumentDB";
    case span_role::process:
      break;
  }
  return "InProc";
}

std::string with_port(const std::string& host, uint16_t port) {
  return port == 0 ? host : fmt::format("{}:{}", host, port);
}

std::string target_of(span_role role, const trace_facts& f) {
  switch (role) {
    case span_role::load:
      return with_port(f.redis_host, f.redis_port);
    case span_role::chat:
      return with_port(f.llm_host, f.llm_port);
    case span_role::write:
      return with_port(f.memory_host, f.memory_port);
    default:
      return f.bus_host + "/" + f.topic;
  }
}

class insights_spans final : public span_writer {
 public:
  insights_spans(const envelope_context& c, std::vector<std::string>& out) : c_(c), out_(out) {}

  void begin(const job_trace& job, const span_head& head) override {
    const bool root = head.role == span_role::process;
    if (root) root_name_ = head.name;
    out_.emplace_back();
    writer_.emplace(out_.back());
    open(w(), c_, root ? "Request" : "RemoteDependency", iso(head.start_ns), c_.sample_rate);
    const operation of{hex(job.trace), root ? std::string{} : hex(job.root), root_name_};
    tags(w(), c_, &of);
    base_data(w(), root ? "RequestData" : "RemoteDependencyData");
    w().field("id", hex(head.id)).field("name", utf8_prefix(head.name, most_name));
    w().field("duration", insights_duration(head.end_ns - head.start_ns))
        .field("success", head.error.empty());
    const std::string_view code = head.error.empty() ? std::string_view{"0"} : head.error;
    if (root) {
      w().field("responseCode", code).field("source", target_of(head.role, c_.facts));
    } else {
      std::string scratch;
      w().field("resultCode", code).field("type", dependency_type(head.role, c_, scratch));
      w().field("target", target_of(head.role, c_.facts));
    }
    w().key("properties").begin_object();
    if (root && !job.links.empty()) w().field("_MS.links", links(job));
  }
  void text(std::string_view key, std::string_view value) override {
    w().field(key, utf8_prefix(value, most_property));
  }
  void number(std::string_view key, int64_t value) override { w().field(key, fmt::format("{}", value)); }
  void real(std::string_view key, double value) override { w().field(key, fmt::format("{}", value)); }
  void list_of_one(std::string_view key, std::string_view value) override {
    w().field(key, fmt::format("[\"{}\"]", value));
  }
  void end() override {
    w().end_object();
    close(w());
  }

 private:
  json_writer& w() { return *writer_; }

  static std::string links(const job_trace& job) {
    std::string text;
    json_writer l{text};
    l.begin_array();
    for (size_t i = 0; i < std::min(job.links.size(), most_links); ++i)
      l.begin_object()
          .field("operation_Id", hex(job.links[i].trace))
          .field("id", hex(job.links[i].span))
          .end_object();
    l.end_array();
    return text;
  }

  const envelope_context& c_;
  std::vector<std::string>& out_;
  std::optional<json_writer> writer_;
  std::string root_name_;
};

std::string exception_envelope(const envelope_context& c, const job_trace& job) {
  std::string out;
  json_writer w{out};
  open(w, c, "Exception", iso(job.epoch_ns(job.ended)), c.sample_rate);
  const operation of{hex(job.trace), hex(job.root), {}};
  tags(w, c, &of);
  base_data(w, "ExceptionData");
  w.key("exceptions").begin_array().begin_object();
  w.field("id", 1).field("outerId", 0).field("typeName", job.error);
  w.field("message", utf8_prefix(job.detail.empty() ? job.error : job.detail, most_message));
  w.field("hasFullStack", false).end_object().end_array();
  w.field("severityLevel", "Error").key("properties").begin_object();
  w.field("app.name", c.facts.service).field("app.user_id", job.ids.user());
  w.field("app.session_id", job.ids.session()).field("app.chat_message_id", job.ids.chat_message());
  w.end_object();
  close(w);
  return out;
}

void write_property(json_writer& w, std::string_view key, const simdjson::dom::element& value) {
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) {
    w.field(key, utf8_prefix(text, most_property));
  } else {
    w.field(key, simdjson::minify(value));
  }
}

}  // namespace

std::string insights_duration(int64_t ns) {
  const auto us = std::max<int64_t>(0, ns) / 1000;
  const auto seconds = us / 1'000'000;
  return fmt::format("{}.{:02}:{:02}:{:02}.{:06}", seconds / 86'400, seconds / 3600 % 24, seconds / 60 % 60,
                     seconds % 60, us % 1'000'000);
}

std::vector<std::string> job_envelopes(const envelope_context& c, const job_trace& job) {
  std::vector<std::string> out;
  out.reserve(job.spans() + 1);  // the writer holds a reference to the last one
  insights_spans writer{c, out};
  write_spans(job, c.facts, writer);
  if (!job.error.empty()) out.push_back(exception_envelope(c, job));
  return out;
}

std::string log_envelope(const envelope_context& c, std::string_view line) {
  simdjson::dom::parser parser;
  simdjson::dom::object fields;
  if (parser.parse(line.data(), line.size()).get(fields) != simdjson::SUCCESS) return {};
  const auto text_of = [&](std::string_view key) {
    std::string_view text;
    return fields[key].get(text) == simdjson::SUCCESS ? text : std::string_view{};
  };
  const auto event = text_of("event");
  if (event.empty() || event.starts_with("telemetry-")) return {};
  std::string message{event};
  if (const auto detail = text_of("detail"); !detail.empty()) message.append(": ").append(detail);
  std::string out;
  json_writer w{out};
  open(w, c, "Message", text_of("time"), 100);
  tags(w, c, nullptr);
  base_data(w, "MessageData").field("message", utf8_prefix(message, most_message));
  w.field("severityLevel", text_of("level") == "error" ? "Error" : "Warning");
  w.key("properties").begin_object().field("app.name", c.facts.service);
  for (const auto& [key, value] : fields)
    if (key != "time" && key != "level" && key != "service" && key != "node") write_property(w, key, value);
  w.end_object();
  close(w);
  return out;
}

std::string metric_envelope(const envelope_context& c, const metric_point& m, wall_time now) {
  std::string out;
  json_writer w{out};
  open(w, c, "Metric", format_iso_time(now), 100);
  tags(w, c, nullptr);
  base_data(w, "MetricData").key("metrics").begin_array().begin_object();
  w.field("name", m.name).field("kind", m.count == 1 ? "Measurement" : "Aggregation").field("value", m.value);
  w.field("count", m.count).end_object().end_array();
  w.key("properties").begin_object().end_object();
  close(w);
  return out;
}

}  // namespace mw::observe
