#include "protocol/llm/response.hpp"

#include <doctest/doctest.h>

using mw::errc;
using mw::http::response;
using mw::llm::read_reply;
using namespace std::chrono_literals;

namespace {

const auto now = std::chrono::system_clock::from_time_t(784111777);

mw::llm::reply reply_of(int status, std::string body,
                        std::vector<std::pair<std::string, std::string>> headers = {}) {
  response r;
  r.status = status;
  r.body = std::move(body);
  r.headers = std::move(headers);
  return read_reply(r, "host", now);
}

mw::failure failure_of(int status, std::string body,
                       std::vector<std::pair<std::string, std::string>> headers = {}) {
  const auto r = reply_of(status, std::move(body), std::move(headers));
  REQUIRE_FALSE(r.content);
  CHECK(r.content.error().from == mw::dependency::llm);
  return r.content.error();
}

std::string completion(const std::string& message, const std::string& finish) {
  return R"({"id":"c","object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[{"index":0,"finish_reason":")" +
         finish + R"(","logprobs":null,"message":)" + message +
         R"(}],"usage":{"prompt_tokens":1500,"completion_tokens":120,"total_tokens":1620,"prompt_tokens_details":{"cached_tokens":1024,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":64}}})";
}

}  // namespace

TEST_CASE("reply: a complete answer gives its text, the model's name and the tokens") {
  const auto r =
      reply_of(200, completion(R"({"role":"assistant","content":"{\"a\":1}","refusal":null})", "stop"),
               {{"x-ratelimit-remaining-requests", "99"}, {"x-ratelimit-remaining-tokens", "-1"}});
  REQUIRE(r.content);
  CHECK(*r.content == R"({"a":1})");
  CHECK(r.model == "gpt-4o-2024-08-06");
  CHECK(r.used.prompt_tokens == 1500);
  CHECK(r.used.completion_tokens == 120);
  CHECK(r.used.cached_tokens == 1024);
  CHECK(r.used.reasoning_tokens == 64);
  CHECK(r.left.requests.remaining == 99u);
  CHECK_FALSE(r.left.tokens.remaining);
}

TEST_CASE("reply: a remaining of zero counts only beside a limit") {
  const auto body = completion(R"({"content":"x"})", "stop");
  CHECK_FALSE(reply_of(200, body, {{"x-ratelimit-remaining-tokens", "0"}}).left.tokens.remaining);
  CHECK(reply_of(200, body, {{"x-ratelimit-remaining-tokens", "0"}, {"x-ratelimit-limit-tokens", "1000"}})
            .left.tokens.remaining == 0u);
}

TEST_CASE("reply: the quota's limit and reset are read as Azure and as OpenAI write them") {
  const auto azure = reply_of(200, completion(R"({"content":"x"})", "stop"),
                              {{"x-ratelimit-remaining-requests", "9"},
                               {"x-ratelimit-limit-requests", "10"},
                               {"x-ratelimit-reset-requests", "6"},
                               {"x-ratelimit-remaining-tokens", "0"},
                               {"x-ratelimit-limit-tokens", "-1"}})
                         .left;
  CHECK(azure.requests.limit == 10);
  CHECK(azure.requests.reset == 6s);
  CHECK_FALSE(azure.tokens.remaining);
  using mw::llm::read_reset;
  CHECK(read_reset("6m0s") == 6min);
  CHECK(read_reset("1.5s") == 1500ms);
  CHECK(read_reset("17ms") == 17ms);
  CHECK(read_reset("1h2m3s") == 1h);
  CHECK(read_reset("250us") == 1ms);
  for (const auto* nonsense : {"", "-1", "soon", "s", "5 s", "1d", "1m5", "nan", "inf", "."})
    CHECK(read_reset(nonsense) == 0ms);
}

TEST_CASE("reply: what a refused sign-in says depends on how it was tried") {
  using mw::llm::sign_in;
  const auto why = [](int status, const char* body, sign_in how) {
    response r;
    r.status = status;
    r.body = body;
    return read_reply(r, "host", now, how).content.error();
  };
  constexpr const char* plain = R"({"error":{"code":"401","message":"Access denied"}})";
  CHECK(why(401, plain, sign_in::key).detail.find("key is not accepted") != std::string::npos);
  CHECK(why(401, plain, sign_in::token).detail.find("llm_analyzer.scope") != std::string::npos);
  CHECK(why(401, plain, sign_in::none).detail.find("no API key is set") != std::string::npos);
  const auto role =
      why(401, R"({"error":{"code":"PermissionDenied","message":"The principal lacks the data action"}})",
          sign_in::token);
  CHECK(role.code == errc::forbidden);
  CHECK(role.detail.find("Cognitive Services OpenAI User") != std::string::npos);
}

