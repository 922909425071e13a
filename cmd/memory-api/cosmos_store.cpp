#include "cmd/memory-api/cosmos_store.hpp"

#include <algorithm>
#include <future>
#include <limits>

#include "cmd/memory-api/edits.hpp"
#include "cmd/memory-api/search_text.hpp"
#include "protocol/base/folding.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/memory/documents_json.hpp"
#include "protocol/memory/forget.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/unsaid.hpp"
#include "protocol/memory_api/commit_json.hpp"

namespace mw::api {
namespace {

constexpr unsigned max_tries = 8;
constexpr std::string_view scan_text =
    "SELECT c.id, c.userId, c.sessionId, c.summary, c.timestamp, c.themes, c.persons, c.places, "
    "c.user_sentiment, c.worker, c._etag FROM c WHERE c.userId = @user";

/// Calls a function that answers through a callback, and waits for it.
template <class T, class Start>
result<T> wait_for(Start&& start) {
  std::promise<result<T>> answer;
  start([&answer](result<T> r) { answer.set_value(std::move(r)); });
  return answer.get_future().get();
}

failure outpaced() {
  return fail(dependency::memory, errc::overloaded, "other writers keep changing the document; try again");
}

status read_page(const std::string& body, std::vector<memory::record>& out) {
  return memory::json_fields::parse(body, "query answer", [&](const memory::json_fields& f) {
    f.each("Documents", [&](const memory::json_fields& d) {
      out.push_back(memory::read_record(d));
      out.back().etag = d.required_text("_etag");
    });
  });
}

/// Whether documents without `ttl` expire; yes where the container's answer does not tell.
bool has_default_ttl(const result<cosmos::answer>& container) {
  bool found = false;
  const auto done = memory::json_fields::parse(
      container ? std::string_view{container->body} : std::string_view{}, "container",
      [&](const memory::json_fields& f) { found = f.present("defaultTtl"); });
  return !done || found;
}

/// The part of the terms that the record contains; rare words cannot be told from frequent ones here.
double relevance(const memory::record& r, const std::vector<std::string>& terms) {
  std::string text = r.summary;
  for (const auto* list : {&r.themes, &r.persons, &r.places})
    for (const auto& entry : *list) text.append("\n").append(entry);
  const std::string folded = fold_for_search(text);
  const auto hits = std::count_if(terms.begin(), terms.end(), [&](const std::string& term) {
    return folded.find(term) != std::string::npos;
  });
  return terms.empty() ? 0 : static_cast<double>(hits) / static_cast<double>(terms.size());
}

}  // namespace

result<std::unique_ptr<cosmos_store>> cosmos_store::open(cosmos::store_options options) {
  std::unique_ptr<cosmos_store> store{new cosmos_store};
  auto documents = cosmos::document_store::make(store->loop_.get(), store->http_, std::move(options));
  if (!documents) return documents.error();
  store->documents_ = std::move(*documents);
  store->core_ = store->documents_->core();
  return store;
}

result<cosmos::answer> cosmos_store::ask(cosmos::request what) const {
  return wait_for<cosmos::answer>(
      [&](auto done) { core_->items->send(std::move(what), core_->deadline(), std::move(done)); });
}

result<cosmos::stored_pair> cosmos_store::load(const std::string& user_id,
                                               const std::string& session_id) const {
  return wait_for<cosmos::stored_pair>(
      [&](auto done) { cosmos::load(core_, user_id, session_id, core_->deadline(), std::move(done)); });
}

result<std::optional<memory::profile>> cosmos_store::profile(const std::string& user_id) const {
  return cosmos::profile_of(ask(cosmos::read_profile_request(*core_, user_id)), user_id);
}

bool cosmos_store::remove(const memory::record& r) const {
  const auto gone = ask(cosmos::remove_record_request(*core_, r));
  return gone && gone->found();
}

void cosmos_store::empty_outdated(const std::string& user_id, const std::string& session_id) const {
  for (unsigned i = 0; i < max_tries; ++i) {
    auto pair = load(user_id, session_id);
    if (!pair || !pair->conversation || cosmos::is_forgotten(*pair->conversation, pair->user)) return;
    if (!memory::empty_outdated(*pair->conversation, pair->user)) return;
    const auto done =
        ask(cosmos::write_record_request(*core_, *pair->conversation, pair->conversation->etag));
    if (!done || done->found()) return;
  }
}

result<std::vector<memory::record>> cosmos_store::scan(const std::string& user_id, size_t most) const {
  cosmos::request query;
  query.op = cosmos::operation::query;
  query.container = core_->names.conversations;
  query.user_id = user_id;
  json_writer out{query.body};
  out.begin_object().field("query", scan_text).key("parameters").begin_array();
  out.begin_object().field("name", "@user").field("value", user_id).end_object();
  out.end_array().end_object();
  std::vector<memory::record> records;
  do {
    const auto page = ask(query);
    if (!page) return page.error();
    if (const auto read = read_page(page->body, records); !read) return read.error();
    query.continuation = page->continuation;
  } while (!query.continuation.empty() && records.size() < most);
  return records;
}

result<std::vector<memory::record>> cosmos_store::visible_records(const std::string& user_id) const {
  const auto user = profile(user_id);
  if (!user) return user.error();
  auto records = scan(user_id, max_scanned);
  if (!records) return records;
  std::erase_if(*records, [&](const memory::record& r) {
    if (!cosmos::is_forgotten(r, *user)) return false;
    remove(r);
    return true;
  });
  for (memory::record& r : *records)
    if (memory::empty_outdated(r, *user)) empty_outdated(user_id, r.session_id);
  std::stable_sort(records->begin(), records->end(), [](const memory::record& a, const memory::record& b) {
    return a.timestamp > b.timestamp;
  });
  return records;
}

template <class Change>
result<written> cosmos_store::update_profile(const std::string& user_id, const precondition& p,
                                             Change&& change) const {
  for (unsigned i = 0; i < max_tries; ++i) {
    auto stored = profile(user_id);
    if (!stored) return stored.error();
    const std::string etag = *stored ? (*stored)->etag : std::string{};
    if (const auto met = api::check(p, etag); !met) return met.error();
    auto current = std::move(*stored).value_or(memory::profile{});
    current.user_id = user_id;
    const auto done = ask(cosmos::write_profile_request(*core_, change(std::move(current)), etag));
    if (!done) return done.error();
    if (done->found()) return written{done->etag, etag.empty()};
  }
  return outpaced();
}

result<std::string> cosmos_store::read_context(std::string_view user_id, std::string_view session_id) {
  const auto c = wait_for<memory::context>(
      [&](auto done) { documents_->read(std::string{user_id}, std::string{session_id}, std::move(done)); });
  if (!c) return c.error();
  std::string conversation;
  std::string user;
  if (c->conversation) {
    auto plain = *c->conversation;
    plain.embedding.clear();
    plain.names_embedding = false;
    conversation = memory::write_record(plain);
  }
  if (c->user) user = memory::write_profile(*c->user);
  return memory_api::write_context(conversation, c->conversation ? c->conversation->etag : std::string{},
                                   user, c->user ? c->user->etag : std::string{});
}

result<memory::commit_reply> cosmos_store::write(const memory::commit& c, wall_time) {
  return wait_for<memory::commit_reply>([&](auto done) { documents_->write(c, {}, std::move(done)); });
}

result<std::optional<memory::profile>> cosmos_store::read_profile(std::string_view user_id) {
  return profile(std::string{user_id});
}

result<std::optional<memory::record>> cosmos_store::read_record(std::string_view user_id,
                                                                std::string_view session_id) {
  auto pair = load(std::string{user_id}, std::string{session_id});
  if (!pair) return pair.error();
  if (pair->conversation && cosmos::is_forgotten(*pair->conversation, pair->user)) {
    remove(*pair->conversation);
    pair->conversation.reset();
  }
  if (pair->conversation && memory::empty_outdated(*pair->conversation, pair->user)) {
    empty_outdated(pair->conversation->user_id, pair->conversation->session_id);
    pair = load(std::string{user_id}, std::string{session_id});
    if (!pair) return pair.error();
    if (pair->conversation) memory::empty_outdated(*pair->conversation, pair->user);
  }
  return std::move(pair->conversation);
}

result<std::vector<memory::record>> cosmos_store::list_records(std::string_view user_id, size_t limit,
                                                               size_t offset) {
  auto records = visible_records(std::string{user_id});
  if (!records) return records;
  const auto first = static_cast<std::ptrdiff_t>(std::min(offset, records->size()));
  records->erase(records->begin(), records->begin() + first);
  if (records->size() > limit) records->resize(limit);
  return records;
}

result<std::vector<found_record>> cosmos_store::search(std::string_view user_id, std::string_view text,
                                                       size_t limit) {
  auto records = visible_records(std::string{user_id});
  if (!records) return records.error();
  const auto terms = search_terms(text);
  std::vector<found_record> found;
  for (auto& r : *records) {
    if (!memory::has_summary(r)) continue;
    const double score = relevance(r, terms);
    if (score > 0) found.push_back({std::move(r), score});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const found_record& a, const found_record& b) { return a.relevance > b.relevance; });
  if (found.size() > limit) found.resize(limit);
  return found;
}

