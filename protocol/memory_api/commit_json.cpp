#include "protocol/memory_api/commit_json.hpp"

#include "protocol/base/json_writer.hpp"
#include "protocol/memory/documents_json.hpp"
#include "protocol/memory/worker_json.hpp"

namespace mw::memory_api {

using memory::json_fields;

std::string write_commit(const memory::commit& c) {
  std::string text;
  text.reserve(1024 + c.summary.size() + c.span.size() * 96 + c.operations.size() * 384 +
               c.embedding.size() * 12);
  json_writer out{text};
  out.begin_object()
      .field("userId", c.user_id)
      .field("sessionId", c.session_id)
      .field("epoch", c.epoch)
      .field("profileExisted", c.profile_existed);
  if (!c.forgotten_before.empty()) out.field("forgottenBefore", c.forgotten_before);
  if (c.unsaid) out.field("unsaid", *c.unsaid);
  if (c.anew) out.field("anew", true);
  if (c.anew_to) {
    out.key("anewTo");
    memory::write_watermark(out, *c.anew_to);
  }
  if (c.base) {
    out.key("base");
    memory::write_watermark(out, *c.base);
  }
  out.key("through");
  memory::write_watermark(out, c.through);
  out.key("span").begin_array();
  for (const auto& w : c.span) memory::write_watermark(out, w);
  out.end_array();
  out.field("defaults", c.defaults)
      .field("keepSummary", c.keep_summary)
      .field("summary", c.summary)
      .strings("themes", c.themes)
      .strings("persons", c.persons)
      .strings("places", c.places)
      .field("user_sentiment", to_string(c.user_sentiment));
  if (!c.embedding.empty()) out.key("vector_embedding").floats(c.embedding);
  out.key("operations").begin_array();
  for (const auto& op : c.operations) memory::write_operation(out, op);
  out.end_array().key("skipped").begin_array();
  for (const auto& s : c.skipped) memory::write_skipped(out, s);
  out.end_array().key("retried").begin_array();
  for (const auto& r : c.retried) {
    out.begin_object().key("from");
    memory::write_watermark(out, r.from);
    out.key("to");
    memory::write_watermark(out, r.to);
    out.end_object();
  }
  out.end_array().field("model", c.model).key("usage");
  memory::write_usage(out, c.used);
  out.end_object();
  return text;
}

namespace {

void read_analysis(const json_fields& f, memory::commit& c) {
  c.defaults = f.flag("defaults");
  c.keep_summary = f.flag("keepSummary");
  c.summary = f.text("summary");
  c.themes = f.texts("themes");
  c.persons = f.texts("persons");
  c.places = f.texts("places");
  const std::string mood = f.text("user_sentiment");
  const auto known = memory::sentiment_from(mood);
  if (!mood.empty() && !known) f.complain("user_sentiment", "is not positive, neutral or negative");
  c.user_sentiment = known.value_or(memory::sentiment::neutral);
  c.embedding = f.floats("vector_embedding");
  c.model = f.text("model");
  if (const auto used = f.object("usage")) c.used = memory::read_usage(*used);
}

memory::commit read_commit(const json_fields& f) {
  memory::commit c;
  c.user_id = f.required_text("userId");
  c.session_id = f.required_text("sessionId");
  c.epoch = f.number("epoch");
  c.profile_existed = f.flag("profileExisted");
  c.forgotten_before = f.text("forgottenBefore");
  if (f.has("unsaid")) c.unsaid = f.text("unsaid");
  c.anew = f.flag("anew");
  if (const auto to = f.object("anewTo")) c.anew_to = memory::read_watermark(*to);
  if (const auto base = f.object("base")) c.base = memory::read_watermark(*base);
  if (const auto through = f.object("through")) {
    c.through = {through->required_text("id"), through->text("timestamp")};
  } else {
    f.complain("through", "is missing");
  }
  f.each("span", [&](const json_fields& w) { c.span.push_back(memory::read_watermark(w)); });
  read_analysis(f, c);
  f.each("operations", [&](const json_fields& o) { c.operations.push_back(memory::read_operation(o)); });
  f.each("skipped", [&](const json_fields& s) { c.skipped.push_back(memory::read_skipped(s)); });
  f.each("retried", [&](const json_fields& r) {
    chat::message_span span;
    if (const auto from = r.object("from")) span.from = memory::read_watermark(*from);
    if (const auto to = r.object("to")) span.to = memory::read_watermark(*to);
    c.retried.push_back(std::move(span));
  });
  return c;
}

}  // namespace

result<memory::commit> parse_commit(std::string_view json) {
  memory::commit c;
  const auto done = json_fields::parse(json, "commit", [&](const json_fields& f) { c = read_commit(f); });
  if (!done) return done.error();
  return c;
}

std::string write_reply(const memory::commit_reply& r) {
  std::string text;
  json_writer out{text};
  out.begin_object()
      .field("outcome", to_string(r.outcome))
      .field("operationsApplied", r.operations_applied)
      .field("operationsDropped", r.operations_dropped);
  if (r.operations_outdated > 0) out.field("operationsOutdated", r.operations_outdated);
  if (r.items_evicted > 0) out.field("itemsEvicted", r.items_evicted);
  if (r.embedding_dropped) out.field("embeddingDropped", true);
  out.end_object();
  return text;
}

result<memory::commit_reply> parse_reply(std::string_view json) {
  memory::commit_reply r;
  const auto done = json_fields::parse(json, "commit reply", [&](const json_fields& f) {
    const auto outcome = memory::commit_outcome_from(f.required_text("outcome"));
    if (!outcome) f.complain("outcome", "is not stored, covered, reload or forgotten");
    r.outcome = outcome.value_or(memory::commit_outcome::stored);
    r.operations_applied = static_cast<uint32_t>(f.number("operationsApplied"));
    r.operations_dropped = static_cast<uint32_t>(f.number("operationsDropped"));
    r.operations_outdated = static_cast<uint32_t>(f.number("operationsOutdated"));
    r.items_evicted = static_cast<uint32_t>(f.number("itemsEvicted"));
    r.embedding_dropped = f.flag("embeddingDropped");
  });
  if (!done) return done.error();
  return r;
}

std::string write_context(std::string_view conversation, std::string_view conversation_etag,
                          std::string_view profile, std::string_view profile_etag) {
  std::string text;
  text.reserve(conversation.size() + profile.size() + 128);
  json_writer out{text};
  out.begin_object()
      .key("conversation")
      .raw(conversation.empty() ? "null" : conversation)
      .key("profile")
      .raw(profile.empty() ? "null" : profile)
      .key("etags")
      .begin_object();
  if (!conversation.empty()) out.field("conversation", conversation_etag);
  if (!profile.empty()) out.field("profile", profile_etag);
  out.end_object().end_object();
  return text;
}

result<memory::context> parse_context(std::string_view json) {
  memory::context c;
  const auto done = json_fields::parse(json, "context", [&](const json_fields& f) {
    // Absent is not null: an answer of some other program must not pass for "nothing is stored".
    for (const char* name : {"conversation", "profile"})
      if (!f.present(name)) f.complain(name, "is missing");
    if (const auto conversation = f.object("conversation"))
      c.conversation = memory::read_record(*conversation);
    if (const auto user = f.object("profile")) c.user = memory::read_profile(*user);
    const auto etags = f.object("etags");
    if (etags && c.conversation) c.conversation->etag = etags->text("conversation");
    if (etags && c.user) c.user->etag = etags->text("profile");
  });
  if (!done) return done.error();
  return c;
}

}  // namespace mw::memory_api
