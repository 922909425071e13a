// What llm_analyzer makes of an answer: quotes asked for once more, part after part of a long message, and
// what the verdict table says of answers that cannot be used.
#include "actors/counting.hpp"
#include "actors/llm_analyzer.hpp"
#include "protocol/analysis/commit_building.hpp"
#include "protocol/flow/verdict.hpp"

namespace mw {
namespace {

constexpr uint32_t largest_output = 8'000;

std::vector<uint32_t> nearly_quoted(const llm::analysis& a) {
  std::vector<uint32_t> numbers;
  for (const auto& d : a.dropped)
    if (d.nearly_quoted) numbers.push_back(d.number);
  return numbers;
}

bool same_change(const memory::operation& a, const memory::operation& b) {
  return a.op == b.op && a.in == b.in && a.item == b.item;
}

/// What was dropped for want of its quote, as far as the second answer quotes it; no more than that.
void take_quoted(llm::analysis& first, std::vector<memory::operation> second) {
  size_t wanted = nearly_quoted(first).size();
  for (auto& op : second) {
    if (wanted == 0) break;
    const bool known = std::any_of(first.operations.begin(), first.operations.end(),
                                   [&](const memory::operation& other) { return same_change(op, other); });
    if (known) continue;
    first.operations.push_back(std::move(op));
    --wanted;
    const auto mended = std::find_if(first.dropped.begin(), first.dropped.end(),
                                     [](const llm::dropped_operation& d) { return d.nearly_quoted; });
    --first.dropped_by.at(static_cast<size_t>(mended->cause));
    first.dropped.erase(mended);
  }
}

}  // namespace

void llm_analyzer_state::take_outcome(active& a, const llm::answer& answer) {
  if (a.to_quote) {
    // Whatever became of the second call, the first answer is good.
    auto first = std::move(*a.to_quote);
    a.to_quote.reset();
    if (answer.outcome) take_quoted(first, answer.outcome->operations);
    return take_analysis(a, std::move(first));
  }
  if (!answer.outcome) return mend(a, answer.outcome.error(), answer.raw);
  a.embedding.clear();
  if (answer.embedded && answer.embedded->vector) a.embedding = *answer.embedded->vector;
  if (!ask_for_quotes(a, answer)) take_analysis(a, *answer.outcome);
}

bool llm_analyzer_state::ask_for_quotes(active& a, const llm::answer& answer) {
  auto numbers = nearly_quoted(*answer.outcome);
  if (numbers.empty() || answer.raw.empty() || a.quotes_asked || !settings_->llm_analyzer.repair_evidence ||
      a.calls_used >= a.most_calls || !budget_left() || !quote_repairs_.take())
    return false;
  a.quotes_asked = true;
  a.to_quote = *answer.outcome;
  a.purpose = "repair-evidence";
  a.limits.repair_answer = answer.raw;
  a.limits.repair_quotes = std::move(numbers);
  call(a);
  return true;
}

void llm_analyzer_state::take_analysis(active& a, llm::analysis got) {
  if (a.parts) {
    a.parts->answered(std::move(got));
    return next_part(a);
  }
  hand_on_analysis(a, std::move(got), {});
}

void llm_analyzer_state::hand_on_analysis(active& a, llm::analysis got, std::string_view missing) {
  count_dropped(services_->metrics, got, a.part().session_id);
  count_summary(services_->metrics, got, a.part().session_id);
  // Nobody reads what was asked any more: the call has ended, and with this its job is done here.
  auto c = missing.empty() ? analysis::commit_of(std::move(*a.scope()), std::move(got), a.used, a.model)
                           : analysis::commit_of(a.part(), std::move(got), a.used, a.model);
  c.embedding = std::move(a.embedding);
  if (!missing.empty()) analysis::record_missing(c, a.part(), missing);
  hand_on(a, std::move(c));
}

void llm_analyzer_state::next_part(active& a) {
  const bool spent = !budget_left();
  while (!a.parts->done() && (spent || a.calls_used >= a.most_calls))
    a.parts->failed(skip_reason(spent ? errc::budget_exhausted : errc::truncated));
  if (a.parts->done()) return end_parts(a);
  a.repaired = a.enlarged = false;
  a.purpose = "part";
  a.limits = {};
  a.limits.max_output_tokens = settings_->llm_analyzer.max_output_tokens;
  a.shown = a.parts->question();
  report_entered(a.spec);
  call(a);
}

void llm_analyzer_state::end_parts(active& a) {
  const auto& got = a.parts->gathered();
  if (!got) return hand_on(a, analysis::commit_of_defaults(a.part(), a.parts->missing(), a.used, a.model));
  hand_on_analysis(a, *got, a.parts->missing());
}

void llm_analyzer_state::mend(active& a, const failure& why, const std::string& raw) {
  situation s;
  s.at = flow::stage::analyse;
  s.error = why;
  s.repaired = a.repaired;
  s.enlarged = a.enlarged;
  s.fresh_messages = static_cast<uint32_t>(a.part().messages.size());
  if (analysis::can_be_halved(*a.shown)) s.fresh_messages = std::max(s.fresh_messages, 2U);
  s.calls_used = a.calls_used;
  s.max_calls = a.most_calls;
  const verdict v = decide(s);
  switch (v.what) {
    case action::repair:
      a.repaired = true;
      a.purpose = "repair";
      a.limits.repair_answer = raw;
      a.limits.repair_reason = why.detail;
      return call(a);
    case action::enlarge_output:
      a.enlarged = true;
      a.purpose = "enlarge";
      a.limits.max_output_tokens = std::min(largest_output, a.limits.max_output_tokens * 3);
      return call(a);
    case action::shorten:
      return shorten(a);
    case action::store_placeholder:
      return give_up(a, skip_reason(why.code));
    default:
      return leave_to_dispatcher(a, why);
  }
}

/// The first half of the messages; of one message its first half, and the other after it.
void llm_analyzer_state::shorten(active& a) {
  a.repaired = false;
  a.purpose = "split";
  a.limits.repair_answer.clear();
  const size_t messages = a.part().messages.size();
  if (messages > 1) {
    a.shortened =
        std::make_shared<analysis::loaded_conversation>(analysis::first_messages(a.part(), messages / 2));
    return begin(a);
  }
  if (!a.parts) a.parts = std::make_unique<analysis::message_parts>(a.scope(), UINT32_MAX);
  a.parts->halve();
  a.shown = a.parts->question();
  call(a);
}

void llm_analyzer_state::give_up(active& a, std::string_view reason) {
  if (a.parts) {
    a.parts->failed(reason);
    return next_part(a);
  }
  if (a.calls_used >= a.most_calls) a.shortened.reset();
  hand_on(a, analysis::commit_of_defaults(a.part(), reason, a.used, a.model));
}

void llm_analyzer_state::leave_to_dispatcher(active& a, const failure& why) {
  const flow::job_spec spec = a.spec;
  const uint32_t calls = a.calls_used;
  active_.erase(spec.id);
  ++credit_;  // the writer's slot was not needed
  fail_job(spec, calls, why);
}

}  // namespace mw
