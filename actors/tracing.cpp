#include "actors/tracing.hpp"

namespace mw {
namespace {

std::string_view code_of(const failure* error) {
  return error == nullptr ? std::string_view{} : to_string(error->code);
}

std::string_view role_name(chat::role r) {
  return r == chat::role::user ? "user" : "assistant";
}

void append_message(json_writer& w, std::string_view role, std::string_view text) {
  w.begin_object().field("role", role).key("parts").begin_array();
  w.begin_object().field("type", "text").field("content", text).end_object().end_array().end_object();
}

std::shared_ptr<const observe::chat_text> text_of(const analysis::loaded_conversation& about,
                                                  const llm::answer& answer) {
  auto out = std::make_shared<observe::chat_text>();
  json_writer input{out->input};
  input.begin_array();
  for (const auto& m : about.messages) append_message(input, role_name(m.from), m.text);
  input.end_array();
  if (answer.raw.empty()) return out;
  json_writer output{out->output};
  output.begin_array();
  append_message(output, "assistant", answer.raw);
  output.end_array();
  return out;
}

}  // namespace

void trace_received(const services& s, const delivery& d, const amqp::incoming& in, flow::time_point now) {
  if (s.traces == nullptr || !d.unreadable.empty()) return;
  s.traces->received(d.ids, {in.sequence_number, in.delivery_count, in.enqueued_ms, in.message_id, now});
}

void trace_settled(const services& s, int64_t sequence, std::string_view outcome, const failure* error,
                   flow::time_point now) {
  if (s.traces == nullptr) return;
  s.traces->settled(sequence, outcome, code_of(error), now);
}

void trace_started(const services& s, const flow::job_spec& spec, flow::time_point now) {
  if (s.traces == nullptr) return;
  s.traces->started(spec.id, spec.attempt, spec.ids, spec.sequence_number, now);
}

void trace_ended(const services& s, const flow::job_spec& spec, const flow::job_result& r,
                 flow::time_point now) {
  if (s.traces == nullptr || r.end == flow::job_end::partial) return;
  if (r.end == flow::job_end::postponed) return s.traces->postponed(spec.id);
  const bool failed = r.end == flow::job_end::failed;
  s.traces->ended(spec.id, spec.sequence_number, to_string(r.end), code_of(failed ? &r.error : nullptr),
                  failed ? to_string(r.error) : std::string{}, now);
}

void trace_loaded(const services& s, uint64_t job, flow::time_point from, flow::time_point to,
                  const failure* error) {
  if (s.traces == nullptr) return;
  s.traces->stage(job, {observe::trace_stage::load, from, to, code_of(error), 0});
}

void trace_written(const services& s, const committed& c, flow::time_point from, flow::time_point to) {
  if (s.traces == nullptr) return;
  s.traces->stage(c.id, {observe::trace_stage::write, from, to, code_of(c.failed ? &c.error : nullptr),
                         c.failed ? 0 : c.reply.operations_applied});
}

void trace_called(const services& s, uint64_t job, const llm::answer& answer, std::string_view purpose,
                  uint32_t max_tokens, const analysis::loaded_conversation& about, flow::time_point now) {
  if (s.traces == nullptr) return;
  observe::chat_call c;
  c.from = now - answer.elapsed;
  c.to = now;
  c.error = code_of(answer.outcome ? nullptr : &answer.outcome.error());
  c.purpose = purpose;
  c.model = answer.model;
  c.max_tokens = max_tokens;
  c.input_tokens = answer.used.prompt_tokens;
  c.output_tokens = answer.used.completion_tokens;
  c.cached_tokens = answer.used.cached_tokens;
  c.reasoning_tokens = answer.used.reasoning_tokens;
  if (s.traces->captures_content()) c.text = text_of(about, answer);
  s.traces->called(job, std::move(c));
}

}  // namespace mw
