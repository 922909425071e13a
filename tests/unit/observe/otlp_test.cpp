// Our OTLP encoders against what the exporter of OpenTelemetry's C++ library (1.19) posted for the same jobs,
// byte for byte where it is protobuf. Its bodies lie in recorded/; the large ones are gzipped.
#include "protocol/observe/trace/otlp.hpp"

#include <simdjson.h>
#include <zlib.h>

#include "protocol/observe/trace/otlp_encoding.hpp"
#include "tests/unit/observe/trace_fixture.hpp"

using namespace mw::observe;
using namespace mw::observe::testing;

namespace {

/// What the library posted, unpacked where it is gzipped.
std::string recorded(const std::string& name) {
  const auto path = MW_SOURCE_DIR "/tests/unit/observe/recorded/" + name;
  auto* file = gzopen(path.c_str(), "rb");
  REQUIRE_MESSAGE(file != nullptr, path);
  std::string body;
  std::array<char, 4096> part{};
  int size = 0;
  while ((size = gzread(file, part.data(), part.size())) > 0)
    body.append(part.data(), static_cast<size_t>(size));
  gzclose(file);
  REQUIRE_MESSAGE(size == 0, path);
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

struct recorded_job {
  job_trace job;
  std::string protobuf, json;  ///< files
};

/// As they were when they were recorded.
std::vector<recorded_job> recorded_jobs() {
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
  return {{example_job(), "ordinary.pb", "ordinary.json"},
          {failed, "failed.pb", "failed.json"},
          {large, "large.pb.gz", "large.json.gz"}};
}

}  // namespace

TEST_CASE("otlp: our protobuf spans are byte for byte those of OpenTelemetry's library") {
  for (const auto& r : recorded_jobs()) {
    const encoded_item piece{encode_protobuf(r.job, example_facts())};
    const auto ours = spans_in(request_protobuf({}, example_facts(), {&piece, 1}));
    const auto theirs = spans_in(recorded(r.protobuf));
    REQUIRE(ours.size() == theirs.size());
    for (size_t i = 0; i < ours.size(); ++i) CHECK_MESSAGE(ours[i] == theirs[i], r.protobuf, " span ", i);
  }
}

TEST_CASE("otlp: our JSON says what the JSON of OpenTelemetry's library says") {
  for (const auto& r : recorded_jobs()) {
    const encoded_item piece{encode_json(r.job, example_facts())};
    const auto ours = request_json({}, example_facts(), {&piece, 1});
    CHECK(normal_spans(ours) == normal_spans(recorded(r.json)));
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
