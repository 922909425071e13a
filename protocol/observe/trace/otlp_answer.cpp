// What an OTLP receiver answers (ExportTraceServiceResponse), read by hand: one number is wanted of it.
#include <simdjson.h>

#include <cstdlib>

#include "protocol/observe/trace/otlp_encoding.hpp"

namespace mw::observe {

namespace {

/// Reads a varint at the front of `in`; false where there is none.
bool take_varint(std::string_view& in, uint64_t& v) {
  v = 0;
  for (size_t i = 0; i < in.size() && i < 10; ++i) {
    v |= static_cast<uint64_t>(static_cast<uint8_t>(in[i]) & 0x7f) << (7 * i);
    if ((static_cast<uint8_t>(in[i]) & 0x80) == 0) {
      in.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

/// The first occurrence of a field: its number (wire type 0) or its bytes (type 2); false where there is
/// none.
bool find_field(std::string_view in, uint32_t number, uint64_t& value, std::string_view& bytes) {
  while (!in.empty()) {
    uint64_t head = 0;
    if (!take_varint(in, head)) return false;
    const bool wanted = head >> 3 == number;
    switch (head & 7) {
      case 0:
        if (!take_varint(in, value)) return false;
        if (wanted) return true;
        break;
      case 2:
        if (!take_varint(in, value) || value > in.size()) return false;
        bytes = in.substr(0, value);
        in.remove_prefix(value);
        if (wanted) return true;
        break;
      default:
        return false;  // the answer has no other types
    }
  }
  return false;
}

}  // namespace

uint32_t rejected_spans(std::string_view body, bool json) {
  uint64_t count = 0;
  if (json) {
    simdjson::dom::parser parser;
    simdjson::dom::element e;
    if (parser.parse(body.data(), body.size()).get(e) != simdjson::SUCCESS) return 0;
    std::string_view text;
    if (e["partialSuccess"]["rejectedSpans"].get(text) == simdjson::SUCCESS)
      count = std::strtoull(std::string{text}.c_str(), nullptr, 10);
    else if (e["partialSuccess"]["rejectedSpans"].get(count) != simdjson::SUCCESS)
      return 0;
    return static_cast<uint32_t>(count);
  }
  std::string_view partial;
  std::string_view ignored;
  if (!find_field(body, 1, count, partial) || !find_field(partial, 1, count, ignored)) return 0;
  return static_cast<uint32_t>(count);
}

}  // namespace mw::observe
