// JSON as programs and models write it. Holds: what is read leniently the strict parser takes, and is read
// the same again; what the strict parser takes is taken; a fault names its byte; memory is in proportion.
#include "protocol/base/json_parser.hpp"
#include "protocol/base/lenient_json.hpp"
#include "protocol/base/utf8.hpp"
#include "protocol/chat/json_document.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

namespace {

bool is_strict(std::string_view json) {
  const borrowed_parser parser;
  simdjson::dom::element root;
  return parser->parse(json.data(), json.size()).get(root) == simdjson::SUCCESS;
}

/// Lone surrogates and what is not UTF-8 are others' matter.
bool is_taken(std::string_view json) {
  return !utf8_valid(json) || is_strict(chat::repair_surrogates(json));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 200, 64 << 10};
  const auto first = read_first_value(text);
  fuzz::holds(first.end <= size, "a value ends in the text");
  if (first.json) fuzz::holds(is_taken(*first.json), "what is read can be parsed");
  const auto read = read_leniently(text);
  if (const auto* fault = std::get_if<json_fault>(&read)) {
    fuzz::holds(fault->offset <= size, "a fault lies in the text");
    fuzz::holds(to_string(*fault).find_first_of("\r\n") == std::string::npos, "a fault is one line");
    fuzz::holds(!is_strict(text), "what the strict parser takes is no fault");
    return 0;
  }
  const auto& json = std::get<std::string>(read);
  fuzz::holds(is_taken(json), "what is read can be parsed");
  const auto again = read_leniently(json);
  fuzz::holds(std::holds_alternative<std::string>(again), "what was read can be read again");
  fuzz::same(std::get<std::string>(again), json, "what was read stays as it is");
  return 0;
}
