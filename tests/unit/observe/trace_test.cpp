#include "protocol/base/hex.hpp"
#include "protocol/observe/trace/trace_book.hpp"
#include "tests/unit/observe/trace_fixture.hpp"

using namespace mw::observe;
using namespace mw::observe::testing;
using mw::event_ids;

namespace {

std::string traceparent(int n) {
  trace_context c;
  c.trace[15] = static_cast<uint8_t>(n);
  c.trace[14] = static_cast<uint8_t>(n >> 8);
  c.span[7] = 1;
  return fmt::format("00-{}-{}-01", mw::hex(c.trace), mw::hex(c.span));
}

/// A book that keeps what it hands on.
struct scene {
  std::vector<std::shared_ptr<const job_trace>> done;
  trace_book book;

  explicit scene(trace_book_options o = {}, sampler_kind kind = sampler_kind::parentbased_always_on,
                 double ratio = 1)
      : book(o, sampling{kind, ratio}, 1, [this](std::shared_ptr<const job_trace> j) { done.push_back(j); }) {
  }

  static event_ids ids(int n, std::string_view session = "s1") {
    return {"u1", session, fmt::format("m{}", n), n == 0 ? std::string{} : traceparent(n)};
  }
  void arrives(int64_t sequence, std::string_view session = "s1") {
    const std::string id = fmt::format("m{}_completed", sequence);
    book.received(ids(static_cast<int>(sequence), session), {sequence, 0, 1000, id, at_ms(sequence)});
  }
  void starts(uint64_t job, int64_t sequence, uint32_t attempt = 1, std::string_view session = "s1") {
    book.started(job, attempt, ids(static_cast<int>(sequence), session), sequence, at_ms(100));
  }
  void ends(uint64_t job, int64_t sequence) {
    book.ended(job, sequence, "committed", {}, {}, at_ms(200));
    book.closed(job, at_ms(200));
    book.settled(sequence, "complete", {}, at_ms(210));
  }
};

}  // namespace

