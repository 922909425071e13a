#include "actors/call_book.hpp"

namespace mw {

bool call_book::attach(uint64_t job, uint64_t question, answer_fn deliver) {
  std::shared_ptr<llm::answer> answer;
  {
    const std::lock_guard lock{mutex_};
    const auto it = by_job_.find(job);
    if (it == by_job_.end() || it->second.question != question) return false;
    answer = it->second.answer;
    if (!answer) {
      it->second.deliver = std::move(deliver);
      return true;
    }
  }
  deliver(std::move(answer));
  return true;
}

void call_book::began(uint64_t job, uint64_t question, answer_fn deliver) {
  const std::lock_guard lock{mutex_};
  by_job_.insert_or_assign(job, entry{question, nullptr, std::move(deliver)});
}

void call_book::answered(uint64_t job, uint64_t question, std::shared_ptr<llm::answer> answer) {
  answer_fn deliver;
  {
    const std::lock_guard lock{mutex_};
    const auto it = by_job_.find(job);
    if (it == by_job_.end() || it->second.question != question) return;
    deliver = std::move(it->second.deliver);
    it->second.deliver = nullptr;
    if (answer->outcome) {
      it->second.answer = answer;
    } else {
      by_job_.erase(it);
    }
  }
  if (deliver) deliver(std::move(answer));
}

void call_book::forget(uint64_t job) {
  const std::lock_guard lock{mutex_};
  by_job_.erase(job);
}

void call_book::forget_all() {
  const std::lock_guard lock{mutex_};
  by_job_.clear();
}

size_t call_book::size() const {
  const std::lock_guard lock{mutex_};
  return by_job_.size();
}

}  // namespace mw
