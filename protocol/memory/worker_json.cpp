#include "protocol/memory/worker_json.hpp"

#include <algorithm>
#include <array>

namespace mw::memory {

category read_category(const json_fields& f, std::string_view name) {
  const auto known = category_from(f.required_text(name));
  if (!known) f.complain(name, "is not one of the nine categories");
  return known.value_or(category::knowledge);
}

void write_place(json_writer& out, const quote_place& p) {
  if (p.message > 0) out.field("at", p.message);
  if (p.quote > 0) out.field("place", p.quote);
  if (p.nth > 0) out.field("nth", p.nth);
}
quote_place read_place(const json_fields& f) {
  return {static_cast<uint32_t>(f.number("at")), static_cast<uint32_t>(f.number("place")),
          static_cast<uint32_t>(f.number("nth"))};
}

watermark read_watermark(const json_fields& fields) {
  return {fields.text("id"), fields.text("timestamp")};
}
void write_watermark(json_writer& out, const watermark& w) {
  constexpr size_t usual = 64;
  if (w.id.size() <= usual && w.timestamp.size() <= usual && is_plain_json_text(w.id) &&
      is_plain_json_text(w.timestamp)) {
    // In one piece: a commit has one for every message.
    std::array<char, 2 * usual + 32> text;
    char* end = text.data();
    const auto put = [&end](std::string_view piece) { end = std::copy(piece.begin(), piece.end(), end); };
    put(R"({"id":")");
    put(w.id);
    put(R"(","timestamp":")");
    put(w.timestamp);
    put(R"("})");
    out.raw({text.data(), static_cast<size_t>(end - text.data())});
    return;
  }
  out.begin_object().field("id", w.id).field("timestamp", w.timestamp).end_object();
}

skipped_span read_skipped(const json_fields& f) {
  skipped_span s;
  if (const auto from = f.object("from")) s.from = read_watermark(*from);
  if (const auto to = f.object("to")) s.to = read_watermark(*to);
  s.reason = f.text("reason");
  s.attempts = static_cast<uint32_t>(f.number("attempts"));
  s.tried = f.text("tried");
  return s;
}
void write_skipped(json_writer& out, const skipped_span& s) {
  out.begin_object().key("from");
  write_watermark(out, s.from);
  out.key("to");
  write_watermark(out, s.to);
  out.field("reason", s.reason).field("attempts", s.attempts);
  if (!s.tried.empty()) out.field("tried", s.tried);
  out.end_object();
}

usage read_usage(const json_fields& f) {
  return {f.number("prompt_tokens"), f.number("completion_tokens"), f.number("cached_tokens"),
          f.number("reasoning_tokens"), static_cast<uint32_t>(f.number("calls"))};
}
void write_usage(json_writer& out, const usage& u) {
  out.begin_object()
      .field("prompt_tokens", u.prompt_tokens)
      .field("completion_tokens", u.completion_tokens)
      .field("cached_tokens", u.cached_tokens)
      .field("reasoning_tokens", u.reasoning_tokens)
      .field("calls", u.calls)
      .end_object();
}

operation read_operation(const json_fields& f) {
  operation op;
  const auto kind = op_kind_from(f.required_text("op"));
  if (!kind) f.complain("op", "is not add, replace or remove");
  op.op = kind.value_or(op_kind::add);
  op.in = read_category(f, "category");
  op.item = f.text("item");
  op.replaces = f.text("replaces");
  op.quote = f.text("quote");
  if (const auto evidence = f.object("evidence")) op.evidence = read_watermark(*evidence);
  op.said = f.text("said");
  op.place = read_place(f);
  return op;
}
void write_operation(json_writer& out, const operation& op) {
  out.begin_object().field("op", to_string(op.op)).field("category", to_string(op.in)).field("item", op.item);
  if (!op.replaces.empty()) out.field("replaces", op.replaces);
  if (!op.quote.empty()) out.field("quote", op.quote);
  out.key("evidence");
  write_watermark(out, op.evidence);
  if (!op.said.empty()) out.field("said", op.said);
  write_place(out, op.place);
  out.end_object();
}

std::string_view floats_text_in(std::string_view json, std::string_view name) {
  // Inside a text the quotation marks would be escaped.
  const std::string begin = std::string{'"'}.append(name).append("\":[");
  const size_t at = json.find(begin);
  if (at == std::string_view::npos) return {};
  json.remove_prefix(at + begin.size() - 1);
  return json.substr(0, json.find(']') + 1);
}

}  // namespace mw::memory
