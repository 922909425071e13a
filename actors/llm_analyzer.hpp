// llm_analyzer: one structured call per job, its outcomes mended as the verdict table says (repair, larger
// output, first half, defaults), everything else handed back to the dispatcher. Admission: a slot of the
// writer is reserved, the in-flight limit asked and the LLM's quota kept to before a call is made. Answers
// are kept in the call book, with the summary's embedding where one is made, until their job is done, so that
// neither a crash here nor an outage behind us pays for the same question twice. An embedding that fails is
// counted and costs the job nothing.
#pragma once

#include <deque>
#include <unordered_map>

#include "actors/interfaces.hpp"
#include "actors/services.hpp"
#include "protocol/flow/limit.hpp"
#include "protocol/flow/pace.hpp"

namespace mw {

class llm_analyzer_state {
 public:
  static constexpr const char* name = "llm_analyzer";
  void init(analyzer_actor::pointer self, std::shared_ptr<services> s);
  analyzer_actor::behavior_type behavior();

 private:
  struct active {
    flow::job_spec spec;
    bool reused = false;  ///< the answer was kept from an earlier attempt: paid and counted
    std::shared_ptr<analysis::loaded_conversation> whole;
    std::shared_ptr<analysis::loaded_conversation> shortened;  ///< or null
    /// What the present call is about.
    const std::shared_ptr<analysis::loaded_conversation>& asked() const {
      return shortened ? shortened : whole;
    }
    const analysis::loaded_conversation& part() const { return *asked(); }
    llm::call_limits limits;
    bool repaired = false;
    bool enlarged = false;
    memory::usage used;
    std::string model;
    std::string_view purpose = "analysis";
    uint32_t calls_used = 0;
    uint64_t question = 0;
    flow::time_point since;
  };
  void take_settings();
  void take_routes(const routes& r);
  void take_job(loaded_job& j);
  void take_answer(const llm_answered& a);
  bool hand_on_saved(const loaded_job& j);
  void pump();
  void start(loaded_job j);
  void call(active& a);
  void mend(active& a, const llm::answer& answer);
  void hand_on(active& a, memory::commit c);
  void fail_job(const flow::job_spec& spec, uint32_t calls_used, failure why);
  /// An attempt that is void: gives its call's and its writer's slot back.
  void drop(uint64_t id);
  void note_load(const llm::answer& answer);
  void note_quota(const llm::answer& answer);
  void note_embedding(const llm::embedding& e);
  /// From when on the LLM's quota has room for a call; while none is in flight: now.
  flow::time_point paced_until(flow::time_point now) const;
  bool budget_left();
  int64_t today() const;
  void probe_llm(bool at_start);
  void grant();
  void report_entered(const flow::job_spec& spec);

  analyzer_actor::pointer self_ = nullptr;
  std::shared_ptr<services> services_;
  std::shared_ptr<const config::settings> settings_;
  routes routes_;
  std::unique_ptr<flow::in_flight_limit> limit_;
  flow::pace pace_;
  std::optional<errc> embedding_trouble_;  ///< logged already
  std::deque<loaded_job> queue_;
  std::unordered_map<uint64_t, active> active_;
  uint32_t credit_ = 0;   ///< writer's slots
  uint32_t granted_ = 0;  ///< to the loader, not used yet
  uint32_t room_ = 64;
  uint64_t tick_generation_ = 0;
};

analyzer_actor::behavior_type llm_analyzer(analyzer_actor::stateful_pointer<llm_analyzer_state> self,
                                           std::shared_ptr<services> s);

}  // namespace mw