TEST_CASE("traceparent: version 00 exactly, later versions with more behind, no zero ids, no capitals") {
  const auto c = parse_traceparent(some_traceparent);
  REQUIRE(c);
  CHECK(mw::hex(c->trace) == "0af7651916cd43dd8448eb211c80319c");
  CHECK(mw::hex(c->span) == "b7ad6b7169203331");
  CHECK(c->flags == 1);
  CHECK(parse_traceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"));
  for (const auto* bad : {"", "00-", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                          "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                          "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                          "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                          "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
                          "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x", "|0af7.b7ad."})
    CHECK_MESSAGE(!parse_traceparent(bad), bad);
}

TEST_CASE("book: one trace per job, linked to every message up to the job's own") {
  scene s;
  for (int n = 1; n <= 3; ++n) s.arrives(n);
  s.arrives(4);  // came after the window had closed
  s.starts(9, 3);
  s.ends(9, 3);
  REQUIRE(s.done.size() == 1);
  const auto& j = *s.done[0];
  CHECK(j.links.size() == 3);
  CHECK(j.events == 3);
  CHECK(j.end == "committed");
  CHECK(j.disposition == "complete");
  s.starts(10, 4);
  s.ends(10, 4);
  REQUIRE(s.done.size() == 2);
  REQUIRE(s.done[1]->links.size() == 1);
  CHECK(s.done[1]->message_id == "m4_completed");
  CHECK(s.done[1]->received == at_ms(4));
  CHECK(s.done[1]->trace != j.trace);
}

TEST_CASE("book: a redelivered message is linked once, one without a context counts") {
  scene s;
  s.arrives(1);
  s.arrives(1);
  s.book.received(scene::ids(0), {2, 0, 0, "plain", at_ms(2)});
  s.starts(9, 2);
  s.ends(9, 2);
  CHECK(s.done.at(0)->links.size() == 1);
  CHECK(s.done.at(0)->events == 2);
}

TEST_CASE("book: beyond the most links messages are only counted") {
  trace_book_options o;
  o.most_links = 5;
  scene s{o};
  for (int n = 1; n <= 12; ++n) s.arrives(n);
  s.starts(9, 12);
  s.ends(9, 12);
  CHECK(s.done.at(0)->links.size() == 5);
  CHECK(s.done.at(0)->links_left == 7);
  CHECK(s.done.at(0)->events == 12);
}

TEST_CASE("book: the messages of all waiting conversations together are bounded") {
  trace_book_options o;
  o.most_messages = 10;
  scene s{o};
  for (int n = 1; n <= 40; ++n) s.arrives(n, n % 2 == 0 ? "a" : "b");
  s.starts(9, 40, 1, "a");
  s.ends(9, 40);
  CHECK(s.done.at(0)->links.size() == 5);
  CHECK(s.done.at(0)->events == 20);
  s.arrives(42, "a");
  s.starts(10, 42, 1, "a");
  s.ends(10, 42);
  CHECK(s.done.at(1)->links.size() == 1);
}

TEST_CASE("book: a held job stays one trace over its attempts, with what joined it meanwhile") {
  scene s;
  s.arrives(1);
  s.starts(9, 1);
  s.book.stage(9, {trace_stage::load, at_ms(100), at_ms(110), "unreachable", 0});
  s.arrives(2);
  s.starts(9, 2, 2);
  s.book.stage(9, {trace_stage::load, at_ms(120), at_ms(130), {}, 0});
  s.ends(9, 2);
  REQUIRE(s.done.size() == 1);
  CHECK(s.done[0]->attempts == 2);
  CHECK(s.done[0]->stages.size() == 2);
  CHECK(s.done[0]->links.size() == 2);
}

TEST_CASE("book: a postponed job leaves no trace, its messages belong to the next one") {
  scene s;
  s.arrives(1);
  s.arrives(2);
  s.starts(9, 2);
  s.book.postponed(9);
  s.book.closed(9, at_ms(120));
  s.arrives(3);
  s.starts(10, 3);
  s.ends(10, 3);
  REQUIRE(s.done.size() == 1);
  CHECK(s.done[0]->links.size() == 3);
  CHECK(s.done[0]->events == 3);
}

TEST_CASE("book: a job that was given back, and one whose settlement never came, are handed on as such") {
  scene s;
  s.arrives(1);
  s.starts(9, 1);
  s.book.closed(9, at_ms(150));
  s.book.settled(1, "release", {}, at_ms(160));
  CHECK(s.done.at(0)->end == "given-back");
  CHECK(s.done.at(0)->disposition == "release");
  s.arrives(2);
  s.starts(10, 2);
  s.book.ended(10, 2, "committed", {}, {}, at_ms(170));
  CHECK(s.done.size() == 1);
  s.book.flush(at_ms(180));
  CHECK(s.done.at(1)->settle_error == "not-confirmed");
}

TEST_CASE("book: what nobody finishes makes room for what is new") {
  trace_book_options o;
  o.most_waiting = 10;
  o.most_jobs = 10;
  scene s{o};
  for (int n = 1; n <= 100; ++n) {
    s.arrives(n, fmt::format("s{}", n));
    s.starts(static_cast<uint64_t>(n), n, 1, fmt::format("s{}", n));
  }
  s.book.ended(100, 100, "committed", {}, {}, at_ms(200));
  s.book.settled(100, "complete", {}, at_ms(210));
  CHECK(s.done.size() == 1);
  s.book.ledger_restarted();
  s.book.ended(99, 99, "committed", {}, {}, at_ms(200));
  s.book.flush(at_ms(300));
  CHECK(s.done.size() == 1);
}

TEST_CASE("sampling: on, off, and a ratio that holds over many jobs and is the same for one trace id") {
  const auto taken = [](sampler_kind kind, double ratio) {
    scene s{{}, kind, ratio};
    for (int n = 1; n <= 4000; ++n) {
      s.starts(static_cast<uint64_t>(n), n);
      s.ends(static_cast<uint64_t>(n), n);
    }
    return s.done.size();
  };
  CHECK(taken(sampler_kind::parentbased_always_on, 0) == 4000);
  CHECK(taken(sampler_kind::always_off, 1) == 0);
  CHECK(taken(sampler_kind::parentbased_always_off, 1) == 0);
  CHECK(taken(sampler_kind::traceidratio, 0) == 0);
  CHECK(taken(sampler_kind::parentbased_traceidratio, 1) == 4000);
  const auto quarter = taken(sampler_kind::parentbased_traceidratio, 0.25);
  CHECK(quarter > 800);
  CHECK(quarter < 1200);
  const sampling one{sampler_kind::traceidratio, 0.5};
  const sampling other{sampler_kind::parentbased_traceidratio, 0.5};
  for (uint8_t n = 0; n < 100; ++n)
    CHECK(one.takes({n, n, n, n, n, n, n, n}) == other.takes({n, n, n, n, n, n, n, n}));
}

TEST_CASE("sampling: a job that is not taken leaves its messages' links to nobody") {
  scene s{{}, sampler_kind::always_off, 1};
  s.arrives(1);
  s.starts(9, 1);
  s.ends(9, 1);
  s.starts(9, 1, 2);
  s.ends(9, 1);
  CHECK(s.done.empty());
}

TEST_CASE("spans: the five stages below the job, with ids that both exporters derive alike") {
  const auto w = spans_of(example_job());
  REQUIRE(w.spans.size() == 6);
  CHECK(w.spans[0].name == "process message-completed");
  CHECK(w.of(span_role::receive).name == "receive message-completed");
  CHECK(w.of(span_role::load).name == "load");
  CHECK(w.of(span_role::chat).name == "chat gpt-5.4-mini");
  CHECK(w.of(span_role::write).name == "write");
  CHECK(w.of(span_role::settle).name == "settle message-completed");
  CHECK(w.spans[0].head.kind == span_kind::consumer);
  CHECK(w.spans[0].head.end_ns - w.spans[0].head.start_ns == 320'000'000);
  CHECK(w.of(span_role::receive).head.end_ns == w.spans[0].head.start_ns);
  const auto again = spans_of(example_job());
  std::set<std::array<uint8_t, 8>> ids;
  for (size_t i = 0; i < w.spans.size(); ++i) {
    CHECK(ids.insert(w.spans[i].head.id).second);
    CHECK(again.spans[i].head.id == w.spans[i].head.id);
  }
}

TEST_CASE("spans: the attributes dashboards query, by the semantic conventions") {
  const auto w = spans_of(example_job());
  for (const auto& s : w.spans) {
    CHECK(s.text("app.name") == "memory-worker");
    CHECK(s.text("app.user_id") == "user-1");
    CHECK(s.text("app.session_id") == "session-1");
    CHECK(s.text("app.chat_message_id") == "m1");
  }
  const auto& chat = w.of(span_role::chat);
  CHECK(chat.text("gen_ai.operation.name") == "chat");
  CHECK(chat.text("gen_ai.provider.name") == "azure.ai.openai");
  CHECK(chat.text("gen_ai.request.model") == "gpt-5.4-mini");
  CHECK(chat.text("gen_ai.response.model") == "gpt-5.4-mini-2026-03-17");
  CHECK(chat.number("gen_ai.usage.input_tokens") == 1200);
  CHECK(chat.number("gen_ai.usage.output_tokens") == 340);
  CHECK(chat.number("gen_ai.usage.cache_read.input_tokens") == 1024);
  CHECK(chat.text("gen_ai.conversation.id") == "session-1");
  CHECK(chat.text("gen_ai.response.finish_reasons") == "[stop]");
  CHECK(chat.text("gen_ai.input.messages") == "(none)");
  const auto& process = w.of(span_role::process);
  CHECK(process.text("messaging.system") == "servicebus");
  CHECK(process.text("messaging.operation.type") == "process");
  CHECK(process.text("messaging.destination.subscription.name") == "memory-worker-message-completed");
  CHECK(process.number("messaging.batch.message_count") == 2);
  CHECK(w.of(span_role::load).text("db.system.name") == "redis");
  CHECK(w.of(span_role::settle).text("messaging.servicebus.disposition_status") == "complete");
}

TEST_CASE("spans: with Cosmos DB as the store the write is a database call") {
  auto f = example_facts();
  f.cosmos_database = "memory";
  f.cosmos_container = "conversations";
  const auto write = spans_of(example_job(), f).of(span_role::write);
  CHECK(write.text("db.system.name") == "azure.cosmosdb");
  CHECK(write.text("db.collection.name") == "conversations");
}

TEST_CASE("spans: an error has its code on the span where it happened, text only where it was captured") {
  auto j = example_job();
  j.error = "dependency-rejects-this";
  j.calls[0].error = "truncated";
  j.calls[0].text = std::make_shared<chat_text>(chat_text{R"([{"role":"user"}])", ""});
  const auto w = spans_of(j);
  CHECK(w.of(span_role::process).text("error.type") == "dependency-rejects-this");
  CHECK(w.of(span_role::load).text("error.type") == "(none)");
  CHECK(w.of(span_role::chat).text("error.type") == "truncated");
  CHECK(w.of(span_role::chat).text("gen_ai.response.finish_reasons") == "[length]");
  CHECK(w.of(span_role::chat).text("gen_ai.input.messages") == R"([{"role":"user"}])");
  CHECK(w.of(span_role::chat).text("gen_ai.output.messages") == "(none)");
}
