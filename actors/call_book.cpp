#include "actors/call_book.hpp"

namespace mw {

call_book::found call_book::attach(uint64_t job, uint64_t question, answer_fn deliver) {
  std::shared_ptr<llm::answer> answer;
  {
    const std::lock_guard lock{mutex_};
    const auto it = by_job_.find(job);
    if (it == by_job_.end() || it->second.question != question) return found::nothing;
    answer = it->second.answer;
    if (!answer) {
      if (it->second.doubted) return found::nothing;
      it->second.deliver = std::move(deliver);
      return found::asked;
    }
  }
  deliver(std::move(answer));
  return found::answered;
}

uint64_t call_book::began(uint64_t job, uint64_t question, answer_fn deliver) {
  const std::lock_guard lock{mutex_};
  by_job_.insert_or_assign(job, entry{question, ++calls_, false, nullptr, std::move(deliver)});
  return calls_;
}

void call_book::doubt(uint64_t job) {
  const std::lock_guard lock{mutex_};
  const auto it = by_job_.find(job);
  if (it != by_job_.end()) it->second.doubted = true;
}

void call_book::trust_all() {
  const std::lock_guard lock{mutex_};
  for (auto& [job, e] : by_job_) e.doubted = false;
}

bool call_book::answered(uint64_t job, uint64_t question, uint64_t call,
                         std::shared_ptr<llm::answer> answer) {
  answer_fn deliver;
  {
    const std::lock_guard lock{mutex_};
    const auto it = by_job_.find(job);
    if (it == by_job_.end() || it->second.question != question || it->second.answer) return false;
    if (!answer->outcome && it->second.call != call) return false;
    deliver = std::move(it->second.deliver);
    it->second.deliver = nullptr;
    if (answer->outcome) {
      it->second.answer = answer;
    } else {
      by_job_.erase(it);
    }
  }
  if (deliver) deliver(std::move(answer));
  return true;
}

void call_book::forget(uint64_t job) {
  std::unordered_map<uint64_t, entry>::node_type gone;
  {
    const std::lock_guard lock{mutex_};
    gone = by_job_.extract(job);
  }
  if (gone && gone.mapped().deliver) gone.mapped().deliver(nullptr);
}

void call_book::forget_all() {
  std::unordered_map<uint64_t, entry> gone;
  {
    const std::lock_guard lock{mutex_};
    gone.swap(by_job_);
  }
  for (const auto& [job, e] : gone)
    if (e.deliver) e.deliver(nullptr);
}

size_t call_book::size() const {
  const std::lock_guard lock{mutex_};
  return by_job_.size();
}

}  // namespace mw
