// Our OTLP encoders against those of the opentelemetry-cpp package, byte for byte where it is protobuf.
#include "protocol/observe/trace/otlp.hpp"

#include <opentelemetry/exporters/otlp/otlp_http_exporter_factory.h>
#include <opentelemetry/exporters/otlp/otlp_http_exporter_options.h>
#include <opentelemetry/sdk/resource/resource.h>
#include <opentelemetry/sdk/trace/exporter.h>
#include <simdjson.h>

#include "protocol/http/server.hpp"
#include "protocol/observe/trace/otlp_encoding.hpp"
#include "tests/unit/observe/trace_fixture.hpp"

using namespace mw::observe;
using namespace mw::observe::testing;
namespace otel = opentelemetry;
namespace sdk = opentelemetry::sdk;

namespace {

/// Fills the package's recordables.
class package_writer final : public span_writer {
 public:
  package_writer(sdk::trace::SpanExporter& to, const sdk::resource::Resource& about,
                 const sdk::instrumentationscope::InstrumentationScope& scope)
      : to_(to), about_(about), scope_(scope) {}
  std::vector<std::unique_ptr<sdk::trace::Recordable>> spans;

  void begin(const job_trace& j, const span_head& h) override {
    using otel::common::SystemTimestamp;
    spans.push_back(to_.MakeRecordable());
    auto& s = *spans.back();
    const bool root = h.role == span_role::process;
    s.SetIdentity(context(j.trace, h.id, 1), root ? otel::trace::SpanId{} : otel::trace::SpanId{j.root});
    s.SetTraceFlags(otel::trace::TraceFlags{1});
    s.SetName({h.name.data(), h.name.size()});
    s.SetSpanKind(h.kind == span_kind::consumer ? otel::trace::SpanKind::kConsumer
                                                : otel::trace::SpanKind::kClient);
    s.SetStartTime(SystemTimestamp{std::chrono::nanoseconds{h.start_ns}});
    s.SetDuration(std::chrono::nanoseconds{h.end_ns - h.start_ns});
    s.SetResource(about_);
    s.SetInstrumentationScope(scope_);
    if (!h.error.empty()) s.SetStatus(otel::trace::StatusCode::kError, {h.detail.data(), h.detail.size()});
    if (root)
      for (const auto& l : j.links) s.AddLink(context(l.trace, l.span, l.flags));
  }
  void text(std::string_view key, std::string_view value) override {
    set(key, otel::nostd::string_view{value.data(), value.size()});
  }
  void number(std::string_view key, int64_t value) override { set(key, value); }
  void real(std::string_view key, double value) override { set(key, value); }
  void list_of_one(std::string_view key, std::string_view value) override {
    const otel::nostd::string_view one{value.data(), value.size()};
    set(key, otel::nostd::span<const otel::nostd::string_view>{&one, 1});
  }
  void end() override {}

 private:
  static otel::trace::SpanContext context(const std::array<uint8_t, 16>& trace,
                                          const std::array<uint8_t, 8>& span, uint8_t flags) {
    return {otel::trace::TraceId{trace}, otel::trace::SpanId{span}, otel::trace::TraceFlags{flags}, true};
  }
  void set(std::string_view key, const otel::common::AttributeValue& value) {
    spans.back()->SetAttribute({key.data(), key.size()}, value);
  }
  sdk::trace::SpanExporter& to_;
  const sdk::resource::Resource& about_;
  const sdk::instrumentationscope::InstrumentationScope& scope_;
};

/// What the package's exporter posts for this job.
std::string package_body(const job_trace& job, const trace_facts& facts, bool json) {
  std::string body;
  auto server = mw::http::server::start({}, [&](const mw::http::server_request& r) {
    body = r.body;
    return mw::http::server_response{};
  });
  REQUIRE(server);
  otel::exporter::otlp::OtlpHttpExporterOptions o;
  o.url = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/v1/traces";
  o.content_type = json ? otel::exporter::otlp::HttpRequestContentType::kJson
                        : otel::exporter::otlp::HttpRequestContentType::kBinary;
  const auto exporter = otel::exporter::otlp::OtlpHttpExporterFactory::Create(o);
  const auto resource = sdk::resource::Resource::Create({});
  const auto scope = sdk::instrumentationscope::InstrumentationScope::Create("memory-worker", facts.version);
  package_writer writer{*exporter, resource, *scope};
  write_spans(job, facts, writer);
  exporter->Export({writer.spans.data(), writer.spans.size()});
  exporter->Shutdown();
  server->reset();
  return body;
}

uint64_t take_varint(std::string_view& in) {
  uint64_t v = 0;
  for (int shift = 0;; shift += 7) {
    REQUIRE(!in.empty());
    const auto b = static_cast<uint8_t>(in.front());
    in.remove_prefix(1);
    v |= uint64_t{b & 0x7fU} << shift;
    if (b < 0x80) return v;
  }
}

/// The submessages with this number; the message has no others than length-delimited fields.
std::vector<std::string> submessages(std::string_view in, uint64_t number) {
  std::vector<std::string> out;
  while (!in.empty()) {
    const auto head = take_varint(in);
    REQUIRE((head & 7) == 2);
    const auto size = take_varint(in);
    REQUIRE(size <= in.size());
    if (head >> 3 == number) out.emplace_back(in.substr(0, size));
    in.remove_prefix(size);
  }
  return out;
}

/// ExportTraceServiceRequest -> its spans' bytes.
std::vector<std::string> spans_in(std::string_view request) {
  const auto resource_spans = submessages(request, 1);
  REQUIRE(resource_spans.size() == 1);
  const auto scope_spans = submessages(resource_spans[0], 2);
  REQUIRE(scope_spans.size() == 1);
  return submessages(scope_spans[0], 2);
}

/// JSON with its keys in order, numbers and texts alike, and without what may be left out.
std::string normal(const simdjson::dom::element& e) {
  simdjson::dom::object object;
  simdjson::dom::array array;
  std::string_view text;
  if (e.get(object) == simdjson::SUCCESS) {
    std::map<std::string, std::string> fields;
    for (const auto& [key, value] : object) fields[std::string{key}] = normal(value);
    std::string out = "{";
    for (const auto& [key, value] : fields)
      if (value != "[]" && value != "0" && !value.empty())
        out.append(key).append(":").append(value).append(",");
    return out + "}";
  }
  if (e.get(array) == simdjson::SUCCESS) {
    std::string out = "[";
    for (const auto item : array) out += normal(item) + ",";
    return out == "[" ? "[]" : out + "]";
  }
  if (e.get(text) == simdjson::SUCCESS) return std::string{text};
  return simdjson::minify(e);
}

std::string normal_spans(const std::string& body) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  REQUIRE_MESSAGE(parser.parse(body).get(root) == simdjson::SUCCESS, body);
  return normal(root["resourceSpans"].at(0)["scopeSpans"].at(0)["spans"]);
}

