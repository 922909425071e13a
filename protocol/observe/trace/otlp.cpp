#include "protocol/observe/trace/otlp.hpp"

#include <algorithm>

#include "protocol/http/url.hpp"
#include "protocol/observe/trace/gzip.hpp"
#include "protocol/observe/trace/otlp_encoding.hpp"

namespace mw::observe {

namespace {

class otlp_wire final : public wire {
 public:
  otlp_wire(otlp_options options, trace_facts facts)
      : options_(std::move(options)), facts_(std::move(facts)) {}

  std::string_view name() const override { return "otlp"; }

  void encode(const incoming_item& in, std::vector<encoded_item>& out) override {
    if (!in.job) return;
    out.push_back({is_json() ? encode_json(*in.job, facts_) : encode_protobuf(*in.job, facts_), in.weight});
  }

  http::request compose(std::span<const encoded_item> batch, const std::string&) override {
    http::request r;
    r.method = "POST";
    r.url = options_.url;
    r.headers = options_.headers;
    r.headers.emplace_back("Content-Type", is_json() ? "application/json" : "application/x-protobuf");
    r.body = is_json() ? request_json(options_.resource, facts_, batch)
                       : request_protobuf(options_.resource, facts_, batch);
    if (options_.gzip) {
      if (auto packed = gzip(r.body); !packed.empty()) {
        r.body = std::move(packed);
        r.headers.emplace_back("Content-Encoding", "gzip");
      }
    }
    r.connect_timeout = std::min<std::chrono::milliseconds>(r.connect_timeout, options_.timeout);
    r.total_timeout = options_.timeout;
    r.max_response_bytes = 1u << 20;
    return r;
  }

  answer_verdict judge(const result<http::response>& answer, std::span<const encoded_item> batch) override {
    answer_verdict v;
    if (!answer) {
      v.all_again = true;
      v.detail = to_string(answer.error());
      return v;
    }
    const int status = answer->status;
    if (status >= 200 && status < 300) {
      v.refused = rejected_spans(answer->body, is_json());
      v.cause = "refused";
      if (v.refused > 0) v.detail = "the receiver rejected " + std::to_string(v.refused) + " spans";
      return v;
    }
    v.detail = "the receiver answered " + std::to_string(status);
    if (status == 429 || status == 502 || status == 503 || status == 504) {
      v.all_again = true;
      v.wait = http::retry_after(*answer, std::chrono::system_clock::now());
      return v;
    }
    for (const auto& i : batch) v.refused += i.weight;
    v.cause = "refused";
    return v;
  }

 private:
  bool is_json() const { return options_.protocol == otlp_protocol::http_json; }

  const otlp_options options_;
  const trace_facts facts_;
};

}  // namespace

text_pairs parse_pairs(std::string_view text) {
  text_pairs out;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const auto pair = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const auto key = trim(pair.substr(0, equals), " \t");
    const auto value = http::percent_decode(trim(pair.substr(equals + 1), " \t"));
    if (key.empty() || !value) continue;
    out.emplace_back(key, *value);
  }
  return out;
}

std::unique_ptr<wire> make_otlp_wire(otlp_options options, trace_facts facts) {
  return std::make_unique<otlp_wire>(std::move(options), std::move(facts));
}

}  // namespace mw::observe
