#include "cmd/memory-devstack/llm/api_error.hpp"

#include "protocol/base/json_writer.hpp"

namespace mw::standin {
namespace {

void nullable(json_writer& w, std::string_view name, const std::string& value) {
  w.key(name);
  if (value.empty()) {
    w.null();
  } else {
    w.value(value);
  }
}

http::server_response azure_gateway_error(int status, std::string_view message) {
  http::server_response r;
  r.status = status;
  json_writer w{r.body};
  w.begin_object().key("error").begin_object();
  w.field("code", std::to_string(status)).field("message", message);
  w.end_object().end_object();
  return r;
}

}  // namespace

http::server_response to_response(const api_error& e) {
  http::server_response r;
  r.status = e.status;
  json_writer w{r.body};
  w.begin_object().key("error").begin_object();
  w.field("message", e.message).field("type", e.type);
  nullable(w, "param", e.param);
  nullable(w, "code", e.code);
  if (!e.inner.empty()) w.field("status", e.status).key("innererror").raw(e.inner);
  w.end_object().end_object();
  return r;
}

api_error invalid_request(std::string message, std::string param, std::string code) {
  return {400, std::move(message), std::move(param), std::move(code), "invalid_request_error", ""};
}

http::server_response bad_key(flavour f) {
  if (f == flavour::azure)
    return azure_gateway_error(
        401, "Access denied: the subscription key is missing, wrong, or of another endpoint.");
  return to_response(
      {401, "Incorrect API key provided, or none.", "", "invalid_api_key", "invalid_request_error", ""});
}

http::server_response not_there(flavour f, std::string_view what) {
  if (f == flavour::azure) return azure_gateway_error(404, "Resource not found");
  return to_response(
      {404, "Unknown request URL: " + std::string{what}, "", "unknown_url", "invalid_request_error", ""});
}

api_error prompt_filtered() {
  std::string inner;
  json_writer w{inner};
  w.begin_object().field("code", "ResponsibleAIPolicyViolation").key("content_filter_result").begin_object();
  for (const auto* category : {"hate", "self_harm", "sexual", "violence"}) {
    const bool at_fault = std::string_view{category} == "violence";
    w.key(category)
        .begin_object()
        .field("filtered", at_fault)
        .field("severity", at_fault ? "high" : "safe")
        .end_object();
  }
  w.key("jailbreak").begin_object().field("filtered", false).field("detected", false).end_object();
  w.end_object().end_object();
  return {400,      "The response was filtered: the prompt triggered the content management policy.",
          "prompt", "content_filter",
          "",       inner};
}

}  // namespace mw::standin
