#include "protocol/observe/trace/otlp_encoding.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "protocol/base/hex.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/utf8.hpp"

namespace mw::observe {

namespace {

// Field numbers of opentelemetry/proto/trace/v1 and common/v1.
namespace field {
constexpr uint32_t span_trace_id = 1, span_id = 2, span_parent = 4, span_name = 5, span_kind = 6,
                   span_start = 7, span_end = 8, span_attributes = 9, span_links = 13,
                   span_links_dropped = 14, span_status = 15, span_flags = 16;
constexpr uint32_t link_trace_id = 1, link_span_id = 2;
constexpr uint32_t status_message = 2, status_code = 3;
constexpr uint32_t key = 1, value = 2;
constexpr uint32_t string_value = 1, int_value = 3, double_value = 4, array_value = 5;
}  // namespace field

constexpr int kind_client = 3;
constexpr int kind_consumer = 5;
constexpr int status_error = 2;
constexpr uint32_t sampled = 1;

void varint(std::string& out, uint64_t v) {
  while (v >= 0x80) {
    out.push_back(static_cast<char>(v | 0x80));
    v >>= 7;
  }
  out.push_back(static_cast<char>(v));
}
size_t varint_size(uint64_t v) {
  return (static_cast<size_t>(std::bit_width(v | 1)) + 6) / 7;
}
void tag(std::string& out, uint32_t number, uint32_t wire_type) {
  varint(out, number << 3 | wire_type);
}
void bytes_field(std::string& out, uint32_t number, std::string_view text) {
  tag(out, number, 2);
  varint(out, text.size());
  out.append(text);
}
void varint_field(std::string& out, uint32_t number, uint64_t v) {
  tag(out, number, 0);
  varint(out, v);
}
template <class T>
void fixed_field(std::string& out, uint32_t number, T v) {
  tag(out, number, sizeof(T) == 8 ? 1 : 5);
  char raw[sizeof(T)];
  std::memcpy(raw, &v, sizeof raw);  // little-endian hosts only, as everything Debian builds for servers
  out.append(raw, sizeof raw);
}
static_assert(std::endian::native == std::endian::little);

/// A KeyValue whose AnyValue takes `value_size` bytes, up to that value.
void attribute_head(std::string& out, uint32_t number, std::string_view key, size_t value_size) {
  tag(out, number, 2);
  varint(out, 1 + varint_size(key.size()) + key.size() + 1 + varint_size(value_size) + value_size);
  bytes_field(out, field::key, key);
  tag(out, field::value, 2);
  varint(out, value_size);
}
/// Below this, with all that lies around it, every length is one byte.
constexpr size_t short_text = 56;

/// A short key with a short text, in one piece: most of what a span holds.
void short_text_attribute(std::string& out, char number, std::string_view key, std::string_view value) {
  std::array<char, 2 * short_text + 8> all;
  char* end = all.data();
  const auto put = [&end](size_t byte) { *end++ = static_cast<char>(byte); };
  put(static_cast<size_t>(number << 3 | 2));
  put(6 + key.size() + value.size());
  put(field::key << 3 | 2);
  put(key.size());
  end = std::copy(key.begin(), key.end(), end);
  put(field::value << 3 | 2);
  put(2 + value.size());
  put(field::string_value << 3 | 2);
  put(value.size());
  end = std::copy(value.begin(), value.end(), end);
  out.append(all.data(), static_cast<size_t>(end - all.data()));
}

void text_attribute(std::string& out, uint32_t number, std::string_view key, std::string_view value) {
  if (key.size() <= short_text && value.size() <= short_text && number < 16)
    return short_text_attribute(out, static_cast<char>(number), key, value);
  attribute_head(out, number, key, 1 + varint_size(value.size()) + value.size());
  bytes_field(out, field::string_value, value);
}

template <size_t N>
std::string_view raw(const std::array<uint8_t, N>& id) {
  return {reinterpret_cast<const char*>(id.data()), N};
}

class protobuf_spans final : public span_writer {
 public:
  explicit protobuf_spans(std::string& out) : out_(out) {}

