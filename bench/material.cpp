#include "bench/material.hpp"

#include <fmt/format.h>

#include <array>
#include <random>
#include <stdexcept>

#include "protocol/analysis/commit_building.hpp"
#include "protocol/base/base64.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/chat/event.hpp"
#include "protocol/llm/evidence.hpp"
#include "protocol/llm/prompt.hpp"
#include "protocol/llm/request.hpp"
#include "protocol/llm/response.hpp"
#include "protocol/memory_api/commit_json.hpp"

namespace mw::bench {
namespace {

constexpr uint32_t max_output_tokens = 1500;
constexpr uint32_t max_conversation_tokens = 24'000;

constexpr std::array<std::string_view, 20> texts{
    "Hello, I work as a carpenter in Lyon and I would like to plan a small vegetable garden behind my "
    "workshop, about twelve square metres of it.",
    "Hello! Twelve square metres is a good size to begin with. How much sun does the place get in the "
    "afternoon, and is there a tap or a barrel nearby?",
    "It gets sun from noon until about six, there is a barrel, and the soil is rather heavy. Please keep "
    "your "
    "answers short, I read them between two jobs.",
    "Short it is. Heavy soil holds water well: dig in some coarse compost this month, and make two beds with "
    "a plank between them to stand on while you work.",
    "I like tomatoes most of all, and beans, and my daughter Amina wants strawberries. What should go into "
    "which bed, and what can go in before April?",
    "Beans and tomatoes into the sunnier bed, strawberries and salad into the other one. Broad beans and "
    "spinach can go in now, tomatoes only after the frosts.",
    "We had frost as late as the tenth of May last year, so I shall wait. Do I need a greenhouse for the "
    "young plants, or will the window of the office do it?",
    "A bright window will do from the middle of March on. Turn the pots every other day, and put them "
    "outside "
    "for some hours a day in the last week of April.",
    "Good. I dislike plastic, so I would rather make the pots from newspaper or wood. Is there any wood that "
    "I "
    "should not use for the edges of the two beds?",
    "Avoid old treated boards and anything with paint on it. Larch, oak or chestnut without any treatment "
    "will "
    "last for years, and you may have offcuts of those.",
    "Plenty of oak offcuts, yes. How deep do the edges have to be so that the heavy soil does not press them "
    "outwards when it is wet through in the winter?",
    "Twenty centimetres above the ground and ten below it, with a stake every metre on the outside. Screw "
    "them "
    "from the inside, then the heads stay dry longer.",
    "That is two days of work, I can do it at Easter when my brother Paul visits us from Marseille. He also "
    "knows how to prune the old pear tree by the wall.",
    "A pear is best pruned before the buds open, so ask him for February rather than Easter. Only take out "
    "what is dead, what crosses, and what grows inwards.",
    "Then I shall ask him to come twice. My goal is to eat our own salad from May to October, with as little "
    "watering in the evening as it can be done with.",
    "Sow a short row of salad every two weeks, and cover the ground with straw from June on. With the barrel "
    "and a drip hose you water twice a week, not daily.",
    "Can I make the drip hose work from the barrel without a pump? It stands about a metre higher than the "
    "beds because the yard behind the workshop slopes.",
    "A metre is enough for a drip hose made for low pressure. Put a filter at the barrel, keep each line "
    "under "
    "ten metres, and flush it once every month or so.",
    "Perfect, thank you. I feel quite good about this plan now, and I shall send you a photo of the beds "
    "once "
    "the edges are in and the first seeds are sown.",
    "With pleasure! Start with the compost, order the seeds in January, and tell me when the frost has gone, "
    "so that we can go through the planting day together."};

constexpr std::string_view analysis_text =
    R"({"summary":"The user, a carpenter in Lyon, plans a vegetable garden of twelve square metres behind the workshop. Beds with edges of oak, drip watering from a barrel and a sowing calendar from February to May were worked out; the pear tree is to be pruned in February with the help of a brother. The user is content with the plan and wants to send a photo once the beds are built.","themes":["vegetable garden","raised beds","drip watering","sowing calendar"],"persons":["Amina","Paul"],"places":["Lyon","Marseille"],"user_sentiment":"positive","operations":[{"message":"m1","quote":"I work as a carpenter in Lyon","op":"add","category":"work_profile","item":"Works as a carpenter in Lyon","replaces":""},{"message":"m3","quote":"Please keep your answers short","op":"add","category":"output_preferences","item":"Short answers","replaces":""},{"message":"m5","quote":"I like tomatoes most of all","op":"add","category":"interests","item":"Growing tomatoes","replaces":""}]})";

template <class T>
T must(result<T> r) {
  if (!r) throw std::runtime_error("the benchmark's material: " + to_string(r.error()));
  return std::move(*r);
}

std::string message_number(size_t n, size_t turn) {
  return fmt::format("bench-message-{:07}-{:02}", n, turn);
}

}  // namespace

std::string number_text(size_t n) {
  return fmt::format("{:07}", n);
}

std::string user_id(size_t n) {
  return "bench-user-" + number_text(n);
}

std::string session_id(size_t n) {
  return "bench-session-" + number_text(n);
}

std::string conversation_json(size_t n, wall_time at) {
  std::string out;
  json_writer w{out};
  const auto time_of = [&](size_t message) {
    return format_iso_time(at - std::chrono::seconds{20 * (texts.size() / 2 - 1 - message / 2)});
  };
  w.begin_object().field("sessionId", session_id(n)).field("userId", user_id(n));
  w.field("createdAt", time_of(0)).field("title", "Garden " + number_text(n));
  w.field("lastActivity", time_of(texts.size() - 1)).key("messages").begin_array();
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string_view role = i % 2 == 0 ? "user" : "assistant";
    w.begin_object().field("messageId", fmt::format("{}_{}", message_number(n, i / 2), role));
    w.field("role", role).field("content", texts[i]).field("timestamp", time_of(i)).end_object();
  }
  w.end_array().end_object();
  return out;
}

