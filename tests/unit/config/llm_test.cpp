#include <doctest/doctest.h>

#include "load_fixture.hpp"

using mw::config::test::has;
using mw::config::test::scene;

namespace {

/// Everything but the LLM, as the Python worker's later environment has it.
struct later_environment : scene {
  later_environment() {
    env("SERVICEBUS_CONNECTION_STRING", "Endpoint=sb://x/")
        .env("REDIS_HOST", "r")
        .env("MEMORY_API_ENDPOINT", "http://m");
    env("AZURE_OPENAI_ENDPOINT", "https://n.openai.azure.com/").env("AZURE_OPENAI_DEPLOYMENT_NAME", "gpt");
  }
};

}  // namespace

TEST_CASE("AZURE_OPENAI_ENDPOINT brings its own api-version, and says what it is when it is a v1 URL") {
  CHECK(later_environment{}.run().values.llm_analyzer.api_version == "2025-04-01-preview");
  CHECK(later_environment{}
            .env("AZURE_OPENAI_API_VERSION", "2024-10-21")
            .run()
            .values.llm_analyzer.api_version == "2024-10-21");
  CHECK(scene{}.four().run().values.llm_analyzer.api_version.empty());
  const auto v1 =
      later_environment{}.env("AZURE_OPENAI_ENDPOINT", "https://n.openai.azure.com/openai/v1/").run().values;
  CHECK(v1.llm_analyzer.endpoint == "https://n.openai.azure.com/openai/v1");
  CHECK(v1.llm_analyzer.model == "gpt");
  CHECK(later_environment{}
            .env("AZURE_OPENAI_ENDPOINT", "https://n.openai.azure.com/openai")
            .run()
            .values.llm_analyzer.endpoint == "https://n.openai.azure.com/openai/deployments/gpt");
}

TEST_CASE("summaries are embedded only where a deployment or an endpoint says so") {
  CHECK(later_environment{}.run().values.llm_analyzer.embeddings_endpoint.empty());
  const auto l = scene{}.four().arg("--llm_analyzer.embeddings-model=m").run();
  CHECK(l.values.llm_analyzer.embeddings_endpoint.empty());
  CHECK(has(l.notes,
            "--llm_analyzer.embeddings-model has no effect without llm_analyzer.embeddings-endpoint or "
            "-deployment"));
}

TEST_CASE("the embeddings deployment lies beside the LLM's") {
  const auto l = later_environment{}.env("AZURE_OPENAI_EMBEDDINGS_DEPLOYMENT_NAME", "vectors").run();
  REQUIRE(l.problems.empty());
  CHECK(l.values.llm_analyzer.embeddings_endpoint == "https://n.openai.azure.com/openai/deployments/vectors");
  CHECK(l.values.llm_analyzer.embeddings_dimensions == 3'072);
  CHECK(
      has(l.notes,
          "summaries are embedded with the deployment of AZURE_OPENAI_EMBEDDINGS_DEPLOYMENT_NAME, beside the "
          "LLM of llm_analyzer.azure-endpoint"));

  const auto seed = scene{}.four().env("AZURE_OPENAI_EMBEDDINGS_DEPLOYMENT_NAME", "vectors").run().values;
  CHECK(seed.llm_analyzer.embeddings_endpoint == "https://chat.openai.azure.com/openai/deployments/vectors");
  const auto both =
      later_environment{}
          .env("AZURE_AI_CHAT_ENDPOINT", "https://seed.openai.azure.com/openai/deployments/gpt-4")
          .env("AZURE_OPENAI_EMBEDDINGS_DEPLOYMENT_NAME", "vectors")
          .run()
          .values;
  CHECK(both.llm_analyzer.endpoint == "https://seed.openai.azure.com/openai/deployments/gpt-4");
  CHECK(both.llm_analyzer.embeddings_endpoint == "https://n.openai.azure.com/openai/deployments/vectors");
  const auto local = scene{}
                         .four()
                         .env("AZURE_AI_CHAT_ENDPOINT", "http://127.0.0.1:8080/v1")
                         .env("AZURE_OPENAI_EMBEDDINGS_DEPLOYMENT_NAME", "nomic")
                         .run()
                         .values;
  CHECK(local.llm_analyzer.embeddings_endpoint == "http://127.0.0.1:8080/v1");
  CHECK(local.llm_analyzer.embeddings_model == "nomic");
}

TEST_CASE("embeddings-endpoint wins, with a model of its own or the deployment's name") {
  later_environment s;
  s.env("AZURE_OPENAI_EMBEDDINGS_DEPLOYMENT_NAME", "vectors");
  s.arg("--llm_analyzer.embeddings-endpoint=http://127.0.0.1:9/v1");
  const auto l = s.run();
  CHECK(l.values.llm_analyzer.embeddings_endpoint == "http://127.0.0.1:9/v1");
  CHECK(l.values.llm_analyzer.embeddings_model == "vectors");
  CHECK(has(l.notes,
            "summaries are embedded at llm_analyzer.embeddings-endpoint of "
            "--llm_analyzer.embeddings-endpoint, with the model of AZURE_OPENAI_EMBEDDINGS_DEPLOYMENT_NAME"));
  s.arg("--llm_analyzer.embeddings-model=m");
  CHECK(s.run().values.llm_analyzer.embeddings_model == "m");
}

TEST_CASE("SSL_CERT_FILE names the certificate authorities of every HTTPS peer") {
  CHECK(scene{}.four().env("SSL_CERT_FILE", "/etc/ca.pem").run().values.process.ca_file == "/etc/ca.pem");
  CHECK(scene{}.four().run().values.process.ca_file.empty());
}