  void begin(const job_trace& job, const span_head& head) override {
    span_.clear();
    bytes_field(span_, field::span_trace_id, raw(job.trace));
    bytes_field(span_, field::span_id, raw(head.id));
    const bool root = head.role == span_role::process;
    if (!root) bytes_field(span_, field::span_parent, raw(job.root));
    bytes_field(span_, field::span_name, head.name);
    varint_field(span_, field::span_kind, head.kind == span_kind::consumer ? kind_consumer : kind_client);
    fixed_field(span_, field::span_start, static_cast<uint64_t>(head.start_ns));
    fixed_field(span_, field::span_end, static_cast<uint64_t>(head.end_ns));
    job_ = &job;
    head_ = head;
  }
  void text(std::string_view key, std::string_view value) override {
    // OTLP's strings are UTF-8; ids of events may be anything.
    if (utf8_valid(value)) return text_attribute(span_, field::span_attributes, key, value);
    text_attribute(span_, field::span_attributes, key, valid_utf8(value));
  }
  void number(std::string_view key, int64_t value) override {
    const auto v = static_cast<uint64_t>(value);
    attribute_head(span_, field::span_attributes, key, 1 + varint_size(v));
    varint_field(span_, field::int_value, v);
  }
  void real(std::string_view key, double value) override {
    attribute_head(span_, field::span_attributes, key, 9);
    fixed_field(span_, field::double_value, value);
  }
  void list_of_one(std::string_view key, std::string_view value) override {
    const size_t text = 1 + varint_size(value.size()) + value.size();
    const size_t item = 1 + varint_size(text) + text;
    attribute_head(span_, field::span_attributes, key, 1 + varint_size(item) + item);
    tag(span_, field::array_value, 2);
    varint(span_, item);
    tag(span_, 1, 2);
    varint(span_, text);
    bytes_field(span_, field::string_value, value);
  }
  // In the order of the field numbers, as every protobuf library writes them.
  void end() override {
    if (head_.role == span_role::process) links(*job_);
    if (!head_.error.empty()) status(head_);
    fixed_field(span_, field::span_flags, sampled);
    bytes_field(out_, 2, span_);  // ScopeSpans.spans
  }

 private:
  void links(const job_trace& job) {
    for (const auto& l : job.links) {
      std::string one;
      bytes_field(one, field::link_trace_id, raw(l.trace));
      bytes_field(one, field::link_span_id, raw(l.span));
      bytes_field(span_, field::span_links, one);
    }
    if (job.links_left > 0) varint_field(span_, field::span_links_dropped, job.links_left);
  }
  void status(const span_head& head) {
    std::string s;
    if (!head.detail.empty())
      bytes_field(s, field::status_message, utf8_valid(head.detail) ? head.detail : valid_utf8(head.detail));
    varint_field(s, field::status_code, status_error);
    bytes_field(span_, field::span_status, s);
  }
  static std::string valid_utf8(std::string_view text) {
    std::string quoted;
    append_json_string(quoted, text);  // puts U+FFFD where it must
    simdjson::dom::parser parser;
    std::string_view out;
    if (parser.parse(quoted).get(out) != simdjson::SUCCESS) return {};
    return std::string{out};
  }

  std::string& out_;
  std::string span_;
  const job_trace* job_ = nullptr;
  span_head head_;  ///< its texts live until end()
};

class json_spans final : public span_writer {
 public:
  explicit json_spans(std::string& out) : out_(out) {}

  void begin(const job_trace& job, const span_head& head) override {
    if (!out_.empty()) out_.push_back(',');
    writer_.emplace(out_);
    const bool root = head.role == span_role::process;
    w().begin_object().field("traceId", hex(job.trace)).field("spanId", hex(head.id));
    if (!root) w().field("parentSpanId", hex(job.root));
    w().field("name", head.name)
        .field("kind", head.kind == span_kind::consumer ? kind_consumer : kind_client);
    w().field("startTimeUnixNano", std::to_string(head.start_ns));
    w().field("endTimeUnixNano", std::to_string(head.end_ns));
    w().field("flags", sampled);
    if (root) links(job);
    if (!head.error.empty()) {
      w().key("status").begin_object();
      if (!head.detail.empty()) w().field("message", head.detail);
      w().field("code", status_error).end_object();
    }
    w().key("attributes").begin_array();
  }
  void text(std::string_view key, std::string_view value) override {
    attribute(key, [&] { w().field("stringValue", value); });
  }
  void number(std::string_view key, int64_t value) override {
    attribute(key, [&] { w().field("intValue", std::to_string(value)); });
  }
  void real(std::string_view key, double value) override {
    attribute(key, [&] { w().field("doubleValue", value); });
  }
  void list_of_one(std::string_view key, std::string_view value) override {
    attribute(key, [&] {
      w().key("arrayValue").begin_object().key("values").begin_array();
      w().begin_object().field("stringValue", value).end_object().end_array().end_object();
    });
  }
  void end() override { w().end_array().end_object(); }

