// An LLM endpoint whose answers the test gives, with an analyst that talks to it.
#pragma once

#include <doctest/doctest.h>

#include <future>
#include <mutex>

#include "protocol/base/json_writer.hpp"
#include "protocol/http/server.hpp"
#include "tests/unit/llm/sample.hpp"

using mw::http::server_request;
using mw::http::server_response;
using namespace std::chrono_literals;

inline constexpr const char* good =
    R"({"summary":"Tents.","themes":["tents"],"persons":[],"places":[],"user_sentiment":"neutral","operations":[{"message":"m3","quote":"paramedic","op":"add","category":"work_profile","item":"Works as a paramedic","replaces":""},{"message":"m2","quote":"You live in Oslo","op":"add","category":"work_profile","item":"Lives in Oslo","replaces":""}]})";

inline server_response completion(std::string_view content) {
  server_response r;
  mw::json_writer w{r.body};
  w.begin_object().field("model", "stand-in").key("choices").begin_array().begin_object();
  w.field("finish_reason", "stop").key("message").begin_object().field("content", content).end_object();
  w.end_object().end_array().key("usage").begin_object();
  w.field("prompt_tokens", 100).field("completion_tokens", 10).end_object().end_object();
  return r;
}

inline server_response unsupported(std::string_view parameter) {
  server_response r;
  r.status = 400;
  mw::json_writer w{r.body};
  w.begin_object().key("error").begin_object().field("code", "unsupported_parameter");
  w.field("param", parameter).field("message", "not supported").end_object().end_object();
  return r;
}

struct bench {
  explicit bench(mw::http::server::handler h, std::chrono::milliseconds limit = 20s,
                 const std::function<void(mw::llm::analyst_options&)>& change = {}) {
    auto started = mw::http::server::start({}, [this, h = std::move(h)](const server_request& r) {
      {
        const std::lock_guard lock{mutex};
        seen.push_back(r);
      }
      return h(r);
    });
    REQUIRE(started);
    server = std::move(*started);
    mw::llm::analyst_options options;
    options.endpoint = "http://127.0.0.1:" + std::to_string(server->port()) + "/openai/deployments/dep";
    options.api_key = "key-1";
    options.temperature = 0.1;
    options.request_timeout = limit;
    if (change) change(options);
    auto made = mw::llm::analyst::create(http, options);
    REQUIRE(made);
    llm = std::move(*made);
  }
  mw::llm::answer analyse() {
    std::promise<mw::llm::answer> p;
    llm->analyse(std::make_shared<mw::llm::analysis_input>(sample_input()), {},
                 [&](mw::llm::answer a) { p.set_value(std::move(a)); });
    return p.get_future().get();
  }
  mw::status probe() { return ask_probe().well; }
  mw::llm::probe_answer ask_probe() {
    std::promise<mw::llm::probe_answer> p;
    llm->probe([&](mw::llm::probe_answer a) { p.set_value(std::move(a)); });
    return p.get_future().get();
  }
  std::vector<server_request> requests() {
    const std::lock_guard lock{mutex};
    return seen;
  }

  std::mutex mutex;
  std::vector<server_request> seen;
  std::unique_ptr<mw::http::server> server;
  mw::io::loop_thread loop;
  mw::http::client http{loop.get(), {}};
  std::unique_ptr<mw::llm::analyst> llm;
};
