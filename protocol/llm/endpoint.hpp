// Where the LLM is: makes the final URL, the authentication header and the model's name from the configured
// endpoint. Four shapes, told apart by the URL:
//   Azure deployment  https://NAME.openai.azure.com/openai/deployments/DEPLOYMENT   model from the path
//   v1                https://NAME.openai.azure.com/openai/v1 (or services.ai.azure.com)   model in the body
//   plain             http(s)://HOST[/v1]   OpenAI, vLLM, llama.cpp, Ollama: model in the body, Bearer key
//   AI inference      https://NAME.services.ai.azure.com/models   the older route of Azure AI: model in the
//   body
// An Azure host without a path takes the deployment shape when api_version is set, else v1. Pure. Error:
// misconfigured, whose text never repeats the URL's user, password or query.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/errors.hpp"

namespace mw::llm {

enum class operation_kind : uint8_t { chat, embeddings };

struct endpoint_options {
  std::string url;
  std::string api_key;
  std::string api_version;
  std::string model;
  operation_kind operation = operation_kind::chat;
};

struct endpoint {
  std::string url;         ///< of the operation, with the query
  std::string host;        ///< for messages
  std::string body_model;  ///< empty: the path names it, or the server has one of its own
  std::string shown_model;
  std::vector<std::pair<std::string, std::string>> headers;  ///< authentication and content type
};

result<endpoint> make_endpoint(const endpoint_options& options);

/// Whether an Entra token may be sent there: an https URL of one of Azure's own hosts.
bool takes_entra(std::string_view url);
/// Whether both URLs name the same scheme, host and port: what a key may be shared between.
bool same_host(std::string_view a, std::string_view b);

inline constexpr std::string_view default_api_version = "2024-10-21";
inline constexpr std::string_view inference_api_version = "2024-05-01-preview";

}  // namespace mw::llm
