// llm_analyzer: one structured call per job, its outcomes mended as the verdict table says (repair, larger
// output, first half, defaults; llm_mending.cpp), everything else handed back to the dispatcher. A message
// longer than the window's limit is asked about in parts, one call after the other, for one commit; quotes
// that are nearly what the user wrote are asked for once more. Only calls that brought an answer, good or
// bad, count towards those of a delivery. Admission (llm_admission.cpp): a slot of the writer is reserved,
// the in-flight limit asked and the LLM's quota kept to before a call is made; a job that waits too long for
// that goes back as throttled. An LLM that hangs: when calls are out and it has been silent for long, a probe
// is sent beside them, which is overdue soon. One that is answered proves a slow LLM well, and nothing
// happens. One that fails or is overdue opens the breaker (if it is answered later, that closes it), and the
// jobs whose calls hang go back to the dispatcher, so that they hold no slot. Their calls are left to end by
// themselves: an answer that comes all the same is kept, and closes the breaker; an attempt that begins
// before it asks anew. Answers are kept in the call book, with the summary's embedding where one is made,
// until their job is done, so that neither a crash here nor an outage behind us pays for the same question
// twice. An embedding that fails is counted and costs the job nothing.
#pragma once

#include <deque>
#include <map>
#include <random>
#include <unordered_map>

#include "actors/interfaces.hpp"
#include "actors/services.hpp"
#include "protocol/analysis/message_parts.hpp"
#include "protocol/flow/limit.hpp"
#include "protocol/flow/pace.hpp"
#include "protocol/flow/small_share.hpp"
#include "protocol/flow/stall.hpp"

namespace mw {

/// It brought an answer, good or bad; not an error.
bool is_answered(const llm::answer& a);

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
    std::unique_ptr<analysis::message_parts> parts;            ///< of its one long message; or null
    /// What the commit will be about.
    const std::shared_ptr<analysis::loaded_conversation>& scope() const {
      return shortened ? shortened : whole;
    }
    const analysis::loaded_conversation& part() const { return *scope(); }
    /// What the present call shows: `scope`, or a part of its message.
    std::shared_ptr<analysis::loaded_conversation> shown;
    llm::call_limits limits;
    uint32_t most_calls = 0;  ///< of the delivery: those to mend, and one for each part
    bool repaired = false;
    bool enlarged = false;
    std::optional<llm::analysis> to_quote;  ///< the answer whose quotes are asked for once more
    bool quotes_asked = false;
    std::vector<float> embedding;  ///< of the answer's summary
    memory::usage used;
    std::string model;
    std::string_view purpose = "analysis";
    uint32_t calls_used = 0;
    uint64_t question = 0;
    flow::time_point since;
    flow::time_point asked_at;
  };
  struct waiting {
    loaded_job job;
    flow::time_point since;
  };
  void take_settings();
  void take_routes(const routes& r);
  void take_job(loaded_job& j);
  void take_answer(const llm_answered& a);
  bool hand_on_saved(const loaded_job& j);
  void start(loaded_job j);
  /// Asks about `scope`, in parts where it is one long message.
  void begin(active& a);
  void call(active& a);
  void hand_on(active& a, memory::commit c);
  void fail_job(const flow::job_spec& spec, uint32_t calls_used, failure why);
  /// An attempt that is void: gives its call's and its writer's slot back.
  void drop(uint64_t id);
  void note_paid(const llm::answer& answer, std::string_view purpose);
  void note_embedding(const llm::embedding& e);
  bool budget_left();
  void grant();
  void report_entered(const flow::job_spec& spec);

  // --- what becomes of an answer: llm_mending.cpp ---
  void take_outcome(active& a, const llm::answer& answer);
  bool ask_for_quotes(active& a, const llm::answer& answer);
  void take_analysis(active& a, llm::analysis got);
  /// `missing`: why a part of the messages is not in it; empty: all are.
  void hand_on_analysis(active& a, llm::analysis got, std::string_view missing);
  void next_part(active& a);
  void end_parts(active& a);
  /// What the verdict table says of a failure; `raw`: the answer's text, where there is one.
  void mend(active& a, const failure& why, const std::string& raw);
  void shorten(active& a);
  void give_up(active& a, std::string_view reason);
  void leave_to_dispatcher(active& a, const failure& why);

  // --- admission, load, silence: llm_admission.cpp ---
  void pump();
  void arm_tick(flow::time_point now);
  flow::duration longest_wait() const;
  void give_back_overdue(flow::time_point now);
  void note_load(const active& a, const llm::answer& answer);
  void note_quota(const llm::answer& answer);
  /// An answer, to whichever call: the LLM is there.
  void note_life(const llm::answer& answer);
  /// From when on the LLM's quota has room for a call; while none is in flight: now.
  flow::time_point paced_until(flow::time_point now) const;
  void probe_llm();
  void take_probed(const llm_probed& p);
  void note_probe(uint64_t number, flow::duration took);
  void probe_not_sent(flow::time_point now);
  void recovered(flow::time_point probe_sent);
  void probe_failed(const std::string& why);
  /// Jobs whose calls, asked before then, are waited for no longer. False: there are none.
  bool give_back(flow::time_point asked_before, const std::string& why);
  void tell_dispatcher(bool well);

  analyzer_actor::pointer self_ = nullptr;
  std::shared_ptr<services> services_;
  std::shared_ptr<const config::settings> settings_;
  routes routes_;
  std::unique_ptr<flow::in_flight_limit> limit_;
  flow::pace pace_;
  flow::small_share quote_repairs_{20, 20};  ///< 5 % of the calls
  flow::stall_watch stall_;
  bool hangs_ = false;  ///< calls were given back as hanging, and nothing was answered since
  bool probed_before_ = false;
  struct probe_out {
    flow::time_point sent;
    bool overdue = false;
  };
  std::map<uint64_t, probe_out> probes_;  ///< by number
  uint64_t last_probe_ = 0;
  uint64_t newest_answered_ = 0;
  flow::duration probe_took_{};
  flow::time_point heard_at_{};            ///< the last time that a call was answered or refused
  flow::time_point given_back_at_{};       ///< calls, as hanging
  std::mt19937_64 random_;                 ///< of the jitter of pauses
  std::optional<errc> embedding_trouble_;  ///< logged already
  std::deque<waiting> queue_;
  std::unordered_map<uint64_t, active> active_;
  uint32_t credit_ = 0;   ///< writer's slots
  uint32_t granted_ = 0;  ///< to the loader, not used yet
  uint32_t room_ = 64;
  uint64_t tick_generation_ = 0;
  flow::time_point armed_for_{};
};

analyzer_actor::behavior_type llm_analyzer(analyzer_actor::stateful_pointer<llm_analyzer_state> self,
                                           std::shared_ptr<services> s);

}  // namespace mw
