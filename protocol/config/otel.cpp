#include "protocol/config/otel.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace mw::config {

const std::string_view grpc_words =
    "OTLP is not sent over the protocol that is asked for: exporting is off. For traces set http/protobuf, "
    "and "
    "the receiver's port for it, usually 4318";

namespace {

constexpr std::string_view unsupported = "unsupported-value";
constexpr std::string_view unreadable_value = "unreadable-value";

/// The first of the list that we have.
otel_reading read_list(const option& o, std::string_view list) {
  otel_reading out;
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    const auto word = trim(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (word.empty()) continue;
    auto one = check_text(o, word);
    if (one && !out.taken)
      out.taken = std::move(*one);
    else if (!one || *one != *out.taken)
      out.cause = unsupported;
  }
  if (!out.cause.empty())
    out.words = fmt::format("not all of what is named is there (one of {}): {}", fmt::join(o.choices, ", "),
                            out.taken ? "the rest is not used" : "counts as not set");
  return out;
}

}  // namespace

bool is_otel(std::string_view variable) {
  return variable.starts_with("OTEL_");
}

otel_reading read_otel(const option& o, std::string_view text) {
  if (o.key == "traces-exporter") return read_list(o, text);
  otel_reading out;
  if (o.key == "otlp-protocol" && lower_case(trim(text)) == "grpc") {
    out.grpc = true;
    return out;
  }
  auto v = check_text(o, text);
  if (v) {
    out.taken = std::move(*v);
    return out;
  }
  out.cause = o.type == option_type::choice ? unsupported : unreadable_value;
  if (o.type == option_type::choice) {
    out.words = fmt::format("the value is none of {}: counts as not set", fmt::join(o.choices, ", "));
  } else {
    const auto range = write_range(o);
    out.words = fmt::format("expected {}{}: counts as not set", describe(o),
                            range.empty() ? "" : fmt::format(" ({})", range));
  }
  return out;
}

}  // namespace mw::config
