#include "protocol/flow/verdict.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using mw::action;
using mw::errc;
using mw::situation;
using mw::flow::stage;

namespace {

/// A failure that nothing is known about but where and what.
situation of(stage at, errc code) {
  situation s;
  s.at = at;
  s.error = mw::fail(mw::flow::dependency_of(at), code, "detail");
  s.hold_limit = 10min;
  s.missing_limit = 5s;
  return s;
}

struct expected {
  std::string_view rule;
  action what;
  std::string_view reason;
};

void check(const situation& s, const expected& e) {
  CAPTURE(mw::to_string(s.error.code));
  const auto v = mw::decide(s);
  CHECK(v.rule == e.rule);
  CHECK(v.what == e.what);
  CHECK(v.reason == e.reason);
}

}  // namespace

TEST_CASE("verdict: event unreadable") {
  check(of(stage::intake, errc::invalid_event), {"event unreadable", action::dead_letter, "invalid-event"});
}

TEST_CASE("verdict: another user's conversation") {
  check(of(stage::load, errc::owner_mismatch),
        {"another user's conversation", action::dead_letter, "session-owner-mismatch"});
}

TEST_CASE("verdict: ids the memory store cannot hold") {
  check(of(stage::load, errc::not_storable),
        {"ids the memory store cannot hold", action::dead_letter, "not-storable"});
}

TEST_CASE("verdict: conversation gone, record covers the event") {
  auto s = of(stage::load, errc::conversation_missing);
  s.record_covers_event = true;
  s.redis_emptied = true;
  s.missing_for = 1h;
  check(s, {"conversation gone, record covers the event", action::complete, "covered"});
}

TEST_CASE("verdict: Redis came back empty") {
  auto s = of(stage::load, errc::conversation_missing);
  s.redis_emptied = true;
  s.missing_for = 1h;
  s.held_for = 9min;
  check(s, {"Redis came back empty", action::hold, "redis-emptied"});
}

TEST_CASE("verdict: Redis came back empty, past the hold limit") {
  auto s = of(stage::load, errc::conversation_missing);
  s.redis_emptied = true;
  s.held_for = 10min;
  check(s, {"Redis came back empty, past the hold limit", action::release, "redis-emptied"});
}

TEST_CASE("verdict: conversation not there yet") {
  auto s = of(stage::load, errc::conversation_missing);
  s.missing_for = 4s;
  check(s, {"conversation not there yet", action::hold, "conversation-missing"});
}

TEST_CASE("verdict: conversation not found") {
  auto s = of(stage::load, errc::conversation_missing);
  s.missing_for = 5s;
  check(s, {"conversation not found", action::dead_letter, "conversation-not-found"});
}

TEST_CASE("verdict: message not there yet") {
  auto s = of(stage::load, errc::message_missing);
  s.missing_for = 4s;
  check(s, {"message not there yet", action::hold, "message-missing"});
}

TEST_CASE("verdict: message not found, whatever Redis looks like") {
  auto s = of(stage::load, errc::message_missing);
  s.missing_for = 5s;
  s.redis_emptied = true;
  check(s, {"message not found", action::dead_letter, "message-not-found"});
}

TEST_CASE("verdict: message not found, but something is new") {
  auto s = of(stage::load, errc::message_missing);
  s.fresh_without_message = true;
  s.missing_for = 4s;
  check(s, {"message not there yet", action::hold, "message-missing"});
  s.missing_for = 5s;
  s.refused_users = 9;
  check(s, {"message not found, but something is new", action::analyse_rest, "message-missing"});
}

TEST_CASE("verdict: conversation unreadable") {
  check(of(stage::load, errc::conversation_malformed),
        {"conversation unreadable", action::dead_letter, "conversation-malformed"});
}

TEST_CASE("verdict: conversation larger than the cap") {
  check(of(stage::load, errc::too_large),
        {"conversation larger than the cap", action::dead_letter, "conversation-too-large"});
  auto stored = of(stage::load, errc::too_large);
  stored.error.from = mw::dependency::memory;
  check(stored, {"refused", action::hold, "rejected"});
}

TEST_CASE("verdict: an actor crashed in the job") {
  auto s = of(stage::analyse, errc::crashed);
  for (const uint32_t crashes : {1U, 2U}) {
    s.crashes = crashes;
    check(s, {"an actor crashed in the job", action::abandon, "crashed"});
  }
}

TEST_CASE("verdict: crashed the worker again and again") {
  auto s = of(stage::analyse, errc::crashed);
  s.crashes = 3;
  check(s, {"crashed the worker again and again", action::dead_letter, "crashed-worker"});
}

TEST_CASE("verdict: crashed the worker on its last delivery") {
  auto s = of(stage::commit, errc::crashed);
  s.crashes = 1;
  s.last_delivery = true;
  check(s, {"crashed the worker on its last delivery", action::dead_letter, "crashed-worker"});
}

TEST_CASE("verdict: answer invalid, first time") {
  check(of(stage::analyse, errc::invalid_answer),
        {"answer invalid, first time", action::repair, "invalid-answer"});
}