result<written> cosmos_store::put_lists(std::string_view user_id, const list_updates& updates,
                                        const precondition& p, wall_time now) {
  return update_profile(std::string{user_id}, p, [&](memory::profile user) {
    apply_lists(user, updates, now);
    return user;
  });
}

result<written> cosmos_store::put_summary(const memory::record& summary, const precondition& p,
                                          wall_time now) {
  for (unsigned i = 0; i < max_tries; ++i) {
    const auto pair = load(summary.user_id, summary.session_id);
    if (!pair) return pair.error();
    const std::string etag = pair->conversation ? pair->conversation->etag : std::string{};
    auto visible = pair->conversation;
    if (visible && cosmos::is_forgotten(*visible, pair->user)) visible.reset();
    if (const auto met = api::check(p, visible ? visible->etag : std::string{}); !met) return met.error();
    const auto next = merge_summary(summary, visible, pair->user, now);
    const auto done = ask(cosmos::write_record_request(*core_, next, etag));
    if (!done) return done.error();
    if (done->found()) return written{done->etag, !visible, loses_embedding(visible, next)};
  }
  return outpaced();
}

result<forgotten> cosmos_store::forget_everything(std::string_view user_id, const precondition& p,
                                                  wall_time now) {
  const std::string user{user_id};
  bool existed = false;
  uint64_t old_epoch = 0;
  // Read before the wish is written: what is analysed in between is told apart by its time, and so is all
  // where they cannot be read. The wish does not wait for that.
  const auto read = scan(user, std::numeric_limits<size_t>::max());
  const auto analysed = read ? *read : std::vector<memory::record>{};
  cosmos::request look;
  look.op = cosmos::operation::container;
  look.container = core_->names.user_memories;
  const bool expires = has_default_ttl(ask(std::move(look)));
  const auto done = update_profile(user, p, [&](const memory::profile& current) {
    existed = !current.empty();
    old_epoch = current.epoch;
    auto tombstone = memory::forget_everything(current, memory::positions_of(analysed, current.epoch), now);
    if (expires) tombstone.other_fields["ttl"] = "-1";
    return tombstone;
  });
  if (!done) return done.error();
  // From here on nobody sees the records any more; a failure below leaves them invisible, deleted on sight.
  const auto records = scan(user, std::numeric_limits<size_t>::max());
  if (!records) return records.error();
  for (const auto& r : *records) {
    if (r.epoch > old_epoch) continue;
    existed = existed || r.epoch == old_epoch;
    remove(r);
  }
  return forgotten{existed};
}

