// What the benchmarks feed and what is answered to them: conversation number `n` of as many as wanted, its
// event, and the static bodies of the LLM and of the Memory API. All numbers give texts of the same size. The
// bodies that a client sends are made by the worker's own code, so that the floor sends the same bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "protocol/analysis/preparation.hpp"
#include "protocol/base/iso_time.hpp"

namespace mw::bench {

std::string user_id(size_t n);
std::string session_id(size_t n);
/// Seven digits: what user_id() and session_id() end with.
std::string number_text(size_t n);
/// 20 messages of about 150 characters, user and assistant in turns, the last one at `at`.
std::string conversation_json(size_t n, wall_time at);
std::string event_json(size_t n, wall_time at);
std::string event_message_id(size_t n);

/// A chat completion; `valid` false: its content is no analysis, so that the worker asks for a repair.
std::string llm_answer(bool valid);
/// An embedding of 3,072 numbers as an embeddings deployment answers: as base64, or as numbers.
std::string embedding_answer(bool base64);
std::string empty_context();
std::string commit_reply();

/// One event after its reads: what the worker keeps of them until the commit. Made, asked and answered by the
/// worker's own functions: event and conversation parsed, cut, rendered; answer parsed, evidence checked.
/// std::runtime_error where the material does not fit the code any more.
analysis::loaded_conversation prepare_event(std::string_view event, std::string_view conversation,
                                            std::string_view context);
std::string llm_request_of(const analysis::loaded_conversation& c);
std::string commit_of(const analysis::loaded_conversation& c, const std::string& llm_answer_body);

}  // namespace mw::bench
