// Vectors of texts: POST .../embeddings of Azure OpenAI or any OpenAI-compatible server. A vector counts only
// when it is whole: the expected number of finite numbers. What passes by itself (429 with a short wait, 5xx)
// is asked again, within `limit` in all; a server that is not there is left alone for a while after some
// failures, so that summaries never wait long for what they can do without. Thread-safe; `done` runs exactly
// once, on the loop's thread (while the server is left alone: at once). Errors: as sender.hpp and
// response.hpp, and invalid_answer.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "protocol/azure/token_source.hpp"
#include "protocol/http/client.hpp"
#include "protocol/llm/analyst.hpp"
#include "protocol/llm/embedding.hpp"

namespace mw::llm {

struct embedder_options {
  std::string endpoint;  ///< see endpoint.hpp
  std::string api_key;
  std::string api_version;
  std::string model;  ///< the deployment, where the URL does not name it
  uint32_t dimensions = 3'072;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds limit{15'000};
  std::shared_ptr<azure::token_source> identity;  ///< null: the key, or nothing
  std::string scope;
};

class embedder {
 public:
  using done_fn = std::function<void(embedding)>;
  /// misconfigured where the endpoint is not a usable URL. Loop and HTTP client must outlive the embedder;
  /// calls still running when it goes end as `cancelled`.
  static result<std::unique_ptr<embedder>> create(io::loop& loop, http::client& http,
                                                  embedder_options options);
  ~embedder();
  void embed(std::string text, done_fn done);

 private:
  class impl;
  explicit embedder(std::shared_ptr<impl> i);
  std::shared_ptr<impl> impl_;
};

/// The text that stands for a conversation: "Summary: ...", "Themes: a, b", "Persons: ...", "Places: ...",
/// "User sentiment: ...", a line each, as the Python worker embeds it.
std::string embedding_text(const analysis& a);

/// The vector of a 200's body; nothing else is in `out` where it fails.
embedding read_embedding(const http::response& r, const std::string& host, uint32_t dimensions);

}  // namespace mw::llm