result<forgotten> cosmos_store::forget_session(std::string_view user_id, std::string_view session_id,
                                               const precondition& p, wall_time now) {
  const std::string user{user_id};
  const auto pair = load(user, std::string{session_id});
  if (!pair) return pair.error();
  const bool visible = pair->conversation && !cosmos::is_forgotten(*pair->conversation, pair->user);
  if (const auto met = api::check(p, visible ? pair->conversation->etag : std::string{}); !met)
    return met.error();
  size_t removed = 0;
  const auto done = update_profile(user, {}, [&](const memory::profile& current) {
    auto change = memory::forget_session(
        current, session_id, visible ? pair->conversation->through : std::optional<memory::watermark>{}, now);
    removed = change.removed;
    return std::move(change.next);
  });
  if (!done) return done.error();
  // Read again: a commit may have stored a newer version before it could see the mark.
  const auto after = load(user, std::string{session_id});
  if (!after) return after.error();
  const bool same =
      pair->conversation && after->conversation && after->conversation->etag == pair->conversation->etag;
  if (same || (after->conversation && cosmos::is_forgotten(*after->conversation, after->user)))
    remove(*after->conversation);
  return forgotten{visible || removed > 0};
}

result<forgotten> cosmos_store::forget_item(std::string_view user_id, memory::category in,
                                            std::string_view item, const precondition& p, wall_time now) {
  const std::string user{user_id};
  auto records = scan(user, std::numeric_limits<size_t>::max());
  if (!records) return records.error();
  memory::partial_forget change;
  const auto done = update_profile(user, p, [&](const memory::profile& current) {
    std::vector<memory::record> visible;
    for (const auto& r : *records)
      if (!cosmos::is_forgotten(r, current)) visible.push_back(r);
    change = memory::forget_item(current, in, item, now, visible);
    return change.next;
  });
  if (!done) return done.error();
  // From here on nobody sees what the records say; one that cannot be written now is emptied on sight.
  for (const std::string& session : change.sessions) empty_outdated(user, session);
  return forgotten{change.removed > 0};
}

status cosmos_store::check() {
  return wait_for<ok_t>([&](auto done) { documents_->probe(std::move(done)); });
}

}  // namespace mw::api