TEST_CASE("verdict: answer truncated, first time") {
  check(of(stage::analyse, errc::truncated),
        {"answer truncated, first time", action::enlarge_output, "truncated"});
}

TEST_CASE("verdict: truncated or too long: split") {
  auto s = of(stage::analyse, errc::truncated);
  s.enlarged = true;
  s.fresh_messages = 2;
  check(s, {"truncated or too long: split", action::shorten, "too-long"});
  s = of(stage::analyse, errc::context_too_long);
  s.fresh_messages = 2;
  check(s, {"truncated or too long: split", action::shorten, "too-long"});
}

TEST_CASE("verdict: refused or filtered: bisect") {
  for (const errc code : {errc::refused, errc::content_filtered}) {
    auto s = of(stage::analyse, code);
    s.fresh_messages = 2;
    s.calls_used = 7;
    check(s, {"refused or filtered: bisect", action::shorten, "bisect"});
  }
}

TEST_CASE("verdict: no usable answer to be had: one message left, or the calls are used up") {
  auto s = of(stage::analyse, errc::invalid_answer);
  s.repaired = true;
  check(s, {"no usable answer to be had", action::store_placeholder, "defaults"});
  for (const errc code : {errc::truncated, errc::context_too_long, errc::refused, errc::content_filtered}) {
    s = of(stage::analyse, code);
    s.enlarged = true;
    s.fresh_messages = 1;
    check(s, {"no usable answer to be had", action::store_placeholder, "defaults"});
    s.fresh_messages = 40;
    s.calls_used = 8;
    check(s, {"no usable answer to be had", action::store_placeholder, "defaults"});
  }
}

TEST_CASE("verdict: budget exhausted") {
  check(of(stage::analyse, errc::budget_exhausted),
        {"budget exhausted", action::store_placeholder, "budget"});
}

TEST_CASE("verdict: somebody wrote first") {
  for (const errc code : {errc::conflict, errc::stale}) {
    auto s = of(stage::commit, code);
    s.held_for = 9min;
    s.failures = 50;
    check(s, {"somebody wrote first", action::retry_now, "conflict"});
    s.healthy_for_others = true;
    s.failures = 9;
    check(s, {"somebody wrote first", action::retry_now, "conflict"});
    s.failures = 50;
    s.held_for = 59s;
    check(s, {"somebody wrote first", action::retry_now, "conflict"});
  }
}

TEST_CASE("verdict: somebody writes first again and again, while others pass") {
  for (const errc code : {errc::conflict, errc::stale}) {
    auto s = of(stage::commit, code);
    s.held_for = 1min;
    s.failures = 10;
    s.healthy_for_others = true;
    check(s, {"somebody writes first again and again, while others pass", action::dead_letter,
              "dependency-rejects-this"});
  }
}

TEST_CASE("verdict: somebody writes first, past the hold limit") {
  auto s = of(stage::commit, errc::conflict);
  s.held_for = 10min;
  s.failures = 1000;
  check(s, {"somebody writes first, past the hold limit", action::release, "conflict"});
}

TEST_CASE("verdict: memory store refuses the document, first time") {
  for (const errc code : {errc::rejected, errc::too_large})
    check(of(stage::commit, code),
          {"memory store refuses the document, first time", action::hold, "memory-rejected"});
}

TEST_CASE("verdict: memory store refuses the document") {
  for (const errc code : {errc::rejected, errc::too_large}) {
    auto s = of(stage::commit, code);
    s.tried = 2;
    check(s, {"memory store refuses the document", action::dead_letter, "memory-rejected"});
  }
}

TEST_CASE("verdict: refused for one user after the other, nobody passes") {
  for (auto s : {of(stage::commit, errc::rejected), of(stage::commit, errc::too_large),
                 of(stage::load, errc::conversation_malformed), of(stage::load, errc::message_missing)}) {
    s.tried = 9;
    s.missing_for = 1min;
    s.refused_users = 5;
    check(s, {"refused for one user after the other, nobody passes", action::hold, "refused-for-everybody"});
    s.held_for = 10min;
    check(s, {"refused for one user after the other, past the hold limit", action::release,
              "refused-for-everybody"});
    s.refused_users = 4;
    CHECK(mw::decide(s).what == action::dead_letter);
  }
}

TEST_CASE("verdict: our own limit of open files is held and blames nobody") {
  auto s = of(stage::analyse, errc::open_files);
  s.healthy_for_others = true;
  s.failures = 100;
  check(s, {"our own limit of open files", action::hold, "open-files"});
  s.held_for = 10min;
  check(s, {"our own limit of open files, past the hold limit", action::release, "open-files"});
}

TEST_CASE("verdict: throttled is held, never counted") {
  auto s = of(stage::analyse, errc::throttled);
  s.healthy_for_others = true;
  s.failures = 100;
  check(s, {"throttled", action::hold, "throttled"});
}

