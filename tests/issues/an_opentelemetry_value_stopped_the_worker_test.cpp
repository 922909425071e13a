// Platforms set OpenTelemetry's variables for every container. A value that we do not support ended the
// worker with exit code 78; the specification asks for a warning and the default.
#include <doctest/doctest.h>

#include "protocol/config/reference.hpp"
#include "tests/unit/config/load_fixture.hpp"

using namespace mw::config;
using mw::config::test::scene;

namespace {

/// One warning, which names the variable and shows nothing of its value.
void warns_once(const loaded& l, std::string_view name, std::string_view given) {
  CAPTURE(name);
  CAPTURE(given);
  CHECK(l.problems.empty());
  REQUIRE(l.warnings.size() == 1);
  CHECK(l.warnings[0].detail.find(name) != std::string::npos);
  CHECK(l.warnings[0].detail.find(given) == std::string::npos);
}

loaded with(std::string_view name, std::string_view given) {
  return scene{}.four().env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318").env(name, given).run();
}

}  // namespace

TEST_CASE(
    "no value of any OpenTelemetry variable stops the worker: what is not followed is told and the default") {
  for (const auto& o : options()) {
    for (const auto name : o.environment) {
      if (!name.starts_with("OTEL_")) continue;
      for (const std::string_view given :
           {"jaeger_remote", "deflate", "-1", "1e99", "99999999999999999999", "5 s", "[x]",
            "tcp://10.0.0.1:4317", "collector:4317", "console,zipkin", ","}) {
        const auto l = scene{}.four().env(name, given).run();
        CAPTURE(name);
        CAPTURE(given);
        CHECK(l.problems.empty());
        if (o.type == option_type::text || o.type == option_type::secret) continue;
        CHECK(o.get(l.values) == o.get(scene{}.four().run().values));
        if (given != ",") warns_once(l, name, given);
      }
    }
  }
}

TEST_CASE("OTLP over gRPC: exporting is off, and the warning says what to set") {
  auto l = with("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
  warns_once(l, "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
  CHECK(l.warnings[0].detail.find("http/protobuf") != std::string::npos);
  CHECK(l.warnings[0].detail.find("4318") != std::string::npos);
  CHECK(l.values.telemetry.protocol == otlp_protocol::http_protobuf);
  CHECK(l.values.telemetry.exporter == traces_exporter::none);
  warns_once(with("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "GRPC"), "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
             "GRPC");
}

TEST_CASE("OTLP over gRPC is off although the platform names the exporter too") {
  const auto l =
      scene{}.four().env("OTEL_TRACES_EXPORTER", "otlp").env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc").run();
  CHECK(l.values.telemetry.exporter == traces_exporter::none);
}

TEST_CASE("gRPC for all signals does not matter where the protocol of traces is one that we speak") {
  const auto l = with("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
  CHECK(l.values.telemetry.exporter == traces_exporter::none);
  const auto traces = scene{}
                          .four()
                          .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
                          .env("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json")
                          .run();
  CHECK(traces.warnings.empty());
  CHECK(traces.values.telemetry.exporter == traces_exporter::otlp);
  CHECK(traces.values.telemetry.protocol == otlp_protocol::http_json);
  const auto line = scene{}
                        .four()
                        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
                        .arg("--telemetry.otlp-protocol=http/protobuf")
                        .run();
  CHECK(line.warnings.empty());
  CHECK(line.values.telemetry.exporter == traces_exporter::otlp);
}

TEST_CASE("of a list of exporters the one that we have is taken") {
  const auto l = with("OTEL_TRACES_EXPORTER", "console, otlp");
  warns_once(l, "OTEL_TRACES_EXPORTER", "console");
  CHECK(l.values.telemetry.exporter == traces_exporter::otlp);
  CHECK(with("OTEL_TRACES_EXPORTER", "otlp,OTLP,").warnings.empty());
  const auto none = with("OTEL_TRACES_EXPORTER", "none");
  CHECK(none.warnings.empty());
  CHECK(none.values.telemetry.exporter == traces_exporter::none);
  warns_once(with("OTEL_TRACES_EXPORTER", "jaeger"), "OTEL_TRACES_EXPORTER", "jaeger");
}

TEST_CASE("the argument of a sampler that we do not have is not taken for another's") {
  const auto l = scene{}
                     .four()
                     .env("OTEL_TRACES_SAMPLER", "parentbased_jaeger_remote")
                     .env("OTEL_TRACES_SAMPLER_ARG", "endpoint=http://sampler:14250")
                     .run();
  warns_once(l, "OTEL_TRACES_SAMPLER", "jaeger");
  CHECK(l.values.telemetry.sampler == trace_sampler::parentbased_always_on);
  CHECK(l.values.telemetry.sampler_arg == 1);
  warns_once(with("OTEL_TRACES_SAMPLER_ARG", "often"), "OTEL_TRACES_SAMPLER_ARG", "often");
}

TEST_CASE(
    "an unreadable value counts as not set: the file's value stays, and the general variable is taken") {
  const auto l = scene{}
                     .four()
                     .file("[telemetry]\notlp-compression = \"gzip\"\n")
                     .env("OTEL_EXPORTER_OTLP_COMPRESSION", "deflate")
                     .env("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "soon")
                     .env("OTEL_EXPORTER_OTLP_TIMEOUT", "2500")
                     .run();
  CHECK(l.problems.empty());
  CHECK(l.warnings.size() == 2);
  CHECK(l.values.telemetry.compression == otlp_compression::gzip);
  CHECK(l.values.telemetry.otlp_timeout_ms == 2500);
}

TEST_CASE("an endpoint at the port of OTLP over gRPC is told") {
  const auto warnings = [](const char* name, const char* url) {
    return scene{}.four().env(name, url).run().warnings.size();
  };
  CHECK(warnings("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317") == 1);
  CHECK(warnings("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4317/v1/traces") == 1);
  CHECK(warnings("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318") == 0);
}

TEST_CASE("file and command line are ours: there a wrong value is an error as anywhere") {
  CHECK(scene{}.four().arg("--telemetry.otlp-compression=deflate").problems().find("none of none, gzip") !=
        std::string::npos);
  CHECK(!scene{}.four().file("[telemetry]\nsampler = \"jaeger_remote\"\n").problems().empty());
}
