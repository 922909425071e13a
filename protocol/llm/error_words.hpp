// What an endpoint or a gateway before it says of a request that it did not answer: in its status, or with
// status 200 in the body. Knows the error objects of OpenAI, Azure OpenAI and their imitators, of routers and
// management gateways, in an object, a list of one, a text, or inside a choice. stands_for() names the HTTP
// status that such words mean, so that an error inside a 200 is treated like the status itself. Pure. The
// peer's message may quote key or conversation: it is looked at here, and repeated nowhere.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/json_parser.hpp"

namespace mw::llm {

struct error_words {
  std::string code;  ///< a word, or a number as its digits
  std::string param;
  std::string type;
  std::string message;
  int status = 0;  ///< 400 to 599, as the body says it; 0: it does not
  bool filtered = false;
  std::chrono::milliseconds retry_after{};  ///< as the body says it; 0: it does not
};

/// The words of a body that is an error for certain, because its status says so.
error_words read_error(const simdjson::dom::element& root);
/// The error that a body with status 200 holds, in place of an answer or inside its first choice. nullopt:
/// none.
std::optional<error_words> error_inside(const simdjson::dom::element& root);
/// The same of a body that is no JSON: a page, a sentence, nothing at all. nullopt: it says nothing of the
/// kind.
std::optional<error_words> error_in_text(std::string_view body);

/// The HTTP status that the words mean; 400 where they name nothing that passes or that is ours to mend.
int stands_for(const error_words& e);
/// That of its code or type alone; 0: they are none that is known.
int named_status(const error_words& e);

/// "Try again in 17 seconds", "Please retry after 1.5s", "in 20ms", "in 6m0s"; 0 where there is none, at most
/// ten minutes.
std::chrono::milliseconds wait_named_in(std::string_view message);

}  // namespace mw::llm
