// Where the LLM is: makes the final URL, the authentication header and the model's name from the configured
// endpoint. Three shapes, told apart by the URL:
//   Azure deployment  https://NAME.openai.azure.com/openai/deployments/DEPLOYMENT   model from the path
//   v1                https://NAME.openai.azure.com/openai/v1 (or services.ai.azure.com)   model in the body
//   plain             http(s)://HOST[/v1]   OpenAI, vLLM, llama.cpp, Ollama: model in the body, Bearer key
// An Azure host without a path takes the deployment shape when api_version is set, else v1. Pure. Error:
// misconfigured, whose text never repeats the URL's user, password or query.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/errors.hpp"

namespace mw::llm {

struct endpoint_options {
  std::string url;
  std::string api_key;
  std::string api_version;
  std::string model;
};

struct endpoint {
  std::string url;         ///< of chat/completions, with the query
  std::string host;        ///< for messages
  std::string body_model;  ///< empty: the path names it, or the server has one of its own
  std::string shown_model;
  std::vector<std::pair<std::string, std::string>> headers;  ///< authentication and content type
};

result<endpoint> make_endpoint(const endpoint_options& options);

inline constexpr std::string_view default_api_version = "2024-10-21";

}  // namespace mw::llm
