// Behind a gateway that wraps the provider's errors in status 200, limits were taken for refusals: 14 of 24
// conversations were dead-lettered. What an error says counts, like the status that it stands for.
#include "tests/issues/llm_answers.hpp"

namespace mw::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

failure failure_of(const analysed& a) {
  REQUIRE_FALSE(a.answer.outcome);
  CHECK(a.requests == 1);
  return a.answer.outcome.error();
}

TEST_CASE("an error inside a 200 counts as the status that it stands for") {
  const std::pair<const char*, errc> cases[] = {
      {"limit_inside_200", errc::throttled},          {"limit_named_inside_200", errc::throttled},
      {"api_management_inside_200", errc::throttled}, {"overloaded_inside_200", errc::overloaded},
      {"error_inside_a_choice", errc::overloaded},    {"html_page_with_200", errc::overloaded},
      {"empty_body_with_200", errc::overloaded},
  };
  for (const auto& [name, code] : cases) {
    CAPTURE(name);
    CHECK(failure_of(analyse(response_of(name))).code == code);
  }
}

TEST_CASE("a limit is seen in every gateway's words") {
  for (
      const char* body : {
          R"({"error":{"code":"429","message":"x"}})",
          R"({"error":{"code":429.0,"message":"x"}})",
          R"({"error":{"message":"litellm.RateLimitError: AzureException","type":"throttling_error","param":"None","code":"429"}})",
          R"({"error":{"message":"x","type":"rate_limit_error","param":null,"code":null}})",
          R"({"type":"error","error":{"type":"rate_limit_error","message":"x"}})",
          R"({"error":"Rate limit exceeded, slow down"})",
          R"({"error":"too_many_requests"})",
          R"({"error":true,"message":"Too Many Requests"})",
          R"({"error":{"status":"RESOURCE_EXHAUSTED","message":"x"}})",
          R"([{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED"}}])",
          R"({"success":false,"errors":[{"code":10429,"message":"rate limited, too many requests"}],"result":null})",
          R"({"object":"error","message":"x","type":"TooManyRequests","param":null,"code":429})",
          R"({"type":"about:blank","title":"Too Many Requests","status":429,"detail":"x"})",
          R"({"fault":{"faultstring":"x","detail":{"errorcode":"policies.ratelimit.QuotaViolation"}}})",
          R"({"status":"failure","message":"You exceeded the rate limit"})",
          R"({"__type":"ThrottlingException","message":"x"})",
          R"({"detail":"Too many requests"})",
          R"({"choices":[{"index":0,"finish_reason":"error","error":{"code":"rate_limit_exceeded"},"message":{"content":"{"}}]})",
          R"({"choices":[],"error":{"code":429,"message":"x"}})",
          R"({"id":"x","choices":null,"error":{"code":429,"message":"x"}})",
          "error code: 1015",
          "Too many requests, please slow down.",
      }) {
    CAPTURE(body);
    CHECK(failure_of(analyse_body(body)).code == errc::throttled);
  }
}

TEST_CASE("what passes by itself is seen in every gateway's words") {
  for (
      const char* body : {
          R"({"error":{"code":502,"message":"Provider returned error","metadata":{"raw":"x"}}})",
          R"({"error":{"code":"503"}})",
          R"({"error":{"message":"x","type":"server_error","code":null}})",
          R"({"error":{"message":"llama runner process has terminated","type":"api_error"}})",
          R"({"error":"upstream request timeout"})",
          R"({"statusCode":500,"message":"Internal server error"})",
          R"({"statusCode":504,"message":"x"})",
          R"({"choices":[{"finish_reason":"error","message":{"role":"assistant","content":"{\"summary\":"}}]})",
          R"({"choices":[{"error":{"code":502},"message":{"role":"assistant","content":""}}]})",
          " \r\n\r\n",
          "no healthy upstream",
          "upstream connect error or disconnect/reset before headers",
          "\n<html><body>502 Bad Gateway</body></html>",
          "<?xml version=\"1.0\"?><Error/>",
      }) {
    CAPTURE(body);
    CHECK(failure_of(analyse_body(body)).code == errc::overloaded);
  }
}

