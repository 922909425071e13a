#include "cmd/memory-devstack/llm/embeddings.hpp"

#include <simdjson.h>

#include <cmath>

#include "cmd/memory-devstack/llm/text.hpp"
#include "cmd/memory-devstack/llm/tokens.hpp"
#include "protocol/base/base64.hpp"
#include "protocol/base/fnv.hpp"
#include "protocol/base/json_writer.hpp"

namespace mw::standin {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr int64_t default_dimensions = 3072;
constexpr size_t numbers_per_word = 8;
constexpr size_t max_inputs = 2048;

struct embeddings_request {
  std::string model;
  std::vector<std::string> inputs;
  size_t dimensions = default_dimensions;
  bool base64 = false;
};

std::optional<api_error> read_inputs(const object& root, std::vector<std::string>& inputs) {
  std::string_view text;
  simdjson::dom::array list;
  if (root["input"].get(text) == simdjson::SUCCESS) {
    inputs.emplace_back(text);
  } else if (root["input"].get(list) == simdjson::SUCCESS) {
    for (const auto item : list) {
      if (item.get(text) != simdjson::SUCCESS)
        return invalid_request("'input' must be a string or an array of strings.", "input");
      inputs.emplace_back(text);
    }
  } else {
    return invalid_request("Missing required parameter: 'input'.", "input");
  }
  if (inputs.empty() || inputs.size() > max_inputs)
    return invalid_request("'input' must have 1 to 2048 items.", "input");
  for (const auto& one : inputs)
    if (one.empty()) return invalid_request("'input' must not contain an empty string.", "input");
  return {};
}

std::variant<embeddings_request, api_error> parse_request(std::string_view body) {
  simdjson::dom::parser parser;
  element root_element;
  object root;
  if (parser.parse(body.data(), body.size()).get(root_element) != simdjson::SUCCESS ||
      root_element.get(root) != simdjson::SUCCESS)
    return invalid_request("We could not parse the JSON body of your request.", "");
  embeddings_request r;
  std::string_view text;
  if (root["model"].get(text) == simdjson::SUCCESS) r.model = text;
  if (auto e = read_inputs(root, r.inputs)) return *e;
  if (!root["dimensions"].error()) {
    int64_t n = 0;
    if (root["dimensions"].get(n) != simdjson::SUCCESS || n < 1 || n > default_dimensions)
      return invalid_request("'dimensions' must be between 1 and 3072.", "dimensions");
    r.dimensions = static_cast<size_t>(n);
  }
  if (root["encoding_format"].get(text) == simdjson::SUCCESS) {
    if (text != "float" && text != "base64")
      return invalid_request("'encoding_format' must be float or base64.", "encoding_format");
    r.base64 = text == "base64";
  }
  return r;
}

std::string base64_of(const std::vector<float>& numbers) {
  return base64({reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(float)});
}

uint64_t hash_of(std::string_view text, uint64_t seed) {
  const uint64_t hash = fnv1a(text, fnv_start ^ (seed * 0x9E3779B97F4A7C15ULL));
  return hash ^ (hash >> 29);
}

}  // namespace

std::vector<float> embed(std::string_view text, size_t dimensions) {
  std::vector<float> numbers(dimensions, 0.0F);
  for (const auto& w : words_of(text))
    for (uint64_t k = 0; k < numbers_per_word; ++k) {
      const uint64_t hash = hash_of(w.folded, k);
      numbers[hash % dimensions] += (hash >> 40 & 1) != 0 ? 1.0F : -1.0F;
    }
  double length = 0;
  for (const float x : numbers) length += static_cast<double>(x) * x;
  if (length == 0) {
    numbers[0] = 1.0F;
    length = 1;
  }
  for (float& x : numbers) x = static_cast<float>(x / std::sqrt(length));
  return numbers;
}

std::variant<embeddings_answer, api_error> answer_embeddings(std::string_view request_body,
                                                             std::string_view path_model) {
  const auto parsed = parse_request(request_body);
  if (const auto* e = std::get_if<api_error>(&parsed)) return *e;
  const auto& request = std::get<embeddings_request>(parsed);
  if (path_model.empty() && request.model.empty())
    return invalid_request("you must provide a model parameter", "model");
  embeddings_answer answer;
  json_writer w{answer.body};
  w.begin_object().field("object", "list").key("data").begin_array();
  for (size_t i = 0; i < request.inputs.size(); ++i) {
    const auto numbers = embed(request.inputs[i], request.dimensions);
    answer.prompt_tokens += count_tokens(request.inputs[i]);
    w.begin_object().field("object", "embedding").field("index", static_cast<uint64_t>(i)).key("embedding");
    if (request.base64) {
      w.value(base64_of(numbers));
    } else {
      w.begin_array();
      for (const float x : numbers) w.value(static_cast<double>(x));
      w.end_array();
    }
    w.end_object();
  }
  w.end_array().field("model", path_model.empty() ? std::string_view{request.model} : path_model);
  w.key("usage")
      .begin_object()
      .field("prompt_tokens", answer.prompt_tokens)
      .field("total_tokens", answer.prompt_tokens);
  w.end_object().end_object();
  return answer;
}

}  // namespace mw::standin