TEST_CASE("reply: a refused parameter is found in each server's words") {
  const auto refused = [](int status, const char* body) {
    const auto f = failure_of(status, body);
    CHECK(f.code == errc::unsupported_parameter);
    return f.detail;
  };
  CHECK(
      refused(
          400,
          R"({"error":{"message":"Unsupported value: 'temperature' does not support 0.1 with this model. Only the default (1) value is supported.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}})") ==
      "temperature");
  CHECK(
      refused(
          400,
          R"({"error":{"message":"Unsupported value: 'reasoning_effort' does not support 'minimal' with this model.","param":"reasoning_effort","code":"unsupported_value"}})") ==
      "reasoning_effort");
  CHECK(
      refused(
          400,
          R"({"error":{"message":"Unrecognized request argument supplied: prompt_cache_key","param":null,"code":null}})") ==
      "prompt_cache_key");
  CHECK(
      refused(
          400,
          R"({"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","param":"max_tokens","code":"unsupported_parameter"}})") ==
      "max_tokens");
  CHECK(
      refused(
          400,
          R"({"error":{"code":"BadRequest","message":"response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later","param":null}})") ==
      "response_format");
  CHECK(
      refused(
          400,
          R"({"error":{"message":"Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.","param":null,"code":null}})") ==
      "response_format");
  CHECK(
      refused(
          422,
          R"({"error":{"code":"Invalid input","status":422,"message":"invalid input error","details":[{"type":"extra_forbidden","loc":["body","prompt_cache_key"],"msg":"Extra inputs are not permitted"}]}})") ==
      "prompt_cache_key");
  CHECK(
      refused(
          422,
          R"({"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","max_completion_tokens"],"msg":"Extra inputs are not permitted"}]}})") ==
      "max_completion_tokens");
}

TEST_CASE("reply: an output limit above the model's own names what it can give") {
  const auto r = reply_of(
      400,
      R"({"error":{"message":"max_tokens is too large: 6000. This model supports at most 4096 completion tokens, whereas you provided 6000.","param":"max_tokens","code":"invalid_value"}})");
  CHECK(r.output_cap == 4096u);
  CHECK_FALSE(reply_of(400, R"({"error":{"message":"supports at most 5 images","code":"x"}})").output_cap);
}

TEST_CASE(
    "reply: a thinking model that had no token left for a word counts as cut off, whatever the status") {
  CHECK(
      failure_of(
          400,
          R"({"error":{"message":"Could not finish the message because max_tokens or model output limit was reached. Please try again with higher max_tokens.","type":"invalid_request_error","param":null,"code":null}})")
          .code == errc::truncated);
}

TEST_CASE("reply: a refusal is refused, and its tokens are counted") {
  const auto r = reply_of(
      200, completion(R"({"role":"assistant","content":null,"refusal":"I can't help with that."})", "stop"));
  REQUIRE_FALSE(r.content);
  CHECK(r.content.error().code == errc::refused);
  CHECK(r.used.completion_tokens == 120);
}

TEST_CASE("reply: Azure's filtered prompt is content_filtered") {
  const auto f = failure_of(
      400,
      R"({"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":false,"severity":"safe"},"violence":{"filtered":true,"severity":"medium"},"jailbreak":{"filtered":false,"detected":false}}}}})");
  CHECK(f.code == errc::content_filtered);
  CHECK(f.detail.find("management policy") == std::string::npos);
}

TEST_CASE("reply: a filtered or cut-off answer keeps its piece of text apart from the outcome") {
  const auto filtered =
      reply_of(200, completion(R"({"role":"assistant","content":"{\"summary\":\"He"})", "content_filter"));
  CHECK(filtered.content.error().code == errc::content_filtered);
  const auto cut =
      reply_of(200, completion(R"({"role":"assistant","content":"{\"summary\":\"He"})", "length"));
  CHECK(cut.content.error().code == errc::truncated);
  CHECK(cut.raw == "{\"summary\":\"He");
}

TEST_CASE("reply: a reasoning model that used up its budget is truncated, though it said nothing") {
  const auto r = reply_of(200, completion(R"({"role":"assistant","content":""})", "length"));
  CHECK(r.content.error().code == errc::truncated);
}

TEST_CASE("reply: an answer without text is invalid, parts of text are joined") {
  CHECK(failure_of(200, completion(R"({"role":"assistant","content":null,"tool_calls":[]})", "tool_calls"))
            .code == errc::invalid_answer);
  const auto r = reply_of(
      200,
      completion(R"({"content":[{"type":"text","text":"{\"a\""},{"type":"text","text":":1}"}]})", "stop"));
  REQUIRE(r.content);
  CHECK(*r.content == R"({"a":1})");
}

TEST_CASE("reply: too long a context is told by code, type or message") {
  for (
      const auto* body :
      {R"({"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}})",
       R"({"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}})",
       R"({"object":"error","message":"This model's maximum context length is 4096 tokens","type":"BadRequestError","param":null,"code":400})"})
    CHECK(failure_of(400, body).code == errc::context_too_long);
  CHECK(failure_of(413, "").code == errc::context_too_long);
}

