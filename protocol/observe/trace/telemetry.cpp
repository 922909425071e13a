#include "protocol/observe/trace/telemetry.hpp"

#include "protocol/observe/log.hpp"

namespace mw::observe {

namespace {

/// Application Insights takes up to 48,000 envelopes a second and 64 KB each; a job is about seven.
constexpr uint32_t insights_queue = 20'000;
constexpr uint32_t insights_batch = 1'000;

http::client_options client_of(const telemetry_options& o) {
  http::client_options c;
  c.max_connections_per_host = 2;
  c.max_connections = 4;
  c.ca_file = o.ca_file;
  return c;
}

/// The worker's figures as they grew since the last call.
class growing_figures {
 public:
  explicit growing_figures(metrics& m) : metrics_(m) { take(); }
  std::vector<metric_point> take() {
    std::vector<metric_point> out;
    const auto add = [&](std::string_view name, double total, double& last) {
      out.push_back({name, total - std::exchange(last, total)});
    };
    add("memory_worker.events.completed", metrics_.deliveries_settled.at("complete").Value(), completed_);
    add("memory_worker.events.dead_lettered", metrics_.deliveries_settled.at("dead-letter").Value(), dead_);
    add("memory_worker.tokens.input", metrics_.llm_tokens.at("input").Value(), input_);
    add("memory_worker.tokens.output", metrics_.llm_tokens.at("output").Value(), output_);
    out.push_back({"memory_worker.events.unsettled", metrics_.deliveries_unsettled.Value()});
    const auto jobs = metrics_.job_seconds.Collect().histogram;
    const auto count = jobs.sample_count - std::exchange(jobs_, jobs.sample_count);
    const double sum = jobs.sample_sum - std::exchange(seconds_, jobs.sample_sum);
    if (count > 0) out.push_back({"memory_worker.job.duration", sum, count});
    return out;
  }

 private:
  metrics& metrics_;
  double completed_ = 0, dead_ = 0, input_ = 0, output_ = 0, seconds_ = 0;
  uint64_t jobs_ = 0;
};

}  // namespace

telemetry::telemetry(io::loop& loop, telemetry_options o, metrics& m) : http_(loop, client_of(o)) {
  sender_counters count;
  count.sent = [&m](std::string_view exporter, uint32_t n) { m.telemetry_sent.at(exporter).Increment(n); };
  count.dropped = [&m](std::string_view cause, uint32_t n) { m.telemetry_dropped.at(cause).Increment(n); };
  sampling sampler{o.sampler, o.ratio};
  if (o.otlp)
    otlp_ =
        std::make_unique<batch_sender>(http_, make_otlp_wire(std::move(*o.otlp), o.facts), o.sender, count);
  if (o.insights) {
    auto limits = o.sender;
    limits.most_items = insights_queue;
    limits.batch_items = insights_batch;
    o.insights->sample_rate = std::max(sampler.rate(), 0.0001) * 100;
    o.insights->figures = [figures = std::make_shared<growing_figures>(m)] { return figures->take(); };
    insights_ = std::make_unique<batch_sender>(http_, make_insights_wire(std::move(*o.insights), o.facts),
                                               limits, count);
    process_logger().set_tap([this](std::string_view line) {
      insights_->offer({nullptr, std::string{line}});
    });
  }
  book_ = std::make_unique<trace_book>(
      o.book, std::move(sampler), o.seed,
      [this](std::shared_ptr<const job_trace> job) { finished(std::move(job)); });
}

telemetry::~telemetry() {
  process_logger().set_tap({});
}

void telemetry::finished(std::shared_ptr<const job_trace> job) {
  const auto weight = static_cast<uint32_t>(job->spans());
  if (otlp_ && insights_) otlp_->offer({job, {}, weight});
  if (insights_) return insights_->offer({std::move(job), {}, weight});
  otlp_->offer({std::move(job), {}, weight});
}

void telemetry::flush(std::chrono::milliseconds limit) {
  const auto until = trace_clock::now() + limit;
  book_->flush(trace_clock::now());
  const auto left = [&] {
    return std::max(std::chrono::milliseconds{0},
                    std::chrono::duration_cast<std::chrono::milliseconds>(until - trace_clock::now()));
  };
  if (otlp_) otlp_->flush(left() / (insights_ ? 2 : 1));
  if (insights_) insights_->flush(left());
}

}  // namespace mw::observe
