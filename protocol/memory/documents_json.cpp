#include "protocol/memory/documents_json.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "protocol/memory/secrets.hpp"
#include "protocol/memory/summary_text.hpp"
#include "protocol/memory/worker_json.hpp"

namespace mw::memory {
namespace {

/// The `worker` property is JSON text inside a string. Reading it with the same complaint sink.
template <class Read>
void read_worker(const json_fields& fields, Read&& read) {
  const std::string text = fields.text("worker");
  if (text.empty()) return;
  const auto done = json_fields::parse(text, "worker", read);
  if (!done) fields.complain("worker", done.error().detail);
}

void write_others(json_writer& out, const std::map<std::string, std::string>& fields) {
  for (const auto& [name, json] : fields) out.key(name).raw(json);
}

std::string record_worker(const record& r) {
  std::string text;
  json_writer out{text};
  out.begin_object().field("v", 1).field("epoch", r.epoch);
  if (r.wish) out.field("wish", *r.wish);
  if (r.through) {
    out.key("through");
    write_watermark(out, *r.through);
  }
  if (!r.unsaid.empty()) out.field("unsaid", r.unsaid);
  if (r.anew) {
    out.key("anew");
    write_watermark(out, *r.anew);
  }
  out.field("status", to_string(r.status));
  if (!r.skipped.empty()) {
    out.key("skipped").begin_array();
    for (const skipped_span& s : r.skipped) write_skipped(out, s);
    out.end_array();
  }
  if (!r.model.empty()) out.field("model", r.model);
  out.key("usage");
  write_usage(out, r.used);
  write_others(out, r.other_worker_fields);
  out.end_object();
  return text;
}

void read_record_worker(const json_fields& w, record& r) {
  r.epoch = w.number("epoch");
  if (w.has("wish")) r.wish = w.text("wish");
  if (const auto through = w.object("through")) r.through = read_watermark(*through);
  const std::string status = w.text("status");
  const auto known = record_status_from(status);
  if (!status.empty() && !known) w.complain("status", "is neither ok nor defaults");
  r.status = known.value_or(record_status::ok);
  w.each("skipped", [&](const json_fields& s) { r.skipped.push_back(read_skipped(s)); });
  r.model = w.text("model");
  if (const auto u = w.object("usage")) r.used = read_usage(*u);
  r.unsaid = w.text("unsaid");
  if (const auto anew = w.object("anew")) r.anew = read_watermark(*anew);
  constexpr std::array<std::string_view, 10> ours{"v",    "epoch",  "wish",    "through", "unsaid",
                                                  "anew", "status", "skipped", "model",   "usage"};
  r.other_worker_fields = w.others(ours);
}

/// Of a record, beside its embedding.
constexpr size_t usual_record_bytes = 2'048;

constexpr std::array<std::string_view, 11> record_fields{
    "id",      "userId", "sessionId",      "summary",          "timestamp", "themes",
    "persons", "places", "user_sentiment", "vector_embedding", "worker"};

/// Without what the database adds of its own.
std::map<std::string, std::string> foreign_fields(const json_fields& f,
                                                  std::span<const std::string_view> known) {
  auto fields = f.others(known);
  std::erase_if(fields, [](const auto& field) { return field.first.starts_with('_'); });
  return fields;
}

void write_origin(json_writer& out, const item_origin& o) {
  out.begin_object()
      .field("in", to_string(o.in))
      .field("item", o.item)
      .field("session", o.session_id)
      .field("message", o.message_id)
      .field("time", o.time);
  write_place(out, o.place);
  if (!o.instead_of.empty()) out.field("instead_of", o.instead_of);
  out.end_object();
}

void write_folding(json_writer& out, unsigned version) {
  if (version != 1) out.field("folding", uint64_t{version});
}

unsigned read_folding(const json_fields& f) {
  return std::max(1U, static_cast<unsigned>(f.number("folding")));
}

void write_forgotten(json_writer& out, const forgotten_mark& m) {
  out.begin_object().field("hash", m.hash).field("time", m.time);
  write_folding(out, m.folding);
  out.end_object();
}

void write_unsaid(json_writer& out, const unsaid_message& m) {
  out.begin_object().field("session", m.session_hash);
  if (!m.message_hash.empty()) out.field("message", m.message_hash);
  if (!m.time.empty()) out.field("time", m.time);
  out.end_object();
}

void write_mark(json_writer& out, const item_mark& m) {
  out.begin_object().field("in", to_string(m.in)).field("hash", m.hash).field("time", m.time);
  write_place(out, m.place);
  if (!m.session_tag.empty()) out.field("by", m.session_tag);
  if (!m.gone) out.field("named", true);
  write_folding(out, m.folding);
  out.end_object();
}

std::string profile_worker(const profile& p) {
  std::string text;
  json_writer out{text};
  out.begin_object().field("v", 1).field("epoch", p.epoch).field("revision", p.revision);
  if (!p.forgotten_before.empty()) out.field("forgotten_before", p.forgotten_before);
  if (!p.applied.empty()) {
    out.key("applied").begin_object();
    for (const auto& [session, through] : p.applied) {
      out.key(session);
      write_watermark(out, through);
    }
    out.end_object();
  }
  if (!p.origins.empty()) {
    out.key("origins").begin_array();
    for (const item_origin& o : p.origins) write_origin(out, o);
    out.end_array();
  }
  if (!p.marks.empty()) {
    out.key("marks").begin_array();
    for (const item_mark& m : p.marks) write_mark(out, m);
    out.end_array();
  }
  if (!p.last_operations.empty()) {
    out.key("last_operations").begin_array();
    for (const operation& op : p.last_operations) write_operation(out, op);
    out.end_array();
  }
  if (!p.forgotten.empty()) {
    out.key("forgotten").begin_array();
    for (const forgotten_mark& m : p.forgotten) write_forgotten(out, m);
    out.end_array();
  }
  if (!p.positions.empty()) {
    out.key("positions").begin_array();
    for (const forgotten_position& at : p.positions) {
      out.begin_object().field("session", at.session_hash).field("analysed", at.analysed).key("through");
      write_watermark(out, at.through);
      out.end_object();
    }
    out.end_array();
  }
  if (!p.unsaid.empty()) {
    out.key("unsaid").begin_array();
    for (const unsaid_message& m : p.unsaid) write_unsaid(out, m);
    out.end_array();
  }
  write_others(out, p.other_worker_fields);
  out.end_object();
  return text;
}

const std::array<std::string_view, 5 + category_count> profile_fields = [] {
  std::array<std::string_view, 5 + category_count> names{"id", "userId", "timestamp", "last_updated",
                                                         "worker"};
  for (size_t i = 0; i < category_count; ++i) names.at(5 + i) = to_string(static_cast<category>(i));
  return names;
}();

void read_profile_worker(const json_fields& w, profile& p) {
  p.epoch = w.number("epoch");
  p.revision = w.number("revision");
  p.forgotten_before = w.text("forgotten_before");
  w.each_key("applied", [&](std::string_view session, const json_fields& f) {
    p.applied.emplace(session, read_watermark(f));
  });
  w.each("origins", [&](const json_fields& f) {
    p.origins.push_back({read_category(f, "in"), f.text("item"), f.text("session"), f.text("message"),
                         f.text("time"), read_place(f), f.text("instead_of")});
  });
  w.each("marks", [&](const json_fields& f) {
    p.marks.push_back({read_category(f, "in"), f.required_text("hash"), f.text("time"), read_place(f),
                       f.text("by"), !f.flag("named"), read_folding(f)});
  });
  w.each("last_operations", [&](const json_fields& f) {
    operation op = read_operation(f);
    // Former versions kept them.
    op.quote.clear();
    if (op.op == op_kind::remove) op.item.clear();
    if (holds_secret(op.item) || holds_secret(op.replaces)) return;
    p.last_operations.push_back(std::move(op));
  });
  w.each("forgotten", [&](const json_fields& f) {
    p.forgotten.push_back({f.required_text("hash"), f.text("time"), read_folding(f)});
  });
  w.each("positions", [&](const json_fields& f) {
    const auto through = f.object("through");
    if (through)
      p.positions.push_back({f.required_text("session"), read_watermark(*through), f.text("analysed")});
  });
  w.each("unsaid", [&](const json_fields& f) {
    p.unsaid.push_back({f.required_text("session"), f.text("message"), f.text("time")});
  });
  constexpr std::array<std::string_view, 11> known{"v",         "epoch",     "revision", "forgotten_before",
                                                   "applied",   "origins",   "marks",    "last_operations",
                                                   "forgotten", "positions", "unsaid"};
  p.other_worker_fields = w.others(known);
}

}  // namespace

record read_record(const json_fields& f) {
  record r;
  r.user_id = f.required_text("userId");
  r.session_id = f.required_text("sessionId");
  r.summary = f.text("summary");
  if (is_placeholder_summary(r.summary)) r.summary.clear();
  r.timestamp = f.text("timestamp");
  r.themes = f.texts("themes");
  r.persons = f.texts("persons");
  r.places = f.texts("places");
  r.user_sentiment = sentiment_from(f.text("user_sentiment")).value_or(sentiment::neutral);
  r.embedding = f.floats("vector_embedding");
  r.names_embedding = f.present("vector_embedding");
  r.other_fields = foreign_fields(f, record_fields);
  read_worker(f, [&](const json_fields& w) { read_record_worker(w, r); });
  return r;
}

void write_record(json_writer& out, const record& r, std::string_view embedding_json) {
  out.begin_object()
      .field("id", record_id(r.session_id, r.user_id))
      .field("userId", r.user_id)
      .field("sessionId", r.session_id)
      .field("summary", r.summary)
      .field("timestamp", r.timestamp)
      .strings("themes", r.themes)
      .strings("persons", r.persons)
      .strings("places", r.places)
      .field("user_sentiment", to_string(r.user_sentiment));
  if (!embedding_json.empty()) {
    out.key("vector_embedding").raw(embedding_json);
  } else if (!r.embedding.empty() || r.names_embedding) {
    out.key("vector_embedding").floats(r.embedding);
  }
  write_others(out, r.other_fields);
  out.field("worker", record_worker(r)).end_object();
}

profile read_profile(const json_fields& f) {
  profile p;
  p.user_id = f.required_text("userId");
  p.timestamp = f.text("timestamp");
  p.last_updated = f.text("last_updated");
  for (size_t i = 0; i < category_count; ++i) p.lists.at(i) = f.texts(to_string(static_cast<category>(i)));
  read_worker(f, [&](const json_fields& w) { read_profile_worker(w, p); });
  p.other_fields = foreign_fields(f, profile_fields);
  return p;
}

void write_profile(json_writer& out, const profile& p) {
  out.begin_object()
      .field("id", p.user_id)
      .field("userId", p.user_id)
      .field("timestamp", p.timestamp)
      .field("last_updated", p.last_updated);
  for (size_t i = 0; i < category_count; ++i) out.strings(to_string(static_cast<category>(i)), p.lists.at(i));
  write_others(out, p.other_fields);
  out.field("worker", profile_worker(p)).end_object();
}

result<record> parse_record(std::string_view json) {
  record r;
  const auto done =
      json_fields::parse(json, "conversation document", [&](const json_fields& f) { r = read_record(f); });
  if (!done) return done.error();
  return r;
}
std::string write_record(const record& r, std::string_view embedding_json) {
  std::string text;
  text.reserve(embedding_json.empty() ? 0 : embedding_json.size() + usual_record_bytes);
  json_writer out{text};
  write_record(out, r, embedding_json);
  return text;
}

result<profile> parse_profile(std::string_view json) {
  profile p;
  const auto done =
      json_fields::parse(json, "profile document", [&](const json_fields& f) { p = read_profile(f); });
  if (!done) return done.error();
  return p;
}
std::string write_profile(const profile& p) {
  std::string text;
  json_writer out{text};
  write_profile(out, p);
  return text;
}

}  // namespace mw::memory
