// memory_writer: commits one analysis (docs/design.md 4): saves the answer for resumption, writes through the
// memory store's compare-and-swap, drops the saved answer, reports job_done with what is covered. An answer
// the store refuses again, while it takes others', is marked in the record, so that later events do not pay
// for it again. Holds at most the slots it granted.
#pragma once

#include <unordered_map>

#include "actors/interfaces.hpp"
#include "actors/services.hpp"

namespace mw {

class memory_writer_state {
 public:
  static constexpr const char* name = "memory_writer";
  void init(writer_actor::pointer self, std::shared_ptr<services> s);
  writer_actor::behavior_type behavior();

 private:
  struct writing {
    analysed_job job;
    std::string as_json;   ///< the commit as it was saved; empty: not made, or written
    bool marking = false;  ///< the refused commit's mark is being written
    failure refused;
    flow::time_point since;
  };
  void take_settings();
  void take_routes(const routes& r);
  void take_job(analysed_job& j);
  void write(uint64_t id);
  void take_committed(const committed& c);
  void mark_refused(writing& w, const failure& why);
  void finish(uint64_t id, flow::job_result r);
  void probe_store(bool at_start);
  void look_for_expired();
  void grant();

  writer_actor::pointer self_ = nullptr;
  std::shared_ptr<services> services_;
  std::shared_ptr<const config::settings> settings_;
  routes routes_;
  std::unordered_map<uint64_t, writing> writing_;
  uint32_t granted_ = 0;  ///< to the analyzer, not used yet
  uint32_t room_ = 64;
};

writer_actor::behavior_type memory_writer(writer_actor::stateful_pointer<memory_writer_state> self,
                                          std::shared_ptr<services> s);

}  // namespace mw