std::vector<job_trace> some_jobs() {
  auto failed = example_job();
  failed.error = "timed-out";
  failed.detail = "llm: timed-out: no answer";
  failed.calls[0].error = "truncated";
  failed.links.clear();
  auto large = example_job();
  large.calls[0].text =
      std::make_shared<chat_text>(chat_text{std::string(300, 'i'), std::string(70'000, 'o')});
  large.stages.clear();
  large.links.assign(128, large.links[1]);
  return {example_job(), failed, large};
}

}  // namespace

TEST_CASE("otlp: our protobuf spans are byte for byte those of the opentelemetry package") {
  for (const auto& job : some_jobs()) {
    const encoded_item piece{encode_protobuf(job, example_facts())};
    const auto ours = spans_in(request_protobuf({}, example_facts(), {&piece, 1}));
    const auto theirs = spans_in(package_body(job, example_facts(), false));
    REQUIRE(ours.size() == theirs.size());
    for (size_t i = 0; i < ours.size(); ++i) CHECK_MESSAGE(ours[i] == theirs[i], "span ", i);
  }
}

TEST_CASE("otlp: our JSON says what the package's JSON says") {
  for (const auto& job : some_jobs()) {
    const encoded_item piece{encode_json(job, example_facts())};
    const auto ours = request_json({}, example_facts(), {&piece, 1});
    CHECK(normal_spans(ours) == normal_spans(package_body(job, example_facts(), true)));
  }
}

TEST_CASE("otlp: several jobs join in one request, under the resource") {
  const std::vector<encoded_item> pieces{{encode_json(example_job(), example_facts())},
                                         {encode_json(example_job(), example_facts())}};
  const auto body =
      request_json({{"deployment.environment", "a b"}, {"service.name", "ignored"}}, example_facts(), pieces);
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  REQUIRE(parser.parse(body).get(root) == simdjson::SUCCESS);
  const auto first = root["resourceSpans"].at(0);
  CHECK(simdjson::dom::array{first["scopeSpans"].at(0)["spans"]}.size() == 12);
  std::map<std::string, std::string> about;
  for (const auto a : simdjson::dom::array{first["resource"]["attributes"]})
    about[std::string{std::string_view{a["key"]}}] = std::string_view{a["value"]["stringValue"]};
  CHECK(about["service.name"] == "memory-worker");
  CHECK(about["service.instance.id"] == "node-1");
  CHECK(about["deployment.environment"] == "a b");
}

TEST_CASE("otlp: a text that is not UTF-8 is mended, the request stays readable") {
  auto job = example_job();
  job.ids = mw::event_ids{"user\xff", "s", "m", ""};
  const encoded_item piece{encode_protobuf(job, example_facts())};
  const auto spans = spans_in(request_protobuf({}, example_facts(), {&piece, 1}));
  CHECK(spans[0].find("user\xef\xbf\xbd") != std::string::npos);
  CHECK(spans[0].find("user\xff") == std::string::npos);
}

TEST_CASE("otlp: pairs of headers and resource attributes") {
  CHECK(parse_pairs("a=1, b = x%20y ,,c,=d,e=%zz,f=") == text_pairs{{"a", "1"}, {"b", "x y"}, {"f", ""}});
  CHECK(parse_pairs("").empty());
}

TEST_CASE("otlp: which answers are tried again, and what a partial success rejects") {
  const auto w = make_otlp_wire({}, example_facts());
  const std::vector<encoded_item> items{{"x", 6}, {"y", 7}};
  const auto judge = [&](int status, std::string body = {}) {
    mw::http::response r;
    r.status = status;
    r.body = std::move(body);
    return w->judge(r, items);
  };
  for (const int status : {429, 502, 503, 504}) CHECK(judge(status).all_again);
  for (const int status : {400, 401, 404, 500}) CHECK(judge(status).refused == 13);
  CHECK(judge(200).refused == 0);
  CHECK(judge(200, std::string{"\x0a\x06\x08\x05\x12\x02no", 8}).refused == 5);
  CHECK_FALSE(judge(200, std::string{"\x0a\x06\x08\x05\x12\x02no", 8}).all_again);
  CHECK(rejected_spans(R"({"partialSuccess":{"rejectedSpans":"3"}})", true) == 3);
  CHECK(rejected_spans("{}", true) == 0);
  CHECK(rejected_spans("\xff\xff\xff", false) == 0);
}