TEST_CASE("verdict: throttled past the hold limit") {
  auto s = of(stage::analyse, errc::throttled);
  s.healthy_for_others = true;
  s.failures = 100;
  s.held_for = 10min;
  check(s, {"throttled past the hold limit", action::release, "throttled"});
}

TEST_CASE("verdict: refused again and again while others pass") {
  for (const errc code : {errc::timed_out, errc::overloaded, errc::rejected, errc::forbidden}) {
    auto s = of(stage::analyse, code);
    s.healthy_for_others = true;
    s.failures = 5;
    s.held_for = 59s;
    CHECK(mw::decide(s).what == action::hold);
    s.held_for = 60s;
    check(s, {"refused again and again while others pass", action::dead_letter, "dependency-rejects-this"});
    s.hold_limit = 10s;
    s.held_for = 10s;
    CHECK(mw::decide(s).what == action::dead_letter);
  }
}

TEST_CASE("verdict: dependency down: held, however often it failed, when nobody else passes") {
  for (const errc code : {errc::unreachable, errc::timed_out, errc::connection_lost, errc::overloaded,
                          errc::unauthorized, errc::forbidden, errc::not_found, errc::misconfigured}) {
    auto s = of(stage::load, code);
    s.failures = 1000;
    s.held_for = 9min;
    check(s, {"dependency down", action::hold, "dependency-down"});
    s.failures = 4;
    s.healthy_for_others = true;
    check(s, {"dependency down", action::hold, "dependency-down"});
  }
}

TEST_CASE("verdict: dependency down past the hold limit: given back, never dead-lettered") {
  for (const errc code : {errc::unreachable, errc::timed_out, errc::connection_lost, errc::overloaded,
                          errc::unauthorized, errc::forbidden, errc::not_found, errc::misconfigured}) {
    auto s = of(stage::commit, code);
    s.failures = 1000;
    s.held_for = 10min;
    check(s, {"dependency down past the hold limit", action::release, "dependency-down"});
  }
}

TEST_CASE("verdict: refused for everybody past the hold limit") {
  auto s = of(stage::analyse, errc::rejected);
  s.failures = 1000;
  s.held_for = 10min;
  check(s, {"refused for everybody past the hold limit", action::release, "rejected"});
}

TEST_CASE("verdict: refused") {
  auto s = of(stage::analyse, errc::rejected);
  s.failures = 4;
  check(s, {"refused", action::hold, "rejected"});
  s.held_for = 10min;
  s.healthy_for_others = true;
  check(s, {"refused", action::hold, "rejected"});
}

namespace {

template <class F>
void for_each_situation(F&& visit) {
  for (int code = 0; code <= static_cast<int>(errc::internal); ++code)
    for (const stage at : {stage::intake, stage::load, stage::analyse, stage::commit})
      for (uint32_t bits = 0; bits < 1U << 14; ++bits) {
        const auto bit = [&](uint32_t n) { return (bits >> n & 1U) != 0; };
        auto s = of(at, static_cast<errc>(code));
        s.failures = bit(0) ? 10 : 1;
        s.healthy_for_others = bit(1);
        s.held_for = bit(2) ? 1h : 1s;
        s.missing_for = bit(3) ? 1min : 1s;
        s.record_covers_event = bit(4);
        s.redis_emptied = bit(5);
        s.crashes = bit(6) ? 3 : 1;
        s.last_delivery = bit(7);
        s.repaired = s.enlarged = bit(8);
        s.fresh_messages = bit(9) ? 9 : 1;
        s.calls_used = bit(10) ? 8 : 0;
        s.tried = bit(11) ? 2 : 1;
        s.refused_users = bit(12) ? 5 : 1;
        s.fresh_without_message = bit(13);
        visit(s);
      }
}

}  // namespace

TEST_CASE("verdict: every row of the table has a name of its own and is reachable") {
  std::set<std::string_view> names;
  for (const auto& rule : mw::verdict_table()) CHECK_MESSAGE(names.insert(rule.name).second, rule.name);
  for_each_situation([&](const situation& s) { names.erase(mw::decide(s).rule); });
  for (const auto name : names) FAIL_CHECK("unreachable row: " << std::string{name});
}

TEST_CASE("verdict: no outage and no throttling dead-letters while nobody else passes") {
  for_each_situation([](const situation& s) {
    const auto c = mw::classify(s.error.code);
    const bool outage =
        c == mw::error_class::transient || c == mw::error_class::throttled || c == mw::error_class::fatal;
    if (!outage || s.healthy_for_others || s.error.code == errc::crashed) return;
    const auto v = mw::decide(s);
    if (v.what == action::dead_letter || v.what == action::abandon || v.what == action::complete)
      FAIL("rule " << std::string{v.rule} << " for " << std::string{mw::to_string(s.error.code)});
  });
}

TEST_CASE("verdict: every dead letter has a reason a person can look up") {
  for (const auto& rule : mw::verdict_table())
    if (rule.what == action::dead_letter) CHECK_FALSE(rule.reason.empty());
}
