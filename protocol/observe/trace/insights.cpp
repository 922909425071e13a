#include "protocol/observe/trace/insights.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>

#include "protocol/observe/trace/gzip.hpp"

namespace mw::observe {

namespace {

constexpr int most_redirects = 10;
constexpr std::string_view bearer = "Bearer ";

bool goes_again(int status) {
  constexpr std::array again{401, 403, 408, 429, 500, 502, 503, 504};
  return std::find(again.begin(), again.end(), status) != again.end();
}

bool is_quota(int status) {
  return status == 402 || status == 439;
}

class insights_wire final : public wire {
 public:
  insights_wire(insights_options options, trace_facts facts)
      : options_(std::move(options)),
        context_{options_.connection.instrumentation_key, std::move(facts), options_.sample_rate},
        url_(options_.connection.track_url()),
        scope_(options_.connection.entra_scope()) {}

  std::string_view name() const override { return "application-insights"; }

  void encode(const incoming_item& in, std::vector<encoded_item>& out) override {
    if (in.job) {
      for (auto& e : job_envelopes(context_, *in.job)) out.push_back({std::move(e)});
    } else if (auto e = log_envelope(context_, in.line); !e.empty()) {
      out.push_back({std::move(e)});
    }
  }

  void periodic(std::vector<encoded_item>& out) override {
    if (!options_.figures) return;
    const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    for (const auto& m : options_.figures()) out.push_back({metric_envelope(context_, m, now)});
  }

  void authorize(std::function<void(result<std::string>)> done) override {
    if (options_.tokens == nullptr || options_.connection.audience.empty()) return done(std::string{});
    options_.tokens->get(scope_, [done = std::move(done)](result<azure::access_token> t) {
      if (!t) return done(t.error());
      done(std::string{bearer} + t->value);
    });
  }

  http::request compose(std::span<const encoded_item> batch, const std::string& authorization) override {
    std::string body{"["};
    for (const auto& item : batch) {
      if (body.size() > 1) body.push_back(',');
      body += item.bytes;
    }
    body.push_back(']');
    http::request r;
    r.method = "POST";
    r.url = url_;
    r.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
    if (!authorization.empty()) {
      token_ = authorization.substr(bearer.size());
      r.headers.emplace_back("Authorization", authorization);
    }
    if (auto packed = gzip(body); !packed.empty()) {
      r.body = std::move(packed);
      r.headers.emplace_back("Content-Encoding", "gzip");
    } else {
      r.body = std::move(body);
    }
    r.total_timeout = options_.timeout;
    r.max_response_bytes = 4u << 20;
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
    if (status == 307 || status == 308) return redirected(*answer, batch);
    redirects_ = 0;
    if (status == 200) return v;
    if (status == 206) return partial(*answer, batch);
    v.detail = fmt::format("the ingestion endpoint answered {}", status);
    v.wait = http::retry_after(*answer, std::chrono::system_clock::now());
    if (status == 401 && options_.tokens != nullptr && !token_.empty())
      options_.tokens->refused(scope_, token_);
    if (goes_again(status)) {
      v.all_again = true;
      return v;
    }
    v.refused = static_cast<uint32_t>(batch.size());
    v.cause = is_quota(status) ? "quota" : "refused";
    return v;
  }

 private:
  answer_verdict redirected(const http::response& r, std::span<const encoded_item> batch) {
    answer_verdict v;
    const std::string to{r.header("location")};
    const bool absolute = to.starts_with("https://") || to.starts_with("http://");
    const bool weaker = url_.starts_with("https://") && !to.starts_with("https://");
    if (!absolute || weaker || ++redirects_ > most_redirects) {
      v.refused = static_cast<uint32_t>(batch.size());
      v.cause = "refused";
      v.detail = redirects_ > most_redirects ? "the ingestion endpoint redirects in circles"
                                             : "the ingestion endpoint redirects to a place that is not safe";
      redirects_ = 0;
      url_ = options_.connection.track_url();
      return v;
    }
    url_ = to;
    v.all_again = v.at_once = true;
    return v;
  }

  static answer_verdict partial(const http::response& r, std::span<const encoded_item> batch) {
    answer_verdict v;
    simdjson::dom::parser parser;
    simdjson::dom::array errors;
    if (parser.parse(r.body)["errors"].get(errors) != simdjson::SUCCESS) return v;
    for (const auto error : errors) {
      int64_t index = -1;
      int64_t status = 0;
      if (error["index"].get(index) != simdjson::SUCCESS || index < 0 ||
          index >= static_cast<int64_t>(batch.size()))
        continue;
      if (error["statusCode"].get(status) == simdjson::SUCCESS && goes_again(static_cast<int>(status))) {
        v.again.push_back(static_cast<size_t>(index));
      } else {
        ++v.refused;
        v.cause = is_quota(static_cast<int>(status)) ? "quota" : "refused";
      }
    }
    if (v.refused > 0)
      v.detail = fmt::format("the ingestion endpoint refused {} of {}", v.refused, batch.size());
    std::sort(v.again.begin(), v.again.end());
    v.again.erase(std::unique(v.again.begin(), v.again.end()), v.again.end());
    return v;
  }

  const insights_options options_;
  const envelope_context context_;
  std::string url_;
  const std::string scope_;
  std::string token_;
  int redirects_ = 0;
};

}  // namespace

std::unique_ptr<wire> make_insights_wire(insights_options options, trace_facts facts) {
  return std::make_unique<insights_wire>(std::move(options), std::move(facts));
}

}  // namespace mw::observe
