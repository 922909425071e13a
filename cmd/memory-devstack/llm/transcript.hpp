// What the stand-in works on: the conversation inside a chat completions request, and what it found in it.
// read_transcript() understands the worker's prompt (protocol/llm/prompt.hpp: one JSON object a line); any
// other request is taken as it is: its own user and assistant messages are the conversation. The request's
// shape is checked elsewhere. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mw::standin {

struct line {
  std::string label;  ///< "m3"; what an operation names as its evidence
  bool from_user = false;
  bool fresh = true;
  std::string text;
};

struct profile_item {
  std::string category;
  std::string item;
};

struct transcript {
  std::vector<line> lines;
  std::vector<profile_item> profile;
  std::string previous_summary;
  std::string title;
  bool from_worker = false;  ///< the request was the worker's prompt
};

struct found_operation {
  std::string op;  ///< add, replace, remove
  std::string category;
  std::string item;
  std::string replaces;
  size_t line = 0;  ///< index in transcript.lines
  std::string quote;
};

struct findings {
  std::string summary;
  std::vector<std::string> themes;
  std::vector<std::string> persons;
  std::vector<std::string> places;
  std::string sentiment = "neutral";
  std::vector<found_operation> operations;
};

struct request_message {
  std::string role;
  std::string text;
};

transcript read_transcript(const std::vector<request_message>& messages);

}  // namespace mw::standin