TEST_CASE("what is ours to mend is told apart, inside a 200 too") {
  const std::pair<const char*, errc> cases[] = {
      {R"({"error":{"code":401,"message":"x"}})", errc::unauthorized},
      {R"({"error":{"code":"invalid_api_key","message":"x"}})", errc::unauthorized},
      {R"({"statusCode":403,"message":"x"})", errc::forbidden},
      {R"({"error":{"code":"model_not_found","message":"x"}})", errc::not_found},
      {R"({"error":{"code":"context_length_exceeded","message":"x"}})", errc::context_too_long},
      {R"({"error":{"code":400,"message":"This model's maximum context length is 8192 tokens"}})",
       errc::context_too_long},
      {R"({"error":{"code":"content_filter","message":"x"}})", errc::content_filtered},
      {R"({"error":{"code":400,"message":"x"}})", errc::rejected},
      {R"({"error":{"message":"what is this?"}})", errc::rejected},
      {"{}", errc::malformed},
      {R"({"message":"hello"})", errc::malformed},
      {R"({"choices":[]})", errc::malformed},
      {R"({"choices":[{"index":0,"message":{"role":"assistant","content":"{\"summ)", errc::malformed},
  };
  for (const auto& [body, code] : cases) {
    CAPTURE(body);
    CHECK(failure_of(analyse_body(body)).code == code);
  }
}

TEST_CASE("a limit in the status of a bad request is a limit, and a real status keeps its meaning") {
  CHECK(failure_of(analyse_body(R"({"error":{"code":"rate_limit_exceeded"}})", 400)).code == errc::throttled);
  CHECK(failure_of(analyse_body(R"({"error":{"message":"the rate limit"}})", 400)).code == errc::rejected);
  CHECK(failure_of(analyse_body(R"({"error":{"code":429}})", 503)).code == errc::overloaded);
}

TEST_CASE("how long to wait is read from the body where no header says it") {
  const std::pair<const char*, milliseconds> cases[] = {
      {R"({"statusCode":429,"message":"Rate limit is exceeded. Try again in 17 seconds."})", seconds{17}},
      {R"({"error":{"code":429,"message":"Please try again in 1.5s. Visit"}})", milliseconds{1'500}},
      {R"({"error":{"code":429,"message":"Please retry after 2 milliseconds"}})", milliseconds{2}},
      {R"({"error":{"code":429,"message":"try again in 6m0s."}})", seconds{360}},
      {R"({"error":{"code":429,"retry_after":3}})", seconds{3}},
      {R"({"error":{"code":429,"metadata":{"retry_after_ms":250}}})", milliseconds{250}},
      {R"({"error":{"code":429,"details":[{"@type":"x"},{"retryDelay":"9s"}]}})", seconds{9}},
      {R"({"error":{"code":429,"message":"Try again in a while"}})", milliseconds{0}},
      {R"({"error":{"code":429,"message":"Try again in 99999 hours"}})", seconds{600}},
      {R"({"error":{"code":429,"message":"try again in 100m"}})", seconds{600}},
  };
  for (const auto& [body, wait] : cases) {
    CAPTURE(body);
    CHECK(failure_of(analyse_body(body)).retry_after == wait);
  }
}

TEST_CASE("an error inside a choice was paid for, and says nothing of what the peer wrote") {
  const auto a = analyse(response_of("error_inside_a_choice"));
  CHECK(a.answer.used.prompt_tokens == 900);
  const auto why = failure_of(analyse_body(R"({"error":{"code":429,"message":"of secret key sk-1"}})"));
  CHECK(why.detail.find("secret") == std::string::npos);
  CHECK(why.detail.find("stands for 429") != std::string::npos);
}

TEST_CASE("a field of errors that says nothing spoils no answer") {
  for (const char* field : {R"("error":null)", R"("error":"")", R"("error":{})", R"("error":false)",
                            R"("errors":[])", R"("error":{"code":null,"message":""})"}) {
    CAPTURE(field);
    const auto body = completion_with_text(good_answer());
    CHECK(analyse_body("{" + std::string{field} + "," + body.substr(1)).answer.outcome);
  }
}

}  // namespace
}  // namespace mw::test