std::string event_json(size_t n, wall_time at) {
  chat::completed_event e;
  e.session_id = session_id(n);
  e.user_id = user_id(n);
  e.chat_message_id = message_number(n, texts.size() / 2 - 1);
  e.completed_at = at;
  return chat::write_event(e);
}

std::string event_message_id(size_t n) {
  return message_number(n, texts.size() / 2 - 1) + "_completed";
}

std::string llm_answer(bool valid) {
  std::string out;
  json_writer w{out};
  w.begin_object().field("id", "chatcmpl-bench").field("object", "chat.completion");
  w.field("created", 1'700'000'000).field("model", "bench").key("choices").begin_array().begin_object();
  w.field("index", 0).field("finish_reason", "stop").key("message").begin_object();
  w.field("role", "assistant").field("content", valid ? analysis_text : std::string_view{"no analysis"});
  w.end_object().end_object().end_array().key("usage").begin_object();
  w.field("prompt_tokens", 2400).field("completion_tokens", 260).field("total_tokens", 2660);
  w.end_object().end_object();
  return out;
}

std::string embedding_answer(bool base64) {
  constexpr size_t dimensions = 3'072;
  std::mt19937 random{7};  // NOLINT(cert-msc51-cpp): the same every time
  std::normal_distribution<float> usual{0, 0.018F};
  std::vector<float> numbers(dimensions);
  for (float& n : numbers) n = usual(random);
  std::string out;
  json_writer w{out};
  w.begin_object().field("object", "list").key("data").begin_array().begin_object();
  w.field("object", "embedding").field("index", 0).key("embedding");
  if (base64) {
    w.value(mw::base64({reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(float)}));
  } else {
    w.floats(numbers);
  }
  w.end_object().end_array().field("model", "text-embedding-3-large");
  w.key("usage")
      .begin_object()
      .field("prompt_tokens", 90)
      .field("total_tokens", 90)
      .end_object()
      .end_object();
  return out;
}

std::string empty_context() {
  return memory_api::write_context({}, {}, {}, {});
}

std::string commit_reply() {
  memory::commit_reply r;
  r.operations_applied = 3;
  return memory_api::write_reply(r);
}

analysis::loaded_conversation prepare_event(std::string_view event_text, std::string_view conversation_text,
                                            std::string_view context_text) {
  const auto event = must(chat::parse_event(event_text));
  auto conversation = must(chat::parse_conversation(conversation_text));
  const auto stored = must(memory_api::parse_context(context_text));
  flow::job_spec job;
  job.ids = event_ids{event.user_id, event.session_id, event.chat_message_id, {}};
  const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  auto prepared = analysis::prepare({conversation, stored, job, max_conversation_tokens, now, {}});
  if (!prepared.conversation) throw std::runtime_error("the benchmark's material: nothing to analyse");
  return std::move(*prepared.conversation);
}

std::string llm_request_of(const analysis::loaded_conversation& c) {
  return llm::render_request(c, {max_output_tokens, {}, {}}, {}, {});
}

std::string commit_of(const analysis::loaded_conversation& c, const std::string& llm_answer_body) {
  http::response r;
  r.status = 200;
  r.body = llm_answer_body;
  const auto reply = llm::read_reply(r, "bench", std::chrono::system_clock::now());
  const auto answer = must(llm::read_analysis(must(reply.content), c));
  if (answer.operations.size() != 3) throw std::runtime_error("the benchmark's quotes are not found");
  memory::usage used = reply.used;
  used.calls = 1;
  return memory_api::write_commit(analysis::commit_of(c, answer, used, reply.model));
}

}  // namespace mw::bench