 private:
  json_writer& w() { return *writer_; }
  template <class F>
  void attribute(std::string_view key, F&& value) {
    w().begin_object().field("key", key).key("value").begin_object();
    value();
    w().end_object().end_object();
  }
  void links(const job_trace& job) {
    w().key("links").begin_array();
    for (const auto& l : job.links)
      w().begin_object().field("traceId", hex(l.trace)).field("spanId", hex(l.span)).end_object();
    w().end_array();
    if (job.links_left > 0) w().field("droppedLinksCount", job.links_left);
  }

  std::string& out_;
  std::optional<json_writer> writer_;
};

text_pairs all_resource(const text_pairs& more, const trace_facts& facts) {
  text_pairs all{{"service.name", facts.service},
                 {"service.instance.id", facts.node},
                 {"service.version", facts.version},
                 {"telemetry.sdk.language", "cpp"},
                 {"telemetry.sdk.name", std::string{scope_name}}};
  for (const auto& [key, value] : more) {
    bool known = false;
    for (auto& [k, v] : all)
      if (k == key) {
        // What the service is called has its own variable, which wins.
        if (k != "service.name") v = value;
        known = true;
      }
    if (!known) all.emplace_back(key, value);
  }
  return all;
}

}  // namespace

std::string encode_protobuf(const job_trace& job, const trace_facts& facts) {
  std::string out;
  out.reserve(job.spans() * 512 + job.links.size() * 36);
  protobuf_spans writer{out};
  write_spans(job, facts, writer);
  return out;
}

std::string encode_json(const job_trace& job, const trace_facts& facts) {
  std::string out;
  out.reserve(job.spans() * 1536);
  json_spans writer{out};
  write_spans(job, facts, writer);
  return out;
}

std::string request_protobuf(const text_pairs& resource, const trace_facts& facts,
                             std::span<const encoded_item> pieces) {
  std::string about;
  for (const auto& [key, value] : all_resource(resource, facts)) text_attribute(about, 1, key, value);
  std::string scope;
  bytes_field(scope, 1, scope_name);
  bytes_field(scope, 2, facts.version);
  const auto sized = [](size_t bytes) { return 1 + varint_size(bytes) + bytes; };
  size_t spans = sized(scope.size());
  for (const auto& p : pieces) spans += p.bytes.size();
  const size_t resource_spans = sized(about.size()) + sized(spans);
  std::string out;
  out.reserve(sized(resource_spans));
  tag(out, 1, 2);
  varint(out, resource_spans);
  bytes_field(out, 1, about);
  tag(out, 2, 2);
  varint(out, spans);
  bytes_field(out, 1, scope);
  for (const auto& p : pieces) out += p.bytes;
  return out;
}

std::string request_json(const text_pairs& resource, const trace_facts& facts,
                         std::span<const encoded_item> pieces) {
  std::string out;
  json_writer w{out};
  w.begin_object().key("resourceSpans").begin_array().begin_object();
  w.key("resource").begin_object().key("attributes").begin_array();
  for (const auto& [key, value] : all_resource(resource, facts))
    w.begin_object()
        .field("key", key)
        .key("value")
        .begin_object()
        .field("stringValue", value)
        .end_object()
        .end_object();
  w.end_array().end_object().key("scopeSpans").begin_array().begin_object();
  w.key("scope").begin_object().field("name", scope_name).field("version", facts.version).end_object();
  w.key("spans").begin_array();
  for (const auto& p : pieces) w.raw(p.bytes);
  w.end_array().end_object().end_array().end_object().end_array().end_object();
  return out;
}

}  // namespace mw::observe
