// The rows of [telemetry]; part of options.cpp's table.
#include "protocol/config/option_rows.hpp"

namespace mw::config {

namespace {

void add_telemetry_exporters(std::vector<option>& t) {
  using s = telemetry_settings;
  auto add = rows_of(t, "telemetry", &settings::telemetry);
  add(&s::app_insights, "app-insights",
      {.env = {"APPLICATIONINSIGHTS_CONNECTION_STRING"},
       .doc = "Connection string of Application Insights; empty: nothing is sent there."});
  add(&s::otlp_endpoint, "otlp-endpoint",
      {.type = option_type::url,
       .env = {"OTEL_EXPORTER_OTLP_ENDPOINT"},
       .doc = "Base URL of an OTLP receiver, as http://localhost:4318; empty: no traces are sent to one."});
  add(&s::otlp_traces_endpoint, "otlp-traces-endpoint",
      {.type = option_type::url,
       .env = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
       .default_note = "otlp-endpoint with /v1/traces",
       .doc = "The whole URL for traces; wins over otlp-endpoint."});
  add(&s::otlp_headers, "otlp-headers",
      {.env = {"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"},
       .doc = "Headers of its requests: key1=value1,key2=value2, values percent-coded."});
  add(&s::protocol, "otlp-protocol",
      {.env = {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"},
       .choices = {"http/protobuf", "http/json"},
       .doc = "Encoding of OTLP; gRPC is not spoken."});
  add(&s::compression, "otlp-compression",
      {.env = {"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"},
       .choices = {"none", "gzip"},
       .doc = "Compression of OTLP requests."});
  add(&s::otlp_timeout_ms, "otlp-timeout",
      {.min = 100,
       .max = 5 * minutes,
       .unit = "ms",
       .env = {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"},
       .doc = "Limit of one export, to OTLP or to Application Insights."});
  add(&s::ca_file, "ca-file",
      {.env = {"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"},
       .doc = "PEM file of certificate authorities for the receivers; empty: the system's."});
  add(&s::exporter, "traces-exporter",
      {.env = {"OTEL_TRACES_EXPORTER"},
       .choices = {"otlp", "none"},
       .doc = "none: no OTLP, whatever its endpoint."});
  add(&s::disabled, "disabled",
      {.env = {"OTEL_SDK_DISABLED"}, .doc = "true: neither OTLP nor Application Insights."});
}

void add_telemetry_traces(std::vector<option>& t) {
  using s = telemetry_settings;
  auto add = rows_of(t, "telemetry", &settings::telemetry);
  add(&s::sampler, "sampler",
      {.env = {"OTEL_TRACES_SAMPLER"},
       .choices = {"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio", "always_on",
                   "always_off", "traceidratio"},
       .doc =
           "Which jobs are traced. A job is the root of its trace (messages are linked), so the parentbased "
           "ones do as their root sampler does."});
  add(&s::sampler_arg, "sampler-arg",
      {.min = 0, .max = 1, .env = {"OTEL_TRACES_SAMPLER_ARG"}, .doc = "Ratio of the ratio samplers."});
  add(&s::resource_attributes, "resource-attributes",
      {.env = {"OTEL_RESOURCE_ATTRIBUTES"}, .doc = "More of the resource: key1=value1,key2=value2."});
  add(&s::max_queue, "max-queue",
      {.min = 64,
       .max = 1'000'000,
       .unit = "spans",
       .env = {"OTEL_BSP_MAX_QUEUE_SIZE"},
       .doc = "Spans that may wait for their export; what comes beyond is dropped and counted."});
  add(&s::max_batch, "max-batch",
      {.min = 1,
       .max = 100'000,
       .unit = "spans",
       .env = {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE"},
       .doc = "Spans of one export."});
  add(&s::schedule_delay_ms, "schedule-delay",
      {.min = 10,
       .max = 10 * minutes,
       .unit = "ms",
       .env = {"OTEL_BSP_SCHEDULE_DELAY"},
       .doc = "A batch that is not full is sent after so long."});
  add(&s::metric_interval_ms, "metric-interval",
      {.min = 1 * seconds,
       .max = 1 * hours,
       .unit = "ms",
       .env = {"OTEL_METRIC_EXPORT_INTERVAL"},
       .doc = "How often figures are sent to Application Insights."});
  add(&s::capture_content, "capture-content",
      {.env = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"},
       .doc = "Put conversation text and answers into the chat spans. The start log says when this is on."});
}

}  // namespace

void add_telemetry(std::vector<option>& table) {
  add_telemetry_exporters(table);
  add_telemetry_traces(table);
}

}  // namespace mw::config
