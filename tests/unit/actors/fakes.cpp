#include <doctest/doctest.h>

#include "protocol/memory/unsaid.hpp"
#include "protocol/memory_api/commit_json.hpp"
#include "tests/unit/actors/world.hpp"

namespace mw::test {
namespace {

constexpr std::string_view now = "2026-11-23T12:00:00.000000+00:00";

llm::answer summary_of(const texts& ids, const llm::quotas& left, const std::string& summary) {
  llm::answer a;
  a.left = left;
  llm::analysis out;
  out.summary = std::string{"About"};
  for (const auto& id : ids) out.summary += " " + id;
  if (!summary.empty()) out.summary = summary;
  a.outcome = std::move(out);
  a.used.prompt_tokens = 100;
  a.used.completion_tokens = 10;
  a.model = std::string{"model-1"};
  return a;
}

}  // namespace

config::settings plain_settings() {
  config::settings s;
  s.admin.enabled = false;
  s.dispatcher.quiet = milliseconds{0};
  s.dispatcher.bytes_in_flight = uint64_t{1} << 30;
  s.llm_analyzer.max_in_flight = s.dispatcher.max_jobs;
  return s;
}

void fake_llm::answer_all() {
  for (size_t i = 0; i < calls.size(); ++i) {
    if (!calls[i].done) continue;
    const auto done = std::exchange(calls[i].done, nullptr);
    auto answer = summary_of(calls[i].messages, left, summary);
    answer.elapsed = takes;
    done(std::move(answer));
  }
}

void fake_llm::answer_probes(const status& how) {
  for (const auto& done : std::exchange(held_probes, {})) done({how, probe_costs});
}

void fake_llm::fail_all(const failure& why) {
  for (size_t i = 0; i < calls.size(); ++i) {
    if (!calls[i].done) continue;
    llm::answer a;
    a.outcome = why;
    std::exchange(calls[i].done, nullptr)(std::move(a));
  }
}

size_t fake_llm::held() const {
  return static_cast<size_t>(
      std::count_if(calls.begin(), calls.end(), [](const asked& a) { return a.done != nullptr; }));
}

void fake_store::read(const std::string& user_id, const std::string& session_id,
                      std::function<void(result<memory::context>)> done) {
  if (!refuse_reads.empty()) {
    const auto why = refuse_reads.front();
    refuse_reads.pop_front();
    return done(why);
  }
  memory::context c;
  if (const auto it = profiles.find(user_id); it != profiles.end()) c.user = it->second;
  if (const auto it = records.find(session_id); it != records.end() && memory::visible(it->second, c.user))
    c.conversation = it->second;
  if (c.conversation) memory::empty_outdated(*c.conversation, c.user);
  done(std::move(c));
}

memory::commit_reply fake_store::apply(const memory::commit& c) {
  if (!outcomes.empty()) {
    const auto outcome = outcomes.front();
    outcomes.pop_front();
    return {outcome, 0, 0};
  }
  const auto known = profiles.find(c.user_id);
  const auto user = known == profiles.end() ? std::nullopt : std::optional{known->second};
  if (const auto verdict = memory::check_epoch(user, c)) return {*verdict, 0, 0};
  const auto stored = records.find(c.session_id);
  auto before = stored == records.end() ? std::nullopt : std::optional{stored->second};
  if (before) memory::empty_outdated(*before, user);
  const auto change = memory::apply_to_record(before, c, now);
  if (change.outcome != memory::commit_outcome::stored) return {change.outcome, 0, 0};
  if (!c.operations.empty()) {
    const auto next =
        memory::apply_to_profile(user.value_or(memory::profile{}), c, now, before ? &*before : nullptr);
    if (next.changed) profiles[c.user_id] = next.next;
  }
  records[c.session_id] = change.next;
  memory::empty_outdated(records[c.session_id], user);
  history->push_back("stored " + c.session_id);
  return {memory::commit_outcome::stored, 0, 0};
}

void fake_store::write(const memory::commit& c, std::string as_json,
                       std::function<void(result<memory::commit_reply>)> done) {
  CHECK((as_json.empty() || as_json == memory_api::write_commit(c)));
  if (std::exchange(throws_at_write, false)) throw std::runtime_error{"a fault in the writer"};
  writes.push_back(c);
  const auto carry_out = [this, c, done = std::move(done)] {
    if (refuse_writes.empty()) return done(apply(c));
    const auto why = refuse_writes.front();
    refuse_writes.pop_front();
    done(why);
  };
  if (holds) {
    held.emplace_back(carry_out);
  } else {
    carry_out();
  }
}

void fake_store::probe(std::function<void(status)> done) {
  done(well ? status{ok} : status{fail(dependency::memory, errc::unreachable, "no memory store")});
}

void fake_store::let_go() {
  holds = false;
  for (auto& go : std::exchange(held, {})) go();
}

void fake_llm::embed(const std::string& text, std::function<void(llm::embedding)> done) {
  embedded.push_back(text);
  llm::embedding e;
  e.tokens = 7;
  e.vector = std::vector<float>{1.0F, static_cast<float>(text.size())};
  if (!no_embeddings.empty()) {
    e.vector = no_embeddings.front();
    no_embeddings.pop_front();
  }
  const auto answer = [e = std::move(e), done = std::move(done)] { done(e); };
  if (holds_embeddings) {
    held_embeddings.emplace_back(answer);
  } else {
    answer();
  }
}

void fake_llm::ask(const llm::analysis_input& input, const llm::call_limits& limits,
                   std::function<void(llm::answer)> done) {
  asked question;
  question.limits = limits;
  question.previous_summary = input.previous_summary;
  for (const auto& m : input.messages) {
    question.messages.push_back(m.position.id);
    question.said.push_back(m.text);
    if (!throws_at.empty() && m.text == throws_at) {
      throws_at.clear();
      throw std::runtime_error{"a fault in the analyzer"};
    }
  }
  std::optional<failure> bad = judge ? judge(input) : std::nullopt;
  if (!bad && !failures.empty()) {
    bad = failures.front();
    failures.pop_front();
  }
  if (holds) question.done = done;
  const texts ids = question.messages;
  calls.push_back(std::move(question));
  if (holds) return;
  llm::answer a;
  if (!bad) {
    a = summary_of(ids, left, summary);
    if (says) says(input, *a.outcome);
    a.raw = std::string{"the raw answer"};
    return done(std::move(a));
  }
  a.outcome = *bad;
  a.raw = std::string{"the raw answer"};
  a.used.prompt_tokens = 100;
  done(std::move(a));
}

}  // namespace mw::test
