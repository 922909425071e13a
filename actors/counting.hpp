// What the actors count, in the terms of observe::metrics: one function per thing that happened.
#pragma once

#include "actors/services.hpp"
#include "protocol/analysis/preparation.hpp"
#include "protocol/flow/dispatch.hpp"
#include "protocol/llm/analyst.hpp"
#include "protocol/memory/store.hpp"
#include "protocol/observe/metrics.hpp"

namespace mw {

/// As Prometheus wants a duration.
inline double in_seconds(flow::duration d) {
  return std::chrono::duration<double>(d).count();
}

void count_stage(observe::metrics& m, flow::stage at, flow::duration took);
/// By cause; one line names the messages, as the prompt numbers them, and no text.
void count_dropped(observe::metrics& m, const llm::analysis& a, std::string_view session_id);
/// And logged: a summary that says nothing never replaces one.
void count_summary(observe::metrics& m, const llm::analysis& a, std::string_view session_id);
/// With the day's tokens.
void count_paid(services& s, const llm::answer& answer, std::string_view purpose);
/// An answer that came when another one was there already, or its job had ended: paid, and used by nobody.
void count_unused(services& s, const llm::answer& answer);
/// Of the day's tokens.
int64_t day_of(const services& s);
void count_embedding(observe::metrics& m, const llm::embedding& e);
/// A probe that was sent: a call like others, with the day's tokens.
void count_llm_probe(services& s, const llm::probe_answer& answer, flow::duration took);
/// And logged: nothing is known of the dependency that was to be asked.
void count_probe_not_sent(observe::metrics& m, const failure& why);
void count_commit(observe::metrics& m, const memory::commit_reply& reply);
/// Messages that were passed over; logged once for a session.
void count_passed_over(services& s, const analysis::preparation& p, std::string_view session_id);
/// Which spans a stored commit skipped, and which it gives up.
void count_skipped(services& s, const memory::commit& c);
/// A span that waited for the budget until its conversation left Redis; nothing where the record skips it no
/// more.
void count_expired(services& s, const analysis::book_entry& e, const std::optional<memory::record>& stored,
                   wall_time now);
void count_settled(observe::metrics& m, const flow::settlement& s, bool refused);

}  // namespace mw
