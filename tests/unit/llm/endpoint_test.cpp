#include "protocol/llm/endpoint.hpp"

#include <doctest/doctest.h>

using mw::llm::endpoint_options;
using mw::llm::make_endpoint;
using headers = std::vector<std::pair<std::string, std::string>>;

namespace {

mw::llm::endpoint made(const endpoint_options& options) {
  const auto e = make_endpoint(options);
  REQUIRE(e);
  return *e;
}

}  // namespace

TEST_CASE("endpoint: an Azure deployment's URL gets path and api-version, the model comes from the path") {
  const auto e = made({"https://name.openai.azure.com/openai/deployments/gpt-4", "K", "", "ignored"});
  CHECK(e.url ==
        "https://name.openai.azure.com/openai/deployments/gpt-4/chat/completions?api-version=2024-10-21");
  CHECK(e.body_model.empty());
  CHECK(e.shown_model == "gpt-4");
  CHECK(e.headers == headers{{"content-type", "application/json"}, {"api-key", "K"}});
}

TEST_CASE("endpoint: the configured api-version beats the URL's, the URL's beats the default") {
  const std::string base = "https://name.openai.azure.com/openai/deployments/d/";
  CHECK(made({base + "?api-version=2025-04-01-preview", "K", "", ""})
            .url.ends_with("/d/chat/completions?api-version=2025-04-01-preview"));
  CHECK(made({base + "chat/completions?api-version=a", "K", "b", ""})
            .url.ends_with("/d/chat/completions?api-version=b"));
}

TEST_CASE("endpoint: the v1 form carries the model in the body and needs no api-version") {
  for (const auto* host : {"name.openai.azure.com", "name.services.ai.azure.com"}) {
    const auto e = made({"https://" + std::string{host} + "/openai/v1/", "K", "", "dep"});
    CHECK(e.url == "https://" + std::string{host} + "/openai/v1/chat/completions");
    CHECK(e.body_model == "dep");
    CHECK(e.headers.back() == std::pair<std::string, std::string>{"api-key", "K"});
  }
}

TEST_CASE(
    "endpoint: OpenAI and local servers get /v1 where it is missing, and a Bearer key where there is one") {
  for (const auto* url : {"http://127.0.0.1:8080", "http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1",
                          "http://127.0.0.1:8080/v1/chat/completions"}) {
    const auto e = made({url, "K", "", "m"});
    CHECK(e.url == "http://127.0.0.1:8080/v1/chat/completions");
    CHECK(e.body_model == "m");
    CHECK(e.headers.back() == std::pair<std::string, std::string>{"authorization", "Bearer K"});
  }
  CHECK(made({"http://127.0.0.1:8080", "", "", ""}).headers.size() == 1);
  CHECK(made({"https://gateway.example/llm/v1", "K", "", ""}).url ==
        "https://gateway.example/llm/v1/chat/completions");
}

TEST_CASE("endpoint: a bare Azure host takes the deployment from the model") {
  CHECK(made({"https://n.openai.azure.com", "K", "2025-04-01-preview", "dep"}).url ==
        "https://n.openai.azure.com/openai/deployments/dep/chat/completions?api-version=2025-04-01-preview");
  const auto v1 = made({"https://n.openai.azure.com/", "K", "", "dep"});
  CHECK(v1.url == "https://n.openai.azure.com/openai/v1/chat/completions");
  CHECK(v1.body_model == "dep");
}

TEST_CASE("endpoint: embeddings have the same shapes, and a chat URL's leaf gives way") {
  const auto embeddings = [](const char* url, const char* model) {
    return made({url, "K", "", model, mw::llm::operation_kind::embeddings});
  };
  const auto azure = embeddings("https://n.openai.azure.com/openai/deployments/vectors", "vectors");
  CHECK(azure.url ==
        "https://n.openai.azure.com/openai/deployments/vectors/embeddings?api-version=2024-10-21");
  CHECK(azure.body_model.empty());
  const auto v1 = embeddings("https://n.openai.azure.com/openai/v1", "vectors");
  CHECK(v1.url == "https://n.openai.azure.com/openai/v1/embeddings");
  CHECK(v1.body_model == "vectors");
  CHECK(embeddings("http://127.0.0.1:8080/v1/chat/completions", "m").url ==
        "http://127.0.0.1:8080/v1/embeddings");
}

TEST_CASE(
    "endpoint: the Azure AI inference route carries the model in the body and hands on what it does not "
    "know") {
  const auto e = made({"https://name.services.ai.azure.com/models", "K", "", "mistral"});
  CHECK(e.url == "https://name.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview");
  CHECK(e.body_model == "mistral");
  CHECK(e.headers == headers{{"extra-parameters", "pass-through"},
                             {"content-type", "application/json"},
                             {"api-key", "K"}});
}

TEST_CASE("endpoint: a dated api-version set beside a v1 URL is not sent there") {
  CHECK(made({"https://n.openai.azure.com/openai/v1", "K", "2025-04-01-preview", "d"})
            .url.ends_with("/openai/v1/chat/completions"));
  CHECK(made({"https://n.openai.azure.com/openai/v1", "K", "preview", "d"})
            .url.ends_with("?api-version=preview"));
}

TEST_CASE("endpoint: Entra tokens go to Azure's own hosts over https, keys stay with their host") {
  using mw::llm::same_host;
  using mw::llm::takes_entra;
  CHECK(takes_entra("https://n.openai.azure.com/openai/deployments/d"));
  CHECK(takes_entra("https://n.services.ai.azure.com"));
  CHECK_FALSE(takes_entra("http://n.openai.azure.com"));
  CHECK_FALSE(takes_entra("https://n.openai.azure.com.example.net"));
  CHECK_FALSE(takes_entra("https://example.net/n.openai.azure.com"));
  CHECK_FALSE(takes_entra("http://127.0.0.1:8080/v1"));
  CHECK(same_host("https://n.example/openai/v1", "https://n.example/v1"));
  CHECK_FALSE(same_host("https://n.example", "http://n.example"));
  CHECK_FALSE(same_host("http://n.example:1", "http://n.example:2"));
  CHECK_FALSE(same_host("", ""));
}

TEST_CASE("endpoint: what cannot work is refused with the shapes that do, and without repeating a secret") {
  for (const auto* url :
       {"", "name.openai.azure.com", "ftp://host/v1", "https://", "https://user:hunter2@host/v1",
        "https://a b/v1", "https://n.openai.azure.com/openai/deployments/",
        "https://n.openai.azure.com/openai/v1", "https://n.openai.azure.com",
        "https://n.openai.azure.com/api?key=hunter2"}) {
    const auto e = make_endpoint({url, "hunter2", "", ""});
    CAPTURE(url);
    REQUIRE_FALSE(e);
    CHECK(e.error().code == mw::errc::misconfigured);
    CHECK(e.error().detail.find("/openai/deployments/DEPLOYMENT") != std::string::npos);
    CHECK(e.error().detail.find("hunter2") == std::string::npos);
  }
}
