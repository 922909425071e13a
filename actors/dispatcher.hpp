// dispatcher: the ledger as an actor (docs/design.md 2, 3, 6). Decides nothing itself: it feeds
// flow::dispatch with what the others say and with the time, and carries out what that policy asks. Owns
// every delivery until the broker has confirmed its settlement, and every job until its outcome is known. All
// time comes from the actor clock.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/services.hpp"

namespace mw {

class dispatcher_state : public flow::dispatch_port {
 public:
  static constexpr const char* name = "dispatcher";
  dispatcher_state() = default;
  void init(dispatcher_actor::pointer self, std::shared_ptr<services> s);
  dispatcher_actor::behavior_type behavior();

  // --- flow::dispatch_port ---
  void settle(const flow::settlement& s) override;
  void submit(const flow::job_spec& spec) override;
  void intake(bool open) override;
  void probe(dependency d) override;
  void free_bytes(uint64_t id) override;
  void forget_job(uint64_t id) override;
  void note(flow::note n, const detail& d) override;

 private:
  flow::time_point now() const;
  template <class F>
  void handle(F&& f);
  void take_routes(const routes& r);
  void take_delivery(const delivery& d);
  void take_job_done(const job_done& d);
  void after_link_up();
  void send_freed();
  void flush_outbox();
  void publish_gauges();
  void arm_tick();
  void note_job(flow::note n, const detail& d);
  void note_refusals(flow::note n, const detail& d);
  void note_breaker(flow::note n, const detail& d);

  dispatcher_actor::pointer self_ = nullptr;
  std::shared_ptr<services> services_;
  std::shared_ptr<const config::settings> settings_;
  std::unique_ptr<flow::dispatch> core_;
  routes routes_;
  bool link_is_up_ = false;
  flow::time_point link_lost_at_{};
  std::vector<flow::settlement> to_settle_;
  std::vector<uint64_t> freed_bytes_;
  flow::time_point armed_for_{};
  uint64_t tick_generation_ = 0;
  bool draining_ = false;
  caf::strong_actor_ptr drain_asked_by_;
};

dispatcher_actor::behavior_type dispatcher(dispatcher_actor::stateful_pointer<dispatcher_state> self,
                                           std::shared_ptr<services> s);

}  // namespace mw
