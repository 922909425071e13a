#include "protocol/config/load.hpp"

#include <doctest/doctest.h>

#include "load_fixture.hpp"
#include "protocol/config/file.hpp"

using namespace std::chrono_literals;
using namespace mw::config;
using mw::config::test::has;
using mw::config::test::scene;

TEST_CASE("the original's four variables suffice, and its defaults hold") {
  const auto l = scene{}.four().run();
  CHECK(l.problems.empty());
  CHECK(l.file.empty());
  const auto& s = l.values;
  CHECK(s.receiver.fully_qualified_namespace == "chat.servicebus.windows.net");
  CHECK(s.receiver.topic == "message-completed");
  CHECK(s.receiver.subscription == "memory-worker-message-completed");
  CHECK(s.session_loader.host == "redis.example.net");
  CHECK(s.session_loader.port == 10'000);
  CHECK(s.session_loader.tls);
  CHECK(s.dispatcher.max_jobs == 10);
  CHECK(s.process.level == mw::log_level::info);
  CHECK(s.llm_analyzer.endpoint == "https://chat.openai.azure.com/openai/deployments/gpt-4");
  CHECK(s.memory_writer.endpoint == "http://memory-api:8003");
}

TEST_CASE("every variable of the original keeps its meaning") {
  const auto l = scene{}
                     .four()
                     .env("SERVICEBUS_MESSAGE_COMPLETED_TOPIC", "t")
                     .env("SERVICEBUS_MESSAGE_COMPLETED_SUBSCRIPTION", "sub")
                     .env("REDIS_PORT", "6380")
                     .env("REDIS_SSL", "False")
                     .env("LOG_LEVEL", "WARNING")
                     .env("MAX_CONCURRENCY", "32")
                     .env("OTEL_SERVICE_NAME", "mem")
                     .env("COSMOS_DATABASE_NAME", "memory")
                     .env("AZURE_OPENAI_API_VERSION", "2025-04-01-preview")
                     .run();
  REQUIRE(l.problems.empty());
  const auto& s = l.values;
  CHECK(s.receiver.topic == "t");
  CHECK(s.receiver.subscription == "sub");
  CHECK(s.session_loader.port == 6380);
  CHECK_FALSE(s.session_loader.tls);
  CHECK(s.process.level == mw::log_level::warning);
  CHECK(s.dispatcher.max_jobs == 32);
  CHECK(s.llm_analyzer.max_in_flight == 32);
  CHECK(s.process.service_name == "mem");
  CHECK(s.memory_writer.cosmos_database == "memory");
  CHECK(s.llm_analyzer.api_version == "2025-04-01-preview");
}

TEST_CASE("Python's names of levels are understood in any case") {
  const auto level = [](const char* name) {
    return scene{}.four().env("LOG_LEVEL", name).run().values.process.level;
  };
  CHECK(level("DEBUG") == mw::log_level::debug);
  CHECK(level("warn") == mw::log_level::warning);
  CHECK(level("Critical") == mw::log_level::error);
  CHECK(scene{}.four().env("LOG_LEVEL", "LOUD").problems() ==
        "LOG_LEVEL: process.log-level: \"LOUD\" is none of debug, info, warning, error");
}

TEST_CASE("what run needs and doesn't have is one line each, with the ways to set it") {
  CHECK(scene{}.problems() ==
        "receiver.connection-string is not set: the Service Bus; set SERVICEBUS_CONNECTION_STRING or "
        "SERVICEBUS_FULLY_QUALIFIED_NAMESPACE, or connection-string = \"...\" in [receiver] of "
        "memory-worker.conf\n"
        "session_loader.host is not set: the Redis host; set REDIS_HOST, or host = \"...\" in "
        "[session_loader] of "
        "memory-worker.conf\n"
        "llm_analyzer.endpoint is not set: the LLM endpoint; set AZURE_AI_CHAT_ENDPOINT, or endpoint = "
        "\"...\" in "
        "[llm_analyzer] of memory-worker.conf\n"
        "memory_writer.endpoint is not set: the Memory API endpoint, or COSMOS_ENDPOINT for Cosmos DB; set "
        "MEMORY_API_ENDPOINT, or endpoint = \"...\" in [memory_writer] of memory-worker.conf");
  CHECK(scene{}.problems(need::nothing).empty());
}

TEST_CASE("an empty variable counts as not set") {
  CHECK(scene{}.four().env("REDIS_PASSWORD", "").env("REDIS_PORT", "").run().values.session_loader.port ==
        10'000);
}

TEST_CASE("file below .env below environment below command line") {
  scene s;
  s.four().file("[session_loader]\nport = 1\nusername = \"file\"\nmissing-retry = 1s\npassword = \"f\"\n");
  s.file("REDIS_PORT=2\nREDIS_USERNAME=dotenv\nREDIS_PASSWORD=d\n", ".env");
  s.env("REDIS_PORT", "3").env("REDIS_USERNAME", "process").arg("--session_loader.port=4");
  const auto l = s.run();
  REQUIRE(l.problems.empty());
  CHECK(l.file == "memory-worker.conf");
  CHECK(l.values.session_loader.port == 4);
  CHECK(l.values.session_loader.username == "process");
  CHECK(l.values.session_loader.password.value == "d");
  CHECK(l.values.session_loader.missing_retry == 1s);
  CHECK(has(l.notes, "REDIS_USERNAME overrides session_loader.username of memory-worker.conf:3"));
  CHECK(has(l.notes, ".env:3: REDIS_PASSWORD overrides session_loader.password of memory-worker.conf:5"));
}

TEST_CASE("an unknown key names file and line and suggests the nearest") {
  const auto line = [](const char* text) { return scene{}.four().file(text).problems(); };
  CHECK(line("[receiver]\n\nwindw-room = 5\n") ==
        "memory-worker.conf:3: receiver.windw-room: unknown key; did you mean window-room?");
  CHECK(line("[receiver]\nwindow_room = 5\n") ==
        "memory-worker.conf:2: receiver.window_room: unknown key; did you mean window-room?");
  CHECK(line("[receiver]\nmax-jobs = 5\n") ==
        "memory-worker.conf:2: receiver.max-jobs: unknown key; max-jobs belongs to section dispatcher");
  CHECK(line("[reciever]\ntopic = \"t\"\n") ==
        "memory-worker.conf:2: reciever.topic: unknown section; did you mean receiver?");
  CHECK(line("[admin]\nsomething-quite-else = true\n") ==
        "memory-worker.conf:2: admin.something-quite-else: unknown key; `memory-worker config --reference` "
        "lists all");
  CHECK(scene{}.four().arg("--dispatcher.max-job=5").problems() ==
        "command line: --dispatcher.max-job: unknown key; did you mean max-jobs?");
}

TEST_CASE("a wrong type names file, line, key and the fix") {
  const auto line = [](const char* text) { return scene{}.four().file(text).problems(); };
  CHECK(line("[receiver]\nwindow-room = \"many\"\n") ==
        "memory-worker.conf:2: receiver.window-room: expected an integer, got a string; write window-room = "
        "50000");
  CHECK(line("[dispatcher]\nquiet = 60\n") ==
        "memory-worker.conf:2: dispatcher.quiet: expected a duration, got an integer; write quiet = 1min");
  CHECK(line("[admin]\nenabled = \"yes\"\n") ==
        "memory-worker.conf:2: admin.enabled: expected true or false, got a string; write enabled = true");
  CHECK(line("[dispatcher]\npreset = \"fast\"\n") ==
        "memory-worker.conf:2: dispatcher.preset: \"fast\" is none of fresh, balanced, cheap");
  CHECK(line("[dispatcher]\nbytes-in-flight = \"256 parsecs\"\n") ==
        "memory-worker.conf:2: dispatcher.bytes-in-flight: expected a size, as 1048576 or \"256MiB\"");
  CHECK(line("[memory_writer]\nendpoint = \"memory-api:8003\"\n") ==
        "memory-worker.conf:2: memory_writer.endpoint: expected a URL that starts with http:// or https://");
  CHECK(line("[dispatcher]\nquiet = 1500us\n") ==
        "memory-worker.conf:2: dispatcher.quiet: the smallest step of a duration here is 1ms");
  CHECK(scene{}.four().env("MAX_CONCURRENCY", "ten").problems() ==
        "MAX_CONCURRENCY: dispatcher.max-jobs: expected an integer, as 10");
  CHECK(scene{}.four().arg("--dispatcher.quiet=soon").problems() ==
        "--dispatcher.quiet: dispatcher.quiet: expected a duration, as 1min");
  CHECK(scene{}.four().file("REDIS_SSL=perhaps\n", ".env").problems() ==
        ".env:1: REDIS_SSL: session_loader.tls: expected true or false");
}

TEST_CASE("a value out of range names the range") {
  const auto line = [](const char* text) { return scene{}.four().file(text).problems(); };
  CHECK(line("[receiver]\nwindow-room = 0\n") ==
        "memory-worker.conf:2: receiver.window-room: 0 is out of range; allowed: 1 .. 1000000");
  CHECK(line("[receiver]\nlock-duration = 6min\n") ==
        "memory-worker.conf:2: receiver.lock-duration: 6min is out of range; allowed: 5s .. 5min");
  CHECK(line("[dispatcher]\nuser-share = 1.5\n") ==
        "memory-worker.conf:2: dispatcher.user-share: 1.5 is out of range; allowed: 0.01 .. 1.0");
  CHECK(line("[session_loader]\nmax-conversation = \"1GiB\"\n") ==
        "memory-worker.conf:2: session_loader.max-conversation: \"1GiB\" is out of range; allowed: 1KiB .. "
        "512MiB");
  CHECK(scene{}.four().env("REDIS_PORT", "70000").problems() ==
        "REDIS_PORT: session_loader.port: 70000 is out of range; allowed: 1 .. 65535");
}

TEST_CASE("every mistake is reported at once, and a refused value is not also reported as missing") {
  CHECK(scene{}
            .file("[session_loader]\nhost = 5\nprot = 1\n[receiver]\nnamespace = "
                  "\"n\"\n[llm_analyzer]\nendpoint = "
                  "\"http://l\"\n[memory_writer]\nendpoint = \"http://m\"\n")
            .problems() ==
        "memory-worker.conf:2: session_loader.host: expected a string, got an integer; write host = \"...\"\n"
        "memory-worker.conf:3: session_loader.prot: unknown key; did you mean port?");
}

TEST_CASE("a key set twice in the file is refused") {
  CHECK(scene{}.four().file("[admin]\nport = 1\nport = 2\n").problems() ==
        "memory-worker.conf:3: admin.port: set before on line 2; keep one of the two");
}

TEST_CASE("command line: --config names the file, other words are refused without showing a value") {
  scene s;
  s.four().file("[admin]\nport = 1\n", "other.conf").arg("--config").arg("other.conf").arg("--admin.enabled");
  CHECK(s.run().values.admin.port == 1);
  CHECK(s.run().file == "other.conf");
  CHECK(scene{}
            .four()
            .file("[admin]\nport = 7\n", "o.conf")
            .env("MEMORY_WORKER_CONFIG", "o.conf")
            .run()
            .values.admin.port == 7);
  CHECK(scene{}.four().arg("--config=none.conf").problems() ==
        "none.conf: cannot read the configuration: No such file or directory; name a readable file with "
        "--config");
  CHECK(scene{}.four().arg("--config").problems() ==
        "command line: --config: expected the name of a file, as --config memory-worker.conf");
  CHECK(
      scene{}.four().arg("hunter2").problems() ==
      "command line: argument 1: expected --section.key=VALUE; `memory-worker config --reference` lists all");
  CHECK(scene{}.four().arg("--llm_analyzer.api_key=hunter2").problems() ==
        "command line: --llm_analyzer.api_key: unknown key; did you mean api-key?");
  CHECK(scene{}.four().arg("--admin.port").problems() ==
        "command line: --admin.port: expected a value, as --admin.port=VALUE");
}

TEST_CASE("the preset gives quiet and max-age, explicit values win") {
  const auto with = [](const char* text) { return scene{}.four().file(text).run().values.dispatcher; };
  CHECK(with("").quiet == 60s);
  CHECK(with("").max_age == 10min);
  CHECK(with("[dispatcher]\npreset = \"fresh\"\n").quiet == 5s);
  CHECK(with("[dispatcher]\npreset = 'fresh'\n").max_age == 30s);
  CHECK(with("[dispatcher]\npreset = \"cheap\"\nquiet = 2min\n").quiet == 2min);
  CHECK(with("[dispatcher]\npreset = \"cheap\"\nquiet = 2min\n").max_age == 30min);
  CHECK(with("[dispatcher]\nquiet = 0s\n").quiet == 0s);
}

TEST_CASE("options that contradict each other are refused") {
  CHECK(scene{}.four().file("[dispatcher]\npreset = \"fresh\"\nquiet = 1min\n").problems() ==
        "memory-worker.conf:3: dispatcher.quiet: 1min is longer than max-age (30s); raise max-age or lower "
        "quiet");
  CHECK(scene{}.four().arg("--supervisor.backoff-max=50ms").problems() ==
        "--supervisor.backoff-max: supervisor.backoff-min: 100ms is longer than backoff-max (50ms); raise "
        "backoff-max or lower backoff-min");
  CHECK(scene{}.four().arg("--dispatcher.bytes-in-flight=1MiB").problems() ==
        "--dispatcher.bytes-in-flight: dispatcher.bytes-in-flight: 1048576 bytes is less than "
        "session_loader.max-conversation (8388608 bytes); raise the one or lower the other");
}

TEST_CASE("limits of the cgroup give bytes in flight and threads, the host its name") {
  scene s;
  s.four();
  s.in.limits = {512ull << 20, true, 0.25, true};
  const auto v = s.run().values;
  CHECK(v.dispatcher.bytes_in_flight == (512ull << 20) / 10 * 4);
  CHECK(v.process.threads == 1);
  CHECK(v.process.node_name == "node-1");
  CHECK(v.llm_analyzer.max_in_flight == 10);
}

TEST_CASE(
    "AZURE_OPENAI_* compose the endpoint, AZURE_AI_CHAT_ENDPOINT wins, and it is told which was taken") {
  scene s;
  s.env("SERVICEBUS_CONNECTION_STRING", "Endpoint=sb://x/")
      .env("REDIS_HOST", "r")
      .env("MEMORY_API_ENDPOINT", "http://m");
  s.env("AZURE_OPENAI_ENDPOINT", "https://n.openai.azure.com/").env("AZURE_OPENAI_DEPLOYMENT_NAME", "gpt");
  auto l = s.run();
  CHECK(l.problems.empty());
  CHECK(l.values.llm_analyzer.endpoint == "https://n.openai.azure.com/openai/deployments/gpt");
  CHECK(has(l.notes,
            "llm_analyzer.endpoint is composed of AZURE_OPENAI_ENDPOINT and AZURE_OPENAI_DEPLOYMENT_NAME"));
  s.file("[llm_analyzer]\nendpoint = \"https://file\"\n");
  l = s.run();
  CHECK(l.values.llm_analyzer.endpoint == "https://n.openai.azure.com/openai/deployments/gpt");
  CHECK(has(l.notes, "AZURE_OPENAI_ENDPOINT overrides llm_analyzer.endpoint of memory-worker.conf:2"));
  s.env("AZURE_AI_CHAT_ENDPOINT", "https://seed");
  l = s.run();
  CHECK(l.values.llm_analyzer.endpoint == "https://seed");
  CHECK(has(l.notes,
            "llm_analyzer.endpoint is taken from AZURE_AI_CHAT_ENDPOINT; AZURE_OPENAI_ENDPOINT is not used"));
  CHECK(scene{}.four().env("AZURE_OPENAI_ENDPOINT", "https://n").problems().empty());
}

TEST_CASE(
    "an Azure endpoint without deployment is one clear line; the Memory API wins over Cosmos DB, which does "
    "alone") {
  scene s;
  s.env("SERVICEBUS_CONNECTION_STRING", "Endpoint=sb://x/").env("REDIS_HOST", "r");
  s.env("AZURE_OPENAI_ENDPOINT", "https://n.openai.azure.com")
      .env("COSMOS_ENDPOINT", "https://a.documents.azure.com:443/")
      .env("COSMOS_KEY", "c2VjcmV0");
  CHECK(s.problems() ==
        "AZURE_OPENAI_ENDPOINT: llm_analyzer.azure-endpoint: no deployment is named; set "
        "AZURE_OPENAI_DEPLOYMENT_NAME, or use AZURE_AI_CHAT_ENDPOINT");
  const auto alone = s.env("AZURE_OPENAI_DEPLOYMENT_NAME", "gpt-4").run();
  CHECK(alone.problems.empty());
  CHECK(alone.values.memory_writer.cosmos_endpoint == "https://a.documents.azure.com:443/");
  CHECK(alone.values.memory_writer.cosmos_key.value == "c2VjcmV0");
  CHECK(has(alone.notes,
            "memories go to Cosmos DB: memory_writer.cosmos-endpoint is taken from COSMOS_ENDPOINT"));
  const auto l = scene{}.four().env("COSMOS_ENDPOINT", "https://c").run();
  CHECK(l.problems.empty());
  CHECK(
      has(l.notes, "memory_writer.endpoint is taken from MEMORY_API_ENDPOINT; COSMOS_ENDPOINT is not used"));
}

TEST_CASE("of several variables for the key the first is taken, and that is told") {
  const auto l = scene{}.four().env("OPENAI_API_KEY", "second").env("AZURE_AI_CHAT_KEY", "first").run();
  CHECK(l.values.llm_analyzer.api_key.value == "first");
  CHECK(has(l.notes, "AZURE_AI_CHAT_KEY is taken for llm_analyzer.api-key; OPENAI_API_KEY is not used"));
  CHECK(scene{}.four().env("OPENAI_API_KEY", "k").run().values.llm_analyzer.api_key.value == "k");
}

TEST_CASE("Entra's variables are those of Azure's SDKs and platforms; that it is used is told") {
  scene s;
  s.four().env("AZURE_TENANT_ID", "t").env("AZURE_CLIENT_ID", "c").env("AZURE_CLIENT_SECRET", "hunter2");
  s.env("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us").env("AZURE_FEDERATED_TOKEN_FILE", "/f");
  s.env("IDENTITY_ENDPOINT", "http://127.0.0.1:42356/msi/token").env("IDENTITY_HEADER", "hunter2");
  s.env("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:4");
  const auto l = s.run();
  const auto& a = l.values.azure;
  CHECK(a.tenant_id == "t");
  CHECK(a.client_id == "c");
  CHECK(a.client_secret.value == "hunter2");
  CHECK(a.authority_host == "https://login.microsoftonline.us");
  CHECK(a.federated_token_file == "/f");
  CHECK(a.identity_endpoint == "http://127.0.0.1:42356/msi/token");
  CHECK(a.identity_header.value == "hunter2");
  CHECK(a.imds_host == "http://127.0.0.1:4");
  CHECK(print(l).find("hunter2") == std::string::npos);
  CHECK(has(
      l.notes,
      "the Service Bus is that of SERVICEBUS_FULLY_QUALIFIED_NAMESPACE; no connection string is set, so the "
      "worker signs in with Entra"));
}

TEST_CASE("telemetry is off by default and set by the usual variables") {
  const auto off = scene{}.four().run().values.telemetry;
  CHECK(off.app_insights.empty());
  CHECK(off.otlp_endpoint.empty());
  CHECK_FALSE(off.capture_content);
  const auto t = scene{}
                     .four()
                     .env("APPLICATIONINSIGHTS_CONNECTION_STRING", "InstrumentationKey=k")
                     .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
                     .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
                     .env("OTEL_EXPORTER_OTLP_TIMEOUT", "2500")
                     .env("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
                     .env("OTEL_TRACES_SAMPLER_ARG", "0.25")
                     .env("OTEL_BSP_MAX_QUEUE_SIZE", "4096")
                     .env("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
                     .run()
                     .values.telemetry;
  CHECK(t.app_insights.value == "InstrumentationKey=k");
  CHECK(t.otlp_endpoint == "http://collector:4318");
  CHECK(t.protocol == otlp_protocol::http_json);
  CHECK(t.otlp_timeout_ms == 2500);
  CHECK(t.sampler == trace_sampler::parentbased_traceidratio);
  CHECK(t.sampler_arg == 0.25);
  CHECK(t.max_queue == 4096);
  CHECK(t.capture_content);
}

TEST_CASE("no secret is in the printed configuration, a note or a problem line") {
  scene s;
  s.four().file("[session_loader]\npassword = \"hunter2\"\n[memory_writer]\ntoken = [\"hunter2\"]\n");
  s.env("REDIS_PASSWORD", "hunter2b").env("AZURE_AI_CHAT_KEY", "hunter2\n").env("OPENAI_API_KEY", "hunter2x");
  s.env("SERVICEBUS_CONNECTION_STRING", "Endpoint=sb://x/;SharedAccessKey=hunter2");
  const auto l = s.run();
  auto all = print(l) + s.problems();
  for (const auto& note : l.notes) all += note;
  CHECK(all.find("hunter2") == std::string::npos);
  CHECK(all.find("password = \"***\" ; REDIS_PASSWORD\n") != std::string::npos);
  CHECK(all.find("; token is not set\n") != std::string::npos);
}

TEST_CASE("the printed configuration is a configuration file with the same meaning") {
  scene s;
  s.four().file(
      "[dispatcher]\npreset = \"fresh\"\nuser-share = 1\n[llm_analyzer]\ntemperature = 0.1\nmodel = "
      "\"a\\\"b\\\\c\"\n");
  const auto first = s.run();
  REQUIRE(first.problems.empty());
  scene again;
  again.file(print(first));
  const auto second = again.run();
  CHECK(again.problems().empty());
  for (const auto& o : options()) CHECK_MESSAGE(o.get(first.values) == o.get(second.values), o.name());
}
