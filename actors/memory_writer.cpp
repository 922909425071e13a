#include "actors/memory_writer.hpp"

#include "actors/counting.hpp"
#include "actors/guard.hpp"
#include "actors/session_loader.hpp"
#include "actors/tell.hpp"
#include "actors/tracing.hpp"
#include "protocol/analysis/commit_building.hpp"
#include "protocol/memory_api/commit_json.hpp"

namespace mw {
namespace {

/// How often, and how many at once, skipped spans are looked for whose conversation has left Redis.
constexpr std::chrono::minutes expired_every{1};
constexpr size_t expired_at_once = 200;
constexpr std::chrono::seconds probe_memory_again_after{5};

void log_outdated(const memory::commit& c, const memory::commit_reply& r) {
  if (r.operations_outdated == 0 && r.items_evicted == 0) return;
  observe::log(log_level::info, "operations-outdated")
      .field("session", c.session_id)
      .field("outdated", r.operations_outdated)
      .field("evicted", r.items_evicted);
}

void log_embedding_dropped(const memory::commit& c, const memory::commit_reply& r) {
  if (!r.embedding_dropped) return;
  observe::log(log_level::info, "embedding-dropped")
      .field("session", c.session_id)
      .field("why", "the summary changed, and no embedding was made of the new one");
}

}  // namespace

writer_actor::behavior_type memory_writer(writer_actor::stateful_pointer<memory_writer_state> self,
                                          std::shared_ptr<services> s) {
  self->state.init(self, std::move(s));
  return self->state.behavior();
}

void memory_writer_state::init(writer_actor::pointer self, std::shared_ptr<services> s) {
  self_ = self;
  services_ = std::move(s);
  self_->set_default_handler(caf::drop);
  take_settings();
  self_->delayed_send(self_, expired_every, tick_message::value);
}

void memory_writer_state::take_settings() {
  settings_ = services_->settings.get();
  room_ = std::max(settings_->memory_writer.mailbox_limit, settings_->dispatcher.max_jobs);
}

writer_actor::behavior_type memory_writer_state::behavior() {
  return {
      [this](const routes& r) { guarded(self_, 0, [&] { take_routes(r); }); },
      [this](analysed_job& j) {
        const uint64_t id = j.spec.id;
        guarded(self_, id, [&] { take_job(j); });
      },
      [this](const probe&) { guarded(self_, 0, [&] { probe_store(false); }); },
      [this](const answer_saved& a) {
        guarded(self_, a.id, [&] {
          const auto it = writing_.find(a.id);
          if (it != writing_.end() && it->second.job.spec.attempt == a.attempt) write(a.id);
        });
      },
      [this](const committed& c) { guarded(self_, c.id, [&] { take_committed(c); }); },
      [this](settings_changed) {
        guarded(self_, 0, [&] {
          take_settings();
          grant();
        });
      },
      [this](tick_message) {
        guarded(self_, 0, [&] { look_for_expired(); });
        self_->delayed_send(self_, expired_every, tick_message::value);
      },
  };
}

void memory_writer_state::take_routes(const routes& r) {
  const bool new_analyzer = r.analyzer != routes_.analyzer;
  const bool first = !routes_.dispatcher && r.dispatcher;
  routes_ = r;
  if (new_analyzer) {
    granted_ = 0;
    grant();
  }
  if (first) probe_store(true);
}

void memory_writer_state::take_job(analysed_job& j) {
  if (granted_ > 0) --granted_;
  const uint64_t id = j.spec.id;
  const uint32_t attempt = j.spec.attempt;
  if (const auto dispatcher = handle_of<dispatcher_actor>(routes_.dispatcher))
    self_->send(dispatcher, entered{id, attempt, flow::stage::commit});
  auto& w =
      writing_.insert_or_assign(id, writing{std::move(j), {}, false, {}, self_->clock().now()}).first->second;
  const auto redis = services_->session.get();
  if (w.job.was_saved || !redis || !settings_->session_loader.own_keys) return write(id);
  const caf::actor_addr weak = self_->address();
  w.as_json = memory_api::write_commit(w.job.commit);
  // Saved or not: without it a crash before the commit costs one more LLM call, nothing else.
  redis->save_answer(answer_key(w.job.commit.user_id, w.job.commit.session_id), w.as_json,
                     [weak, id, attempt](status) {
                       tell<writer_actor>(weak, answer_saved{id, attempt});
                     });
}

void memory_writer_state::write(uint64_t id) {
  writing& w = writing_.at(id);
  const caf::actor_addr weak = self_->address();
  services_->outside.store->write(w.job.commit, std::exchange(w.as_json, {}),
                                  [weak, id, attempt = w.job.spec.attempt](result<memory::commit_reply> r) {
                                    committed c;
                                    c.id = id;
                                    c.attempt = attempt;
                                    c.failed = !r;
                                    if (r) {
                                      c.reply = *r;
                                    } else {
                                      c.error = r.error();
                                    }
                                    tell<writer_actor>(weak, std::move(c));
                                  });
}

void memory_writer_state::take_committed(const committed& c) {
  const auto it = writing_.find(c.id);
  if (it == writing_.end() || it->second.job.spec.attempt != c.attempt) return;
  writing& w = it->second;
  const auto now = self_->clock().now();
  count_stage(services_->metrics, flow::stage::commit, now - w.since);
  trace_written(*services_, c, w.since, now);
  flow::job_result r;
  r.id = c.id;
  r.attempt = c.attempt;
  r.at = flow::stage::commit;
  r.calls_used = w.job.calls_used;
  r.max_fresh_messages = w.job.max_fresh_messages;
  if (!c.failed && c.reply.outcome == memory::commit_outcome::stored) count_skipped(*services_, w.job.commit);
  if (w.marking) {
    r.error = w.refused;
    return finish(c.id, std::move(r));
  }
  if (c.failed) {
    if (w.job.spec.mark_refused && store_refuses(flow::stage::commit, c.error.code))
      return mark_refused(w, c.error);
    r.error = c.error;
    return finish(c.id, std::move(r));
  }
  count_commit(services_->metrics, c.reply);
  log_outdated(w.job.commit, c.reply);
  log_embedding_dropped(w.job.commit, c.reply);
  switch (c.reply.outcome) {
    case memory::commit_outcome::stored:
    case memory::commit_outcome::covered:
      r.end = w.job.covers_event ? flow::job_end::committed : flow::job_end::partial;
      break;
    case memory::commit_outcome::forgotten:
      r.end = flow::job_end::forgotten;
      break;
    case memory::commit_outcome::reload:
      r.error =
          fail(dependency::memory, errc::stale, "the record stands behind what this analysis began with");
      break;
  }
  if (const auto redis = services_->session.get(); redis && settings_->session_loader.own_keys)
    redis->drop_answer(answer_key(w.job.commit.user_id, w.job.commit.session_id));
  finish(c.id, std::move(r));
}

void memory_writer_state::mark_refused(writing& w, const failure& why) {
  w.marking = true;
  w.refused = why;
  analysis::mark_refused(w.job.commit);
  write(w.job.spec.id);
}

// The record says whether they are skipped still: another replica may have analysed them.
void memory_writer_state::look_for_expired() {
  const auto now = services_->wall_clock();
  const auto overdue = services_->skipped.overdue(now, expired_at_once);
  for (const auto& e : overdue)
    services_->outside.store->read(e.user_id, e.session_id,
                                   [services = services_, e, now](const result<memory::context>& r) {
                                     if (!r) return services->skipped.look_again(e, now);
                                     count_expired(*services, e, r->conversation, now);
                                   });
  if (!overdue.empty()) services_->status.list("skipped_spans", services_->skipped.json());
}

void memory_writer_state::finish(uint64_t id, flow::job_result r) {
  writing_.erase(id);
  if (const auto dispatcher = handle_of<dispatcher_actor>(routes_.dispatcher))
    self_->send(dispatcher, job_done{std::move(r)});
  grant();
}

void memory_writer_state::probe_store(bool at_start) {
  const auto dispatcher = handle_of<dispatcher_actor>(routes_.dispatcher);
  const caf::actor_addr weak = self_->address();
  services_->outside.store->probe([weak, dispatcher, at_start, services = services_](status s) {
    if (!s && s.error().code == errc::open_files) {
      count_probe_not_sent(services->metrics, s.error());
      // At the start nobody else would ask again.
      if (const auto me = handle_of<writer_actor>(caf::actor_cast<caf::strong_actor_ptr>(weak));
          me && at_start)
        caf::delayed_anon_send(me, probe_memory_again_after, probe{dependency::memory});
      return;
    }
    const std::string detail = s ? "answered an authenticated probe" : to_string(s.error());
    services->status.set("memory", s ? observe::state::ok : observe::state::down, detail);
    if (!s || at_start)
      observe::log(s ? log_level::info : log_level::error, s ? "memory-ready" : "memory-probe-failed")
          .field("detail", detail);
    if (dispatcher) caf::anon_send(dispatcher, probed{dependency::memory, static_cast<bool>(s)});
  });
}

void memory_writer_state::grant() {
  const auto analyzer = handle_of<analyzer_actor>(routes_.analyzer);
  const uint64_t used = writing_.size() + granted_;
  if (!analyzer || used >= room_ || room_ - used < std::max(1U, room_ / 4)) return;
  const auto items = static_cast<uint32_t>(room_ - used);
  granted_ += items;
  self_->send(analyzer, demand{flow::stage::commit, items});
}

}  // namespace mw