TEST_CASE("reply: a refused parameter is named, however the server says it") {
  const auto parameter = [](const char* body) {
    const auto f = failure_of(400, body);
    CHECK(f.code == errc::unsupported_parameter);
    return f.detail;
  };
  CHECK(
      parameter(
          R"({"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}})") ==
      "max_tokens");
  CHECK(
      parameter(
          R"({"error":{"message":"Unsupported value: 'temperature' does not support 0.1 with this model. Only the default (1) value is supported.","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}})") ==
      "temperature");
  CHECK(
      parameter(
          R"({"error":{"message":"Unrecognized request argument supplied: prompt_cache_key","type":"invalid_request_error","param":null,"code":null}})") ==
      "prompt_cache_key");
  CHECK(
      parameter(
          R"({"error":{"message":"Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.","type":"invalid_request_error","param":"response_format","code":null}})") ==
      "response_format");
  CHECK(
      parameter(
          R"({"error":{"message":"Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.","param":null,"code":"unsupported_parameter"}})") ==
      "max_tokens");
  CHECK(
      failure_of(
          400,
          R"({"error":{"message":"'messages' is not supported","param":"messages","code":"unsupported_value"}})")
          .code == errc::rejected);
}

TEST_CASE("reply: another bad request is rejected, naming code and parameter but never the message") {
  const auto f = failure_of(
      400,
      R"({"error":{"message":"Invalid 'messages[1].content': my secret text","type":"invalid_request_error","param":"messages","code":"invalid_value"}})");
  CHECK(f.code == errc::rejected);
  CHECK(f.detail.find("invalid_value") != std::string::npos);
  CHECK(f.detail.find("messages") != std::string::npos);
  CHECK(f.detail.find("secret") == std::string::npos);
  CHECK(failure_of(422, "").code == errc::rejected);
  const auto odd = failure_of(400, R"({"error":{"code":"a secret sentence","message":"x"}})");
  CHECK(odd.detail.find("secret") == std::string::npos);
}

TEST_CASE("reply: throttled says how long to wait when the server did") {
  const auto body =
      R"({"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation have exceeded token rate limit. Please retry after 7 seconds."}})";
  const auto f = failure_of(429, body, {{"retry-after", "7"}, {"retry-after-ms", "6500"}});
  CHECK(f.code == errc::throttled);
  CHECK(f.retry_after == 6500ms);
  CHECK(failure_of(429, body).retry_after == 7s);
  CHECK(failure_of(429, R"({"error":{"code":"429","message":"Slow down"}})").retry_after == 0ms);
}

TEST_CASE("reply: overload, bad key, missing right, missing deployment, redirect") {
  for (const int status : {408, 500, 502, 503, 504, 529})
    CHECK(failure_of(status, "oops").code == errc::overloaded);
  CHECK(failure_of(503, "", {{"retry-after", "2"}}).retry_after == 2s);
  const auto f = failure_of(
      401,
      R"({"error":{"message":"Incorrect API key provided: sk-abc123.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}})");
  CHECK(f.code == errc::unauthorized);
  CHECK(f.detail.find("sk-abc") == std::string::npos);
  CHECK(f.detail.find("invalid_api_key") != std::string::npos);
  CHECK(failure_of(403, R"({"error":{"code":"403","message":"no"}})").code == errc::forbidden);
  CHECK(
      failure_of(
          404,
          R"({"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}})")
          .detail.find("DeploymentNotFound") != std::string::npos);
  CHECK(failure_of(404, "<html>").code == errc::not_found);
  CHECK(failure_of(302, "").code == errc::misconfigured);
}

TEST_CASE("reply: what is no chat completion is malformed") {
  CHECK(failure_of(200, "{}").code == errc::malformed);
  CHECK(failure_of(200, R"({"choices":[]})").code == errc::malformed);
  CHECK(failure_of(200, R"({"choices":[{"finish_reason":"stop"}]})").code == errc::malformed);
  CHECK(failure_of(200, R"({"error":{"message":"no","code":"content_filter"}})").code ==
        errc::content_filtered);
}
