#include "protocol/llm/embedding.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "protocol/base/base64.hpp"

#include "protocol/chat/json_document.hpp"
#include "protocol/llm/embedder.hpp"

namespace mw::llm {
namespace {

using simdjson::dom::array;
using simdjson::dom::object;

void line(std::string& out, std::string_view name, const std::vector<std::string>& items) {
  out.append(name).append(": ");
  for (size_t i = 0; i < items.size(); ++i) out.append(i == 0 ? "" : ", ").append(items[i]);
  out += '\n';
}

failure unusable(errc code, std::string text) {
  return fail(dependency::llm, code, std::move(text));
}

failure not_finite() {
  return unusable(errc::invalid_answer, "the embedding holds something that is not a finite number");
}

failure wrong_length(size_t numbers, uint32_t dimensions) {
  return unusable(errc::invalid_answer, "the embedding has " + std::to_string(numbers) +
                                            " numbers, not the " + std::to_string(dimensions) +
                                            " of llm_analyzer.embeddings-dimensions");
}

result<std::vector<float>> read_numbers(const array& numbers, uint32_t dimensions) {
  std::vector<float> out;
  out.reserve(dimensions);
  for (const auto n : numbers) {
    double value = 0;
    if (n.get(value) != simdjson::SUCCESS || !std::isfinite(static_cast<float>(value))) return not_finite();
    out.push_back(static_cast<float>(value));
  }
  if (out.size() != dimensions) return wrong_length(out.size(), dimensions);
  return out;
}

/// Little-endian floats.
result<std::vector<float>> read_base64(std::string_view text, uint32_t dimensions) {
  const auto bytes = base64_bytes(text);
  if (!bytes || bytes->size() % sizeof(float) != 0)
    return unusable(errc::invalid_answer, "the embedding is no base64 of numbers");
  std::vector<float> out(bytes->size() / sizeof(float));
  if (out.size() != dimensions) return wrong_length(out.size(), dimensions);
  std::memcpy(out.data(), bytes->data(), bytes->size());
  if constexpr (std::endian::native == std::endian::big)
    for (float& v : out) v = std::bit_cast<float>(__builtin_bswap32(std::bit_cast<uint32_t>(v)));
  if (!std::all_of(out.begin(), out.end(), [](float v) { return std::isfinite(v); })) return not_finite();
  return out;
}

}  // namespace

std::string embedding_text(const analysis& a) {
  std::string out = "Summary: " + a.summary + "\n";
  line(out, "Themes", a.themes);
  line(out, "Persons", a.persons);
  line(out, "Places", a.places);
  return out.append("User sentiment: ").append(to_string(a.user_sentiment));
}

embedding read_embedding(const http::response& r, const std::string& host, uint32_t dimensions) {
  embedding out;
  const chat::json_document document{r.body};
  object root;
  object usage;
  object first;
  array data;
  array numbers;
  std::string_view text;
  if (document.error() != nullptr || document.root().get(root) != simdjson::SUCCESS) {
    out.vector = unusable(errc::malformed, "the answer of " + host + " is not a JSON object");
    return out;
  }
  if (root["usage"].get(usage) == simdjson::SUCCESS)
    if (usage["prompt_tokens"].get(out.tokens) != simdjson::SUCCESS) out.tokens = 0;
  if (root["data"].get(data) != simdjson::SUCCESS || data.size() != 1 ||
      data.at(0).get(first) != simdjson::SUCCESS ||
      (first["embedding"].get(text) != simdjson::SUCCESS &&
       first["embedding"].get(numbers) != simdjson::SUCCESS)) {
    out.vector =
        unusable(errc::malformed, "the answer of " + host +
                                      " holds no embedding; is the endpoint an embeddings one, and the "
                                      "deployment of an embeddings model?");
    return out;
  }
  out.vector = text.data() != nullptr ? read_base64(text, dimensions) : read_numbers(numbers, dimensions);
  return out;
}

}  // namespace mw::llm
