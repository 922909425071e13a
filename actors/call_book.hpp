// LLM calls by job, outside the actor that asked: a call in flight outlives a crash of llm_analyzer, and an
// answer that was paid for is not paid for again while its job lives (docs/design.md 2): of a job that asks
// one question after the other, all that were answered. Thread-safe. Failed answers are not kept. Whoever
// waits for the answer of a job that is forgotten is told so: it gets a null answer. A call that seems to
// hang is doubted: the next attempt asks anew, and whichever answers first is kept.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "protocol/llm/analyst.hpp"

namespace mw {

class call_book {
 public:
  using answer_fn = std::function<void(std::shared_ptr<const llm::answer>)>;

  enum class found : uint8_t { nothing, asked, answered };
  /// Whether this very question of this job is being asked, or was answered: `deliver` gets the answer, maybe
  /// at once. `nothing`: the caller asks, after began().
  found attach(uint64_t job, uint64_t question, answer_fn deliver);
  /// The number of the call, for answered().
  uint64_t began(uint64_t job, uint64_t question, answer_fn deliver);
  /// The LLM's answer; hands it to whoever attached last. The failure of a call that was asked anew meanwhile
  /// is nobody's.
  /// False: nobody uses it, the job has ended or was answered already.
  bool answered(uint64_t job, uint64_t question, uint64_t call, std::shared_ptr<const llm::answer> answer);
  void doubt(uint64_t job);
  /// The calls did not hang: nobody asks anew while one is out.
  void trust_all();
  void forget(uint64_t job);
  void forget_all();
  size_t size() const;

 private:
  struct entry {
    uint64_t question = 0;
    uint64_t call = 0;
    bool doubted = false;
    std::shared_ptr<const llm::answer> answer;
    answer_fn deliver;
  };
  mutable std::mutex mutex_;
  /// The job's present question, and those that were answered before it.
  using entries = std::vector<entry>;
  static entry* find(entries& of_job, uint64_t question);

  std::unordered_map<uint64_t, entries> by_job_;
  uint64_t calls_ = 0;
};

}  // namespace mw
