#include "cmd/memory-devstack/llm/answer.hpp"

#include "cmd/memory-devstack/llm/schema.hpp"
#include "cmd/memory-devstack/llm/tokens.hpp"
#include "cmd/memory-devstack/llm/topics.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/utf8.hpp"

namespace mw::standin {
namespace {

constexpr std::string_view never_said = "words that nobody in this conversation has said";

/// For a request that describes the shape in words only.
std::string plain_analysis(const transcript& t, const findings& f) {
  std::string out;
  json_writer w{out};
  w.begin_object().field("summary", f.summary).strings("themes", f.themes).strings("persons", f.persons);
  w.strings("places", f.places).field("user_sentiment", f.sentiment).key("operations").begin_array();
  for (const auto& op : f.operations) {
    w.begin_object().field("message", t.lines[op.line].label).field("quote", op.quote).field("op", op.op);
    w.field("category", op.category).field("item", op.item).field("replaces", op.replaces).end_object();
  }
  w.end_array().end_object();
  return out;
}

/// Every operation gets a quote that is not in its message; at least one operation is there.
void spoil_quotes(const transcript& t, findings& f) {
  for (auto& op : f.operations) op.quote = never_said;
  if (!f.operations.empty()) return;
  for (size_t i = 0; i < t.lines.size(); ++i) {
    if (!t.lines[i].fresh || !t.lines[i].from_user) continue;
    f.operations.push_back({"add", "interests", "Likes inventing things", {}, i, std::string{never_said}});
    return;
  }
}

std::string cut_in_half(const std::string& text) {
  return std::string{utf8_prefix(text, text.size() / 2)};
}

}  // namespace

completion complete(const chat_request& r, const transcript& t, std::optional<fault_kind> fault) {
  completion c;
  if (fault == fault_kind::refusal) return {"I can't help with that.", true, "stop"};
  if (r.json_schema || r.json_object || t.from_worker) {
    auto f = analyse(t);
    if (fault == fault_kind::wrong_quote) spoil_quotes(t, f);
    if (fault == fault_kind::empty_words) f.summary = "N/A";
    c.content = r.json_schema ? fill_schema(*r.json_schema, t, f) : plain_analysis(t, f);
  } else {
    c.content = "ok";
  }
  if (fault == fault_kind::schema_violation) c.content = R"({"answer":"valid JSON of another shape","n":1})";
  if (fault == fault_kind::malformed_json) c.content = cut_in_half(c.content) + "\n```";
  if (fault == fault_kind::length || fault == fault_kind::output_filter) {
    c.content = cut_in_half(c.content);
    c.finish_reason = fault == fault_kind::length ? "length" : "content_filter";
  } else if (count_tokens(c.content) > r.max_output_tokens) {
    c.content = utf8_prefix(c.content, r.max_output_tokens * 4);
    c.finish_reason = "length";
  }
  return c;
}

std::string completion_body(const completion& c, flavour f, std::string_view model, std::string_view id,
                            int64_t created, const token_use& tokens) {
  constexpr std::string_view safe =
      R"({"hate":{"filtered":false,"severity":"safe"},"self_harm":{"filtered":false,"severity":"safe"},)"
      R"("sexual":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}})";
  std::string out;
  json_writer w{out};
  w.begin_object()
      .field("id", id)
      .field("object", "chat.completion")
      .field("created", created)
      .field("model", model);
  w.key("choices").begin_array().begin_object().field("index", 0).key("message").begin_object();
  w.field("role", "assistant").key("content");
  if (c.refused) {
    w.null().field("refusal", c.content);
  } else {
    w.value(c.content).key("refusal").null();
  }
  w.end_object().key("logprobs").null().field("finish_reason", c.finish_reason);
  if (f == flavour::azure) w.key("content_filter_results").raw(safe);
  w.end_object().end_array();
  if (f == flavour::azure)
    w.key("prompt_filter_results")
        .begin_array()
        .begin_object()
        .field("prompt_index", 0)
        .key("content_filter_results")
        .raw(safe)
        .end_object()
        .end_array();
  w.key("usage")
      .begin_object()
      .field("prompt_tokens", tokens.prompt)
      .field("completion_tokens", tokens.completion);
  w.field("total_tokens", tokens.prompt + tokens.completion);
  w.key("prompt_tokens_details").begin_object().field("cached_tokens", tokens.cached).end_object();
  w.key("completion_tokens_details").begin_object().field("reasoning_tokens", 0).end_object();
  w.end_object().field("system_fingerprint", "fp_stand_in").end_object();
  return out;
}

}  // namespace mw::standin
