#include "actors/call_book.hpp"

#include <algorithm>
#include <utility>

namespace mw {

call_book::entry* call_book::find(entries& of_job, uint64_t question) {
  const auto it = std::find_if(of_job.begin(), of_job.end(),
                               [question](const entry& e) { return e.question == question; });
  return it == of_job.end() ? nullptr : &*it;
}

call_book::found call_book::attach(uint64_t job, uint64_t question, answer_fn deliver) {
  std::shared_ptr<const llm::answer> answer;
  {
    const std::lock_guard lock{mutex_};
    const auto it = by_job_.find(job);
    entry* known = it == by_job_.end() ? nullptr : find(it->second, question);
    if (known == nullptr) return found::nothing;
    answer = known->answer;
    if (!answer) {
      if (known->doubted) return found::nothing;
      known->deliver = std::move(deliver);
      return found::asked;
    }
  }
  deliver(std::move(answer));
  return found::answered;
}

uint64_t call_book::began(uint64_t job, uint64_t question, answer_fn deliver) {
  const std::lock_guard lock{mutex_};
  auto& of_job = by_job_[job];
  std::erase_if(of_job, [question](const entry& e) { return !e.answer || e.question == question; });
  of_job.push_back({question, ++calls_, false, nullptr, std::move(deliver)});
  return calls_;
}

void call_book::doubt(uint64_t job) {
  const std::lock_guard lock{mutex_};
  const auto it = by_job_.find(job);
  if (it == by_job_.end()) return;
  for (auto& e : it->second) e.doubted = true;
}

void call_book::trust_all() {
  const std::lock_guard lock{mutex_};
  for (auto& [job, of_job] : by_job_)
    for (auto& e : of_job) e.doubted = false;
}

bool call_book::answered(uint64_t job, uint64_t question, uint64_t call,
                         std::shared_ptr<const llm::answer> answer) {
  answer_fn deliver;
  {
    const std::lock_guard lock{mutex_};
    const auto it = by_job_.find(job);
    entry* known = it == by_job_.end() ? nullptr : find(it->second, question);
    if (known == nullptr || known->answer) return false;
    if (!answer->outcome && known->call != call) return false;
    deliver = std::exchange(known->deliver, nullptr);
    if (answer->outcome) {
      known->answer = answer;
    } else {
      std::erase_if(it->second, [question](const entry& e) { return e.question == question; });
      if (it->second.empty()) by_job_.erase(it);
    }
  }
  if (deliver) deliver(std::move(answer));
  return true;
}

void call_book::forget(uint64_t job) {
  decltype(by_job_)::node_type gone;
  {
    const std::lock_guard lock{mutex_};
    gone = by_job_.extract(job);
  }
  if (!gone) return;
  for (const auto& e : gone.mapped())
    if (e.deliver) e.deliver(nullptr);
}

void call_book::forget_all() {
  decltype(by_job_) gone;
  {
    const std::lock_guard lock{mutex_};
    gone.swap(by_job_);
  }
  for (const auto& [job, of_job] : gone)
    for (const auto& e : of_job)
      if (e.deliver) e.deliver(nullptr);
}

size_t call_book::size() const {
  const std::lock_guard lock{mutex_};
  return by_job_.size();
}

}  // namespace mw
