// bench-material: prints what the benchmarks load.
//   conversations COUNT   SET commands as RESP, for redis-cli --pipe
//   events COUNT          the events as an array for POST /send of the development bus, completed just now
//   traced-events COUNT   the same, each with the trace context of its publisher
//   answer | invalid-answer | embedding | embedding-numbers | context | reply    the static bodies
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "bench/material.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/chat/conversation.hpp"

namespace {

using namespace mw;

void put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void conversations(size_t count, wall_time at) {
  for (size_t n = 0; n < count; ++n) {
    const std::string key = chat::redis_key(bench::session_id(n));
    const std::string text = bench::conversation_json(n, at);
    put(fmt::format("*3\r\n$3\r\nSET\r\n${}\r\n{}\r\n${}\r\n{}\r\n", key.size(), key, text.size(), text));
  }
}

void events(size_t count, wall_time at, bool traced) {
  std::string out;
  json_writer w{out};
  w.begin_array();
  for (size_t n = 0; n < count; ++n) {
    w.begin_object()
        .field("messageId", bench::event_message_id(n))
        .field("sessionId", bench::session_id(n))
        .field("body", bench::event_json(n, at));
    if (traced)
      w.key("properties")
          .begin_object()
          .field("Diagnostic-Id", fmt::format("00-{:032x}-{:016x}-01", n + 1, n + 1))
          .end_object();
    w.end_object();
  }
  w.end_array();
  put(out);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const std::string what = args.empty() ? "" : args[0];
  const size_t count = args.size() > 1 ? std::strtoul(args[1].c_str(), nullptr, 10) : 0;
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  if (what == "conversations") {
    conversations(count, now);
  } else if (what == "events" || what == "traced-events") {
    events(count, now, what == "traced-events");
  } else if (what == "answer" || what == "invalid-answer") {
    put(bench::llm_answer(what == "answer"));
  } else if (what == "embedding" || what == "embedding-numbers") {
    put(bench::embedding_answer(what == "embedding"));
  } else if (what == "context") {
    put(bench::empty_context());
  } else if (what == "reply") {
    put(bench::commit_reply());
  } else {
    std::fputs(
        "usage: bench-material conversations COUNT | events COUNT | traced-events COUNT | answer | "
        "invalid-answer | embedding | embedding-numbers | context | reply\n",
        stderr);
    return 64;
  }
  return 0;
}
