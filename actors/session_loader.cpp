#include "actors/session_loader.hpp"

#include "actors/counting.hpp"
#include "actors/guard.hpp"
#include "actors/tell.hpp"
#include "actors/tracing.hpp"
#include "protocol/memory/commit.hpp"
#include "protocol/memory/unsaid.hpp"
#include "protocol/memory_api/commit_json.hpp"

namespace mw {
namespace {

using std::chrono::milliseconds;

/// How long a job waits for the replica that has the lease before it looks again.
constexpr milliseconds lease_wait{2'000};

std::string lease_key(std::string_view user_id, std::string_view session_id) {
  return std::string{"lease:"}.append(user_id).append(":").append(session_id);
}

/// All reads of one job end here, on whichever loop thread is last.
struct joined_reads {
  std::mutex mutex;
  int open = 2;
  fetched out;
  std::function<void(fetched)> done;

  template <class F>
  void finish(F&& put) {
    bool last = false;
    {
      const std::lock_guard lock{mutex};
      put(out);
      last = --open == 0;
    }
    if (last) done(std::move(out));
  }
  static void note_failure(fetched& f, const failure& why) {
    if (f.failed) return;
    f.failed = true;
    f.error = why;
  }
};

}  // namespace

std::string answer_key(std::string_view user_id, std::string_view session_id) {
  return std::string{"answer:"}.append(user_id).append(":").append(session_id);
}

loader_actor::behavior_type session_loader(loader_actor::stateful_pointer<session_loader_state> self,
                                           std::shared_ptr<services> s) {
  self->state.init(self, std::move(s));
  return self->state.behavior();
}

session_loader_state::~session_loader_state() {
  if (services_) services_->session.set(nullptr);
}

void session_loader_state::init(loader_actor::pointer self, std::shared_ptr<services> s) {
  self_ = self;
  services_ = std::move(s);
  self_->set_default_handler(caf::drop);
  take_settings();
  const caf::actor_addr weak = self_->address();
  const auto tell = [weak](redis_event e) { mw::tell<loader_actor>(weak, std::move(e)); };
  redis_ = services_->outside.make_session(
      [tell](std::string run_id) {
        tell({true, std::move(run_id), {}});
      },
      [tell](failure why) {
        tell({false, {}, std::move(why)});
      });
}

void session_loader_state::take_settings() {
  settings_ = services_->settings.get();
  limit_ = std::max(settings_->session_loader.mailbox_limit, settings_->dispatcher.max_jobs);
}

loader_actor::behavior_type session_loader_state::behavior() {
  return {
      [this](const routes& r) { guarded(self_, 0, [&] { take_routes(r); }); },
      [this](const job& j) { guarded(self_, j.spec.id, [&] { take_job(j); }); },
      [this](const demand& d) {
        guarded(self_, 0, [&] {
          credit_ += d.items;
          while (credit_ > 0 && !out_.empty()) {
            auto next = std::move(out_.front());
            out_.pop_front();
            hand_on(std::move(next));
          }
          grant();
        });
      },
      [this](const freed& f) {
        guarded(self_, 0, [&] {
          for (const uint64_t id : f.jobs) {
            release_lease(id);
            pending_.erase(id);
            std::erase_if(out_, [id](const loaded_job& j) { return j.spec.id == id; });
          }
          admit_waiting();
          grant();
        });
      },
      [this](const count_failure& c) {
        guarded(self_, 0, [&] {
          if (!connected_ || !settings_->session_loader.own_keys) return;
          const auto dispatcher = handle_of<dispatcher_actor>(routes_.dispatcher);
          redis_->count_failure(c.sequence_number, [dispatcher, id = c.job](result<uint32_t> n) {
            if (n && dispatcher) caf::anon_send(dispatcher, failure_counted{id, *n});
          });
        });
      },
      [this](const redis_event& e) { guarded(self_, 0, [&] { take_redis(e); }); },
      [this](const needs_room& n) {
        guarded(self_, n.id, [&] {
          const auto it = pending_.find(n.id);
          if (it == pending_.end() || it->second.spec.attempt != n.attempt) return;
          it->second.go = n.go;
          it->second.bytes = n.bytes;
          waiting_for_room_.push_back(n.id);
          admit_waiting();
        });
      },
      [this](fetched& f) {
        const uint64_t id = f.id;
        guarded(self_, id, [&] { take_fetched(f); });
      },
      [this](settings_changed) {
        guarded(self_, 0, [&] {
          take_settings();
          grant();
        });
      },
      [this](tick_message) { guarded(self_, 0, [&] { renew_leases(); }); },
  };
}

void session_loader_state::take_routes(const routes& r) {
  const bool new_dispatcher = r.dispatcher != routes_.dispatcher;
  const bool new_analyzer = r.analyzer != routes_.analyzer;
  routes_ = r;
  if (new_analyzer) credit_ = 0;  // its successor says anew what it takes
  if (new_dispatcher) {
    // Its predecessor's jobs are nobody's.
    while (!leases_.empty()) release_lease(leases_.begin()->first);
    pending_.clear();
    waiting_for_room_.clear();
    out_.clear();
    granted_ = 0;
    grant();
  }
}

void session_loader_state::take_redis(const redis_event& e) {
  if (!e.ready) {
    services_->status.set("redis", observe::state::down, to_string(e.closed));
    self_->quit(down_reason(errc::connection_lost, 0, to_string(e.closed)));
    return;
  }
  connected_ = true;
  services_->session.set(redis_);
  services_->redis_run.seen(e.run_id, self_->clock().now());
  services_->status.set("redis", observe::state::ok, "connected");
  observe::log(log_level::info, "redis-connected").field("run_id", e.run_id);
  grant();
}

bool session_loader_state::redis_may_be_empty() const {
  return services_->redis_run.changed_within(settings_->dispatcher.hold_limit, self_->clock().now());
}

void session_loader_state::take_job(const job& j) {
  if (granted_ > 0) --granted_;
  const auto dispatcher = handle_of<dispatcher_actor>(routes_.dispatcher);
  if (dispatcher) self_->send(dispatcher, entered{j.spec.id, j.spec.attempt, flow::stage::load});
  pending_.insert_or_assign(j.spec.id, pending{j.spec, self_->clock().now(), nullptr, 0});

  const caf::actor_addr weak = self_->address();
  auto join = std::make_shared<joined_reads>();
  if (leasing()) join->open = 3;
  join->out.id = j.spec.id;
  join->out.attempt = j.spec.attempt;
  join->done = [weak](fetched f) { tell<loader_actor>(weak, std::move(f)); };
  const std::string user{j.spec.ids.user()};
  const std::string session{j.spec.ids.session()};
  const auto read_stored = [join, services = services_, user, session] {
    services->outside.store->read(user, session, [join](result<memory::context> r) {
      join->finish([&](fetched& f) {
        if (r) {
          f.stored = std::make_shared<memory::context>(std::move(*r));
        } else {
          joined_reads::note_failure(f, r.error());
        }
      });
    });
  };
  const auto admit = [weak, services = services_, id = j.spec.id, attempt = j.spec.attempt](
                         uint64_t bytes, std::function<void()> go) {
    // Raw text, parsed messages, prompt and request body live at the same time.
    const uint64_t needed = bytes * 4;
    if (services->bytes.take(id, needed)) return go();
    tell<loader_actor>(
        weak, needs_room{id, attempt, needed, std::make_shared<std::function<void()>>(std::move(go))});
  };
  if (leasing()) {
    auto& l = leases_[j.spec.id] = {lease_key(user, session), self_->clock().now()};
    // Whoever had the lease before has stored what it paid for: only what is read from now on shows that.
    redis_->lease(l.key, [join, read_stored](bool ours) {
      join->finish([&](fetched& f) { f.leased_elsewhere = !ours; });
      read_stored();
    });
    if (!std::exchange(renewal_due_, true))
      self_->delayed_send(self_, settings_->receiver.lock_duration / 3, tick_message::value);
  } else {
    read_stored();
  }
  const auto key = settings_->session_loader.own_keys ? answer_key(user, session) : std::string{};
  redis_->fetch(session, key, admit, [join](result<session_texts> r) {
    join->finish([&](fetched& f) {
      if (r) {
        f.conversation = std::move(r->conversation);
        f.saved_answer = std::move(r->saved_answer);
      } else {
        joined_reads::note_failure(f, r.error());
      }
    });
  });
}

/// Nobody will ask for an answer that was made before a wish to be forgotten. Any other may be a later
/// event's.
void session_loader_state::drop_forgotten_answer(const flow::job_spec& spec, const fetched& f) {
  if (f.saved_answer.empty() || !f.stored->user || !redis_) return;
  const auto saved = memory_api::parse_commit(f.saved_answer);
  const bool of_older_worker =
      saved && !saved->unsaid && !memory::unsaid_at(*f.stored->user, spec.ids.session()).empty();
  if (saved && !of_older_worker && !memory::check_epoch(f.stored->user, *saved)) return;
  redis_->drop_answer(answer_key(spec.ids.user(), spec.ids.session()));
}

bool session_loader_state::leasing() const {
  const auto& s = settings_->session_loader;
  return s.own_keys && s.lease;
}

void session_loader_state::release_lease(uint64_t job) {
  const auto it = leases_.find(job);
  if (it == leases_.end()) return;
  redis_->release_lease(it->second.key);
  leases_.erase(it);
}

/// A lease lives as long as a lock of the bus: three missed renewals, and another replica goes on.
void session_loader_state::renew_leases() {
  const auto interval = settings_->receiver.lock_duration / 3;
  const auto now = self_->clock().now();
  for (auto& [job, l] : leases_) {
    if (now - l.renewed < interval) continue;
    l.renewed = now;
    redis_->renew_lease(l.key);
  }
  renewal_due_ = !leases_.empty();
  if (renewal_due_) self_->delayed_send(self_, interval, tick_message::value);
}

void session_loader_state::admit_waiting() {
  while (!waiting_for_room_.empty()) {
    const auto it = pending_.find(waiting_for_room_.front());
    if (it != pending_.end() && it->second.go) {
      if (!services_->bytes.take(it->first, it->second.bytes)) return;
      const auto go = std::move(it->second.go);
      it->second.go = nullptr;
      (*go)();
    }
    waiting_for_room_.pop_front();
  }
}

void session_loader_state::take_fetched(fetched& f) {
  const auto it = pending_.find(f.id);
  if (it == pending_.end() || it->second.spec.attempt != f.attempt) return;
  const pending p = std::move(it->second);
  pending_.erase(it);
  const auto now = self_->clock().now();
  count_stage(services_->metrics, flow::stage::load, now - p.since);
  trace_loaded(*services_, p.spec.id, p.since, now, f.failed ? &f.error : nullptr);
  if (f.failed) {
    fail_job(p.spec, f.error, f.stored.get());
    return grant();
  }
  auto conversation = chat::parse_conversation(f.conversation, services_->zone);
  f.conversation = {};
  if (!conversation) {
    fail_job(p.spec, conversation.error(), f.stored.get());
    return grant();
  }
  const auto& s = *settings_;
  auto prepared = analysis::prepare({*conversation, *f.stored, p.spec, s.dispatcher.max_tokens,
                                     services_->wall_clock(), s.dispatcher.quiet});
  count_passed_over(*services_, prepared, p.spec.ids.session());
  if (prepared.message_missing_but_moved_on) services_->metrics.messages_missing.Increment();
  if (!prepared.conversation) {
    drop_forgotten_answer(p.spec, f);
    end(std::move(prepared.end));
    return grant();
  }
  if (f.leased_elsewhere) {
    leases_.erase(p.spec.id);
    end(analysis::postpone(p.spec, lease_wait));
    return grant();
  }
  if (prepared.conversation->anew)
    observe::log(log_level::info, "summary-made-anew")
        .field("session", p.spec.ids.session())
        .field("reason", "an item that this conversation told was forgotten");
  loaded_job loaded{p.spec, std::move(*prepared.conversation), std::move(f.saved_answer)};
  if (credit_ > 0) {
    hand_on(std::move(loaded));
  } else {
    out_.push_back(std::move(loaded));
  }
  grant();
}

void session_loader_state::fail_job(const flow::job_spec& spec, failure why, const memory::context* stored) {
  flow::job_result r;
  r.id = spec.id;
  r.attempt = spec.attempt;
  r.at = flow::stage::load;
  r.calls_used = spec.calls_used;
  r.record_covers_event = stored != nullptr && analysis::record_covers_event(*stored, spec);
  r.redis_looks_emptied = why.code == errc::conversation_missing && redis_may_be_empty();
  r.error = std::move(why);
  end(std::move(r));
}

void session_loader_state::hand_on(loaded_job j) {
  --credit_;
  if (const auto analyzer = handle_of<analyzer_actor>(routes_.analyzer)) self_->send(analyzer, std::move(j));
}

void session_loader_state::end(flow::job_result r) {
  if (const auto dispatcher = handle_of<dispatcher_actor>(routes_.dispatcher))
    self_->send(dispatcher, job_done{std::move(r)});
}

void session_loader_state::grant() {
  if (!connected_) return;
  const auto dispatcher = handle_of<dispatcher_actor>(routes_.dispatcher);
  const uint64_t used = pending_.size() + out_.size() + granted_;
  if (!dispatcher || used >= limit_ || limit_ - used < std::max(1U, limit_ / 4)) return;
  const auto items = static_cast<uint32_t>(limit_ - used);
  granted_ += items;
  self_->send(dispatcher, demand{flow::stage::load, items});
}

}  // namespace mw
