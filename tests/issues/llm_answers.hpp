// Answers of an LLM's endpoint, each a file of tests/issues/cases/llm_answers or made here, as the analyst
// reads them over HTTP. They answer to one new message of the user: "I play the cello in a small orchestra."
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <fstream>
#include <future>
#include <sstream>
#include <string>

#include "protocol/base/json_writer.hpp"
#include "protocol/chat/json_document.hpp"
#include "protocol/http/server.hpp"
#include "protocol/llm/analyst.hpp"

namespace mw::test {

inline constexpr std::string_view good_fields =
    R"("summary":"The user plays the cello in a small orchestra.","themes":["music"],"persons":[],"places":[],"user_sentiment":"positive")";
inline constexpr std::string_view good_operation =
    R"({"message":"m1","quote":"I play the cello","op":"add","category":"interests","item":"Plays the cello","replaces":""})";
inline std::string good_answer() {
  return "{" + std::string{good_fields} + ",\"operations\":[" + std::string{good_operation} + "]}";
}

/// A chat completion whose message, or the rest of its choice, is this JSON.
inline std::string completion_of(std::string_view message,
                                 std::string_view rest = R"("finish_reason":"stop")") {
  return R"({"model":"stand-in","choices":[{"index":0,"message":)" + std::string{message} + "," +
         std::string{rest} + R"(}],"usage":{"prompt_tokens":900,"completion_tokens":80}})";
}
inline std::string completion_with_text(std::string_view text) {
  std::string message = R"({"role":"assistant","content":)";
  append_json_string(message, text);
  return completion_of(message + "}");
}

inline std::string from_base64(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t value =
        std::string_view{"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"}.find(c);
    if (value == std::string_view::npos) break;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xff);
  }
  return out;
}

inline std::string case_text(const std::string& name) {
  const std::ifstream file{std::string{MW_SOURCE_DIR} + "/tests/issues/cases/" + name + ".json"};
  REQUIRE(file);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// What the file's endpoint sends.
inline http::server_response response_of(const std::string& name) {
  const chat::json_document document{case_text("llm_answers/" + name)};
  REQUIRE(document.error() == nullptr);
  const auto root = document.root();
  http::server_response r;
  r.status = static_cast<int>(root["status"].get_int64().value());
  const simdjson::dom::object headers = root["headers"].get_object().value();
  for (const auto header : headers) {
    const std::string_view value = header.value.get_string().value();
    if (header.key == "content-type")
      r.content_type = value;
    else
      r.headers.emplace_back(header.key, value);
  }
  simdjson::dom::element body;
  if (root["body"].get(body) == simdjson::SUCCESS) r.body = simdjson::minify(body);
  if (root["body_text"].get(body) == simdjson::SUCCESS) r.body = body.get_string().value();
  if (root["body_base64"].get(body) == simdjson::SUCCESS) r.body = from_base64(body.get_string().value());
  return r;
}

inline llm::analysis_input cello_input() {
  llm::analysis_input in;
  in.user_id = "person-1";
  in.session_id = "case-1";
  in.messages = {{chat::role::user, "I play the cello in a small orchestra.", {"m1_user", "t1"}, true}};
  return in;
}

struct analysed {
  llm::answer answer;
  int requests = 0;
};

/// What one call makes of an endpoint that always answers so.
inline analysed analyse(const http::server_response& r) {
  std::atomic<int> requests{0};
  auto server = http::server::start({}, [&](const http::server_request&) {
    ++requests;
    return r;
  });
  REQUIRE(server);
  io::loop_thread loop;
  http::client client{loop.get(), {}};
  llm::analyst_options options;
  options.endpoint = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/openai/deployments/dep";
  options.api_key = "key-1";
  auto analyst = llm::analyst::create(client, options);
  REQUIRE(analyst);
  std::promise<llm::answer> p;
  (*analyst)->analyse(std::make_shared<llm::analysis_input>(cello_input()), {},
                      [&](llm::answer a) { p.set_value(std::move(a)); });
  analysed out;
  out.answer = p.get_future().get();
  out.requests = requests;
  return out;
}

inline analysed analyse_body(std::string body, int status = 200,
                             std::string content_type = "application/json") {
  http::server_response r;
  r.status = status;
  r.content_type = std::move(content_type);
  r.body = std::move(body);
  return analyse(r);
}

}  // namespace mw::test
