// session_loader: reads the conversation (Redis) and both stored documents (memory store) in parallel, cuts
// the conversation down to what is new and hands the job on; or ends it when there is nothing to do. Owns the
// Redis connection: when that ends, the actor ends with connection_lost, and the supervisor's back-off is the
// reconnect policy. Grants the dispatcher demand only while Redis answers. A conversation's bytes are
// admitted before it is read. While a job lives its conversation is leased in Redis, where that takes our
// keys; a job whose conversation another replica has leased is postponed: later the watermark covers it.
#pragma once

#include <deque>
#include <unordered_map>

#include "actors/interfaces.hpp"
#include "actors/services.hpp"

namespace mw {

/// Redis key (without prefix) under which the answer for a conversation is kept until its commit is done.
std::string answer_key(std::string_view user_id, std::string_view session_id);

class session_loader_state {
 public:
  static constexpr const char* name = "session_loader";
  void init(loader_actor::pointer self, std::shared_ptr<services> s);
  loader_actor::behavior_type behavior();
  ~session_loader_state();

 private:
  struct pending {
    flow::job_spec spec;
    flow::time_point since;
    std::shared_ptr<std::function<void()>> go;  ///< waits for room
    uint64_t bytes = 0;
  };
  void take_settings();
  void take_routes(const routes& r);
  void take_job(const job& j);
  void take_redis(const redis_event& e);
  void take_fetched(fetched& f);
  void hand_on(loaded_job j);
  void end(flow::job_result r);
  void fail_job(const flow::job_spec& spec, failure why, const memory::context* stored);
  void admit_waiting();
  void grant();
  bool leasing() const;
  void drop_forgotten_answer(const flow::job_spec& spec, const fetched& f);
  void release_lease(uint64_t job);
  void renew_leases();
  bool redis_may_be_empty() const;

  loader_actor::pointer self_ = nullptr;
  std::shared_ptr<services> services_;
  std::shared_ptr<const config::settings> settings_;
  std::shared_ptr<session_port> redis_;
  bool connected_ = false;
  routes routes_;
  std::unordered_map<uint64_t, pending> pending_;
  std::deque<uint64_t> waiting_for_room_;
  struct lease {
    std::string key;
    flow::time_point renewed;
  };
  std::unordered_map<uint64_t, lease> leases_;  ///< by job
  bool renewal_due_ = false;
  std::deque<loaded_job> out_;  ///< loaded, waiting for the analyzer's demand
  uint32_t credit_ = 0;         ///< analyzer's
  uint32_t granted_ = 0;        ///< to the dispatcher, not used yet
  uint32_t limit_ = 64;
};

loader_actor::behavior_type session_loader(loader_actor::stateful_pointer<session_loader_state> self,
                                           std::shared_ptr<services> s);

}  // namespace mw
