#include "protocol/observe/metrics.hpp"

#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace mw::observe {

namespace {

constexpr const char* requests_name = "memory_worker_requests_total";
constexpr const char* requests_help =
    "Requests to a dependency that ended, by result (ok, or the error's code).";

double seconds(std::chrono::nanoseconds t) {
  return std::chrono::duration<double>(t).count();
}
double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

}  // namespace

const std::vector<double> call_bounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                      0.5,   1,      2.5,   5,    10,    30,   60,  120};
const std::vector<double> wait_bounds{1, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 21600, 86400};

Counter& metric_registry::counter(const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry_).Add({});
}

Gauge& metric_registry::gauge(const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry_).Add({});
}

Histogram& metric_registry::histogram(const char* name, const char* help, const std::vector<double>& bounds) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry_).Add({}, bounds);
}

labelled<Counter> metric_registry::counters(const char* name, const char* help, const char* label,
                                            const names& known) {
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
  return {[&family, label](std::string_view v) -> Counter& {
            return family.Add({{label, std::string{v}}});
          },
          known};
}

labelled<Gauge> metric_registry::gauges(const char* name, const char* help, const char* label,
                                        const names& known) {
  auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(registry_);
  return {[&family, label](std::string_view v) -> Gauge& {
            return family.Add({{label, std::string{v}}});
          },
          known};
}

labelled<Histogram> metric_registry::histograms(const char* name, const char* help, const char* label,
                                                const std::vector<double>& bounds, const names& known) {
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(registry_);
  return {[&family, label, bounds](std::string_view v) -> Histogram& {
            return family.Add({{label, std::string{v}}}, bounds);
          },
          known};
}

labelled<Counter> metric_registry::requests(const char* name, const char* help,
                                            std::string_view dependency_name) {
  // Registering a family again gives the one that is there.
  auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
  return {[&family, d = std::string{dependency_name}](std::string_view v) -> Counter& {
            return family.Add({{"dependency", d}, {"result", std::string{v}}});
          },
          {"ok"}};
}

metrics::metrics(std::string_view version)
    : requests_{requests(requests_name, requests_help, to_string(dependency::bus)),
                requests(requests_name, requests_help, to_string(dependency::redis)),
                requests(requests_name, requests_help, to_string(dependency::llm)),
                requests(requests_name, requests_help, to_string(dependency::memory))} {
  prometheus::BuildGauge()
      .Name("memory_worker_build_info")
      .Help("Always 1; the label tells the version.")
      .Register(registry_)
      .Add({{"version", std::string{version}}})
      .Set(1);
  start_time_.Set(std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count());
}

void metrics::request_ended(dependency d, const failure* error, std::chrono::nanoseconds took) {
  if (d == dependency::none) return;
  requests_.at(static_cast<size_t>(d) - 1).at(error == nullptr ? "ok" : to_string(error->code)).Increment();
  request_seconds_.at(to_string(d)).Observe(seconds(took));
}

void metrics::read_process() {
  std::ifstream statm{"/proc/self/statm"};
  uint64_t total = 0;
  uint64_t resident = 0;
  if (statm >> total >> resident)
    resident_.Set(static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGE_SIZE)));
  rusage used{};
  if (getrusage(RUSAGE_SELF, &used) == 0) {
    const double spent = seconds(used.ru_utime) + seconds(used.ru_stime) - cpu_.Value();
    if (spent > 0) cpu_.Increment(spent);
  }
}

std::string metrics::expose() {
  const std::lock_guard lock{scrape_};
  read_process();
  return prometheus::TextSerializer{}.Serialize(registry_.Collect());
}

}  // namespace mw::observe
