#include "protocol/observe/trace/sampling.hpp"

#include <opentelemetry/common/key_value_iterable_view.h>
#include <opentelemetry/sdk/trace/sampler.h>
#include <opentelemetry/sdk/trace/samplers/always_off_factory.h>
#include <opentelemetry/sdk/trace/samplers/always_on_factory.h>
#include <opentelemetry/sdk/trace/samplers/parent_factory.h>
#include <opentelemetry/sdk/trace/samplers/trace_id_ratio_factory.h>
#include <opentelemetry/trace/span_context.h>
#include <opentelemetry/trace/span_context_kv_iterable.h>

#include <map>
#include <string>
#include <utility>

namespace mw::observe {

namespace {

namespace otel = opentelemetry;
namespace sdk = opentelemetry::sdk::trace;

std::unique_ptr<sdk::Sampler> root_sampler(sampler_kind kind, double ratio) {
  switch (kind) {
    case sampler_kind::parentbased_always_on:
    case sampler_kind::always_on:
      return sdk::AlwaysOnSamplerFactory::Create();
    case sampler_kind::parentbased_always_off:
    case sampler_kind::always_off:
      return sdk::AlwaysOffSamplerFactory::Create();
    case sampler_kind::parentbased_traceidratio:
    case sampler_kind::traceidratio:
      break;
  }
  return sdk::TraceIdRatioBasedSamplerFactory::Create(ratio);
}

bool is_parent_based(sampler_kind kind) {
  return kind <= sampler_kind::parentbased_traceidratio;
}

struct no_links : otel::trace::SpanContextKeyValueIterable {
  bool ForEachKeyValue(
      otel::nostd::function_ref<bool(otel::trace::SpanContext, const otel::common::KeyValueIterable&)>)
      const noexcept override {
    return true;
  }
  size_t size() const noexcept override { return 0; }
};

}  // namespace

struct sampling::inside {
  std::unique_ptr<sdk::Sampler> sampler;
  double rate = 1;
};

sampling::sampling(sampler_kind kind, double ratio) : inside_(std::make_unique<inside>()) {
  auto root = root_sampler(kind, ratio);
  if (is_parent_based(kind))
    inside_->sampler = sdk::ParentBasedSamplerFactory::Create(std::shared_ptr<sdk::Sampler>{std::move(root)});
  else
    inside_->sampler = std::move(root);
  const bool by_ratio = kind == sampler_kind::traceidratio || kind == sampler_kind::parentbased_traceidratio;
  const bool off = kind == sampler_kind::always_off || kind == sampler_kind::parentbased_always_off;
  inside_->rate = by_ratio ? ratio : off ? 0 : 1;
}

sampling::~sampling() = default;
sampling::sampling(sampling&&) noexcept = default;

bool sampling::takes(const std::array<uint8_t, 16>& trace_id) const {
  static const std::map<std::string, std::string> none;
  const otel::common::KeyValueIterableView<std::map<std::string, std::string>> attributes{none};
  auto decided = inside_->sampler->ShouldSample(
      otel::trace::SpanContext::GetInvalid(),
      otel::trace::TraceId{otel::nostd::span<const uint8_t, 16>{trace_id.data(), trace_id.size()}}, "process",
      otel::trace::SpanKind::kConsumer, attributes, no_links{});
  return decided.IsSampled();
}

double sampling::rate() const {
  return inside_->rate;
}

}  // namespace mw::observe
