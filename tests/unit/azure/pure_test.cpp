#include <doctest/doctest.h>

#include "protocol/azure/jwt.hpp"
#include "protocol/azure/refresh.hpp"
#include "protocol/azure/roles.hpp"
#include "protocol/azure/token_answer.hpp"
#include "protocol/base/base64.hpp"

using namespace std::chrono_literals;
using namespace mw;
using namespace mw::azure;

namespace {

http::response answer(int status, std::string body,
                      std::vector<std::pair<std::string, std::string>> headers = {}) {
  http::response r;
  r.status = status;
  r.body = std::move(body);
  r.headers = std::move(headers);
  return r;
}

const auto noon = std::chrono::system_clock::from_time_t(1'700'000'000);

std::string token_with(std::string_view payload) {
  return "e30." + base64url(payload) + ".c2ln";
}

}  // namespace

TEST_CASE("token: claims are read from the payload; what is no token has none") {
  const auto token = token_with(R"({"oid":"0b1d-77","exp":1700003600,"name":"äö?>"})");
  CHECK(jwt_text(token, "oid") == "0b1d-77");
  CHECK(jwt_text(token, "name") == "äö?>");
  CHECK(jwt_number(token, "exp") == 1'700'003'600);
  CHECK(jwt_text(token, "exp").empty());
  CHECK_FALSE(jwt_number(token, "oid"));
  for (const char* other : {"", "opaque", "a.b", "a.!!.c", "e30.W10.x", "e30.bnVsbA.x"})
    CHECK(jwt_text(other, "oid").empty());
  CHECK_FALSE(base64url_bytes("a"));
  CHECK(base64url_bytes(base64url(std::string_view{"\0\xff\x10z", 4})) == std::string{"\0\xff\x10z", 4});
}

TEST_CASE("answer of a token endpoint: life from expires_in, as a number or a text") {
  const auto entra =
      read_token_answer(answer(200, R"({"access_token":"T","expires_in":3599,"refresh_in":1800})"), noon);
  REQUIRE(entra);
  CHECK(entra->token == "T");
  CHECK(entra->life == 3599s);
  CHECK(entra->refresh_in == 1800s);
  const auto far = read_token_answer(
      answer(200, R"({"access_token":"T","expires_in":3599,"refresh_in":9223372036854776})"), noon);
  REQUIRE(far);
  CHECK(far->refresh_in == 0s);
  const auto imds =
      read_token_answer(answer(200, R"({"access_token":"T","expires_in":"86399","expires_on":"5"})"), noon);
  REQUIRE(imds);
  CHECK(imds->life == 86'399s);
}

TEST_CASE(
    "answer of an identity endpoint: expires_on is taken against the peer's clock, ours may be an hour off") {
  const std::string body = R"({"access_token":"T","expires_on":"1700003600"})";
  const auto wrong_clock =
      read_token_answer(answer(200, body, {{"date", "Tue, 14 Nov 2023 22:13:20 GMT"}}), noon + 2h);
  REQUIRE(wrong_clock);
  CHECK(wrong_clock->life == 3600s);
  const auto no_date = read_token_answer(answer(200, body), noon);
  REQUIRE(no_date);
  CHECK(no_date->life == 3600s);
}

TEST_CASE("answer of a token endpoint: a refusal keeps its AADSTS code and loses Entra's trace ids") {
  const auto r = read_token_answer(
      answer(
          401,
          R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Trace ID: 1-2 Correlation ID: 3"})"),
      noon);
  REQUIRE_FALSE(r);
  CHECK(r.error().code == errc::unauthorized);
  CHECK(r.error().detail == "status 401 invalid_client: AADSTS7000215: Invalid client secret provided");
}

TEST_CASE("answer of a token endpoint: each kind of trouble has its code") {
  const auto code = [](int status, const char* body) {
    const auto r = read_token_answer(answer(status, body, {{"retry-after", "7"}}), noon);
    REQUIRE_FALSE(r);
    if (status == 429) CHECK(r.error().retry_after == 7s);
    return r.error().code;
  };
  CHECK(code(429, "{}") == errc::throttled);
  CHECK(code(503, "oops") == errc::unreachable);
  CHECK(code(403, "{}") == errc::forbidden);
  CHECK(code(400, R"({"error":"invalid_tenant"})") == errc::misconfigured);
  CHECK(code(400, R"({"error":"invalid_resource"})") == errc::misconfigured);
  CHECK(code(200, "{\"access_tok") == errc::unreachable);
  CHECK(code(200, "[]") == errc::unreachable);
  CHECK(code(200, R"({"expires_in":5})") == errc::unreachable);
  CHECK(code(200, R"({"access_token":"T"})") == errc::unreachable);
  CHECK(code(200, R"({"access_token":"T","expires_in":0})") == errc::unreachable);
  CHECK(code(200, R"({"access_token":"T","expires_in":1e300})") == errc::unreachable);
  CHECK(code(200, R"({"access_token":"T","expires_on":-9223372036854775808})") == errc::unreachable);
}

TEST_CASE("answer of az: the end is expires_on, or the token's own where older versions print local time") {
  const auto modern = read_cli_answer(
      R"({"accessToken":"T","expiresOn":"2023-11-14 23:13:20.000000","expires_on":1700003600})", noon);
  REQUIRE(modern);
  CHECK(modern->life == 3600s);
  const auto old = read_cli_answer("{\"accessToken\":\"" + token_with(R"({"exp":1700000060})") +
                                       "\",\"expiresOn\":\"2023-11-14 23:13:20.000000\"}",
                                   noon);
  REQUIRE(old);
  CHECK(old->life == 60s);
  CHECK_FALSE(read_cli_answer("WARNING: ...", noon));
  CHECK_FALSE(read_cli_answer(R"({"accessToken":"T","expires_on":-9223372036854775808})", noon));
  CHECK_FALSE(read_cli_answer(R"({"accessToken":"opaque"})", noon));
}

TEST_CASE("refresh: at about half the life, sooner or later by a tenth, also for tokens of five seconds") {
  CHECK(refresh_delay(5s, 0ms, 0) == 2250ms);
  CHECK(refresh_delay(5s, 0ms, 0.999) < 2751ms);
  CHECK(refresh_delay(3600s, 0ms, 0.5) == 1800s);
  CHECK(refresh_delay(86'400s, 43'200s, 0.5) == 43'200s);
  CHECK(refresh_delay(10s, 9500ms, 0.999) == 9s);
  CHECK(refresh_delay(10s, 20s, 0.5) == 5s);
}

TEST_CASE("refresh that failed: tried again well before the old token ends, or when the peer said") {
  const auto down = fail(errc::unreachable, "down");
  CHECK(refresh_retry_delay(1, 1800s, down, 1) == 1s);
  CHECK(refresh_retry_delay(3, 1800s, down, 1) == 4s);
  CHECK(refresh_retry_delay(30, 1800s, down, 1) == 30s);
  CHECK(refresh_retry_delay(5, 2500ms, down, 1) == 625ms);
  CHECK(refresh_retry_delay(5, 10ms, down, 0) == 125ms);
  auto busy = fail(errc::throttled, "busy");
  busy.retry_after = 9s;
  CHECK(refresh_retry_delay(1, 1800s, busy, 0) == 9s);
}

TEST_CASE("pause without a token: grows, and what a person must repair is asked for less often") {
  CHECK(pause_after(1, fail(errc::unauthorized, ""), 1) == 1s);
  CHECK(pause_after(9, fail(errc::unauthorized, ""), 1) == 15s);
  CHECK(pause_after(9, fail(errc::unreachable, ""), 1) == 5s);
  auto busy = fail(errc::throttled, "");
  busy.retry_after = 10min;
  CHECK(pause_after(1, busy, 0) == 30s);
}

TEST_CASE(
    "retries within one attempt: IMDS wants 404 and 410 retried, 410 for at least 70 s; Entra does not") {
  const auto delay = [](issuer who, unsigned n, int status, milliseconds after = 0ms) {
    return request_retry_delay(who, n, status, after, 800ms, 0);
  };
  for (const int status : {404, 410, 429, 500, 503, 0}) CHECK(delay(issuer::imds, 1, status));
  for (const int status : {400, 403, 200}) CHECK_FALSE(delay(issuer::imds, 1, status));
  milliseconds sum{};
  for (unsigned n = 1; delay(issuer::imds, n, 410); ++n) sum += *delay(issuer::imds, n, 410);
  CHECK(sum >= 70s);
  for (const int status : {400, 401, 404, 410}) CHECK_FALSE(delay(issuer::entra, 1, status));
  CHECK(delay(issuer::entra, 2, 503));
  CHECK_FALSE(delay(issuer::entra, 3, 503));
  CHECK(delay(issuer::entra, 1, 429, 2s) == 2s);
  CHECK_FALSE(delay(issuer::entra, 1, 429, 60s));
}

TEST_CASE("roles: the printed line grants the role on that very resource") {
  const auto bus = role_for(service::service_bus, "chat.servicebus.windows.net", "0b1d-77");
  CHECK(bus.role == "Azure Service Bus Data Receiver");
  CHECK(bus.command ==
        "az role assignment create --assignee-object-id 0b1d-77 --assignee-principal-type ServicePrincipal "
        "--role "
        "\"Azure Service Bus Data Receiver\" --scope \"$(az resource list --name chat --resource-type "
        "Microsoft.ServiceBus/namespaces --query [0].id --output tsv)\"");
  const auto cosmos = role_for(service::cosmos, "https://acc.documents.azure.com:443/", "0b1d-77");
  CHECK(cosmos.command.starts_with("az cosmosdb sql role assignment create --account-name acc "));
  CHECK(cosmos.command.ends_with("--role-definition-id 00000000-0000-0000-0000-000000000002"));
  const auto managed = role_for(service::redis, "cache.westeurope.redis.azure.net:10000", "0b1d-77");
  CHECK(managed.command.starts_with(
      "az redisenterprise database access-policy-assignment create --cluster-name cache "));
  CHECK(role_for(service::redis, "c.redis.cache.windows.net", "x")
            .command.starts_with("az redis access-policy-assignment create --name c "));
  CHECK(role_for(service::llm, "https://ai.openai.azure.com/openai", "x").role ==
        "Cognitive Services OpenAI User");
  CHECK(role_for(service::llm, "https://ai.services.ai.azure.com/models", "x").role ==
        "Cognitive Services User");
  CHECK(role_for(service::app_insights, "", "x").role == "Monitoring Metrics Publisher");
}

TEST_CASE("roles: a missing role is told from a bad token") {
  const auto missing =
      fail(dependency::bus, errc::unauthorized,
           "link to t ended by the broker: amqp:unauthorized-access: Unauthorized access. 'Listen' "
           "claim(s) are required to perform this operation.");
  CHECK(lacks_role(service::service_bus, missing));
  CHECK_FALSE(lacks_role(service::service_bus, fail(errc::unauthorized, "ExpiredToken")));
  CHECK(lacks_role(service::cosmos, fail(errc::forbidden, "")));
  CHECK(lacks_role(service::redis, fail(errc::unauthorized, "WRONGPASS")));
  CHECK_FALSE(lacks_role(service::llm, fail(errc::unreachable, "")));
  CHECK(role_for(service::llm, "ai.openai.azure.com", "x", true)
            .command.find("--assignee-principal-type User ") != std::string::npos);
}

TEST_CASE("roles: nothing of a name or an id reaches the shell but letters, digits and hyphens") {
  const auto bus = role_for(service::service_bus, "$(reboot).servicebus.windows.net", "`id`");
  CHECK(bus.command.find("reboot") == std::string::npos);
  CHECK(bus.command.find('`') == std::string::npos);
  CHECK(bus.command.find("OBJECT_ID_OF_THE_IDENTITY") != std::string::npos);
}
