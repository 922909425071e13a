#include "cmd/memory-devstack/bus/requests.hpp"

#include <doctest/doctest.h>

#include <array>
#include <limits>

#include "cmd/memory-devstack/jwt/jwt.hpp"
#include "tests/unit/bus/make_content.hpp"

using namespace mw::devstack;
using namespace mw::devstack::test;
using mw::amqp::encoder;
using mw::amqp::section_code;

namespace {

response put_jwt(wall_ms expiration, wall_ms now, granted_paths& granted) {
  std::string bytes;
  encoder e{bytes};
  e.begin_section(section_code::application_properties).begin_map();
  e.string("operation").string("put-token").string("type").string("jwt").string("name").string("t");
  e.string("expiration").timestamp(expiration).end();
  e.begin_section(section_code::amqp_value).string("opaque");
  const auto r = parse_request(bytes);
  REQUIRE(r);
  return put_token(*r, {}, now, granted);
}

/// put-token of the reference's check vector.
constexpr const char* resource = "sb://localhost:5673/memories/Subscriptions/worker";
constexpr const char* vector_token =
    "SharedAccessSignature sr=sb%3A%2F%2Flocalhost%3A5673%2Fmemories%2FSubscriptions%2Fworker&sig="
    "YqbvWBJLkTNq1V2udpLb%2FnD8USeVb3rRyTIYD%2BnJAow%3D&se=1700003600&skn=RootManageSharedAccessKey";
constexpr wall_ms before_expiry = 1'700'003'599'000;

response put_token_with(const token_rules& rules, const std::string& name, const std::string& token,
                        wall_ms now, granted_paths& granted, const char* type) {
  std::string bytes;
  encoder e{bytes};
  e.begin_section(section_code::properties).begin_list().string("m1").null().null().null().string("r").end();
  e.begin_section(section_code::application_properties).begin_map();
  e.string("operation").string("put-token").string("type").string(type).string("name").string(name).end();
  e.begin_section(section_code::amqp_value).string(token);
  const auto r = parse_request(bytes);
  REQUIRE(r);
  return put_token(*r, rules, now, granted);
}

response put(const std::string& name, const std::string& token, std::string_view key, wall_ms now,
             granted_paths& granted, const char* type = "servicebus.windows.net:sastoken") {
  token_rules rules;
  rules.sas_key = key;
  return put_token_with(rules, name, token, now, granted, type);
}

struct management_fixture {
  entity_settings settings{1000, 10};
  entity dead{"q/$DeadLetterQueue", settings, nullptr, "q"};
  entity live{"q", settings, &dead, ""};
  destination to{"q"};
  uint8_t next_token = 1;
  wall_ms now = 10'000;
  management_fixture() { to.add_outlet(live); }

  template <class Body>
  response ask(std::string_view operation, Body body) {
    std::string bytes;
    encoder e{bytes};
    e.begin_section(section_code::application_properties).begin_map();
    e.string("operation").string(operation).end();
    e.begin_section(section_code::amqp_value).begin_map();
    body(e);
    e.end();
    const auto r = parse_request(bytes);
    REQUIRE(r);
    return manage(
        *r, {&to, &live, now, [this] { return token(next_token++); }, [] { return std::string{"id"}; }});
  }
};

}  // namespace

TEST_CASE("put-token: the service's signature is accepted, another key's is not") {
  granted_paths granted;
  CHECK(put(resource, vector_token, "SAS_KEY_VALUE", before_expiry, granted).status == 200);
  CHECK(may_use(granted, "memories/Subscriptions/worker", before_expiry));
  granted.clear();
  CHECK(put(resource, vector_token, "other", before_expiry, granted).status == 401);
  CHECK(granted.empty());
  CHECK(put(resource, vector_token, "", before_expiry, granted).status == 200);
}

TEST_CASE("put-token: an expired, foreign or shapeless token is refused") {
  granted_paths granted;
  CHECK(put(resource, vector_token, "", 1'700'003'600'000, granted).status == 401);
  CHECK(put("sb://localhost/other", vector_token, "", before_expiry, granted).status == 401);
  CHECK(put(resource, "SharedAccessSignature sr=x", "", before_expiry, granted).status == 401);
  CHECK(put(resource, "hello", "", before_expiry, granted).status == 401);
  CHECK(put(resource, "", "", before_expiry, granted).status == 400);
  CHECK(put(resource, "x", "", before_expiry, granted, "unknown").status == 400);
  CHECK(granted.empty());
  CHECK(put(resource, "opaque", "", before_expiry, granted, "jwt").status == 200);
}

TEST_CASE("put-token: a token of Entra is taken until it ends, when key and audience are right") {
  token_rules rules;
  rules.jwt_key = "shared";
  const auto token = [](const char* audience, const char* key) {
    return mw::devstack::sign_jwt(std::string{R"({"oid":"me","exp":1000,"aud":")"} + audience + "\"}", key);
  };
  const auto put_jwt = [&](const std::string& text, wall_ms now, granted_paths& granted) {
    return put_token_with(rules, "sb://h/t/subscriptions/s", text, now, granted, "jwt").status;
  };
  granted_paths granted;
  const auto good = token("https://servicebus.azure.net/", "shared");
  CHECK(put_jwt(good, 999'999, granted) == 200);
  CHECK(may_listen(granted, "t/subscriptions/s", 999'999));
  CHECK_FALSE(may_use(granted, "t/subscriptions/s", 1'000'000));
  CHECK(put_jwt(good, 1'000'000, granted) == 401);
  CHECK(put_jwt(token("https://servicebus.azure.net", "other"), 1, granted) == 401);
  CHECK(put_jwt(token("https://redis.azure.com", "shared"), 1, granted) == 401);
  CHECK(put_jwt("opaque", 1, granted) == 401);
  CHECK(
      put_token_with(rules, resource, vector_token, before_expiry, granted, "servicebus.windows.net:sastoken")
          .status == 401);
  rules.listeners = {"somebody-else"};
  CHECK(put_jwt(good, 1, granted) == 200);
  CHECK(may_use(granted, "t/subscriptions/s", 1));
  CHECK_FALSE(may_listen(granted, "t/subscriptions/s", 1));
}

TEST_CASE("put-token: a grant covers the path and what lies under it, until it expires") {
  const granted_paths granted{{"memories/subscriptions/worker", {100}}};
  CHECK(may_use(granted, "memories/Subscriptions/Worker/$management", 99));
  CHECK_FALSE(may_use(granted, "memories/Subscriptions/worker2", 99));
  CHECK_FALSE(may_use(granted, "memories", 99));
  CHECK_FALSE(may_use(granted, "memories/Subscriptions/worker", 100));
  CHECK(may_use(granted_paths{{"", {100}}}, "anything", 99));
}

TEST_CASE("reply: it carries the request's id with its own type, and each node's spelling of the status") {
  std::string bytes;
  encoder e{bytes};
  e.begin_section(section_code::properties).begin_list().uint32(7).end();
  e.begin_section(section_code::application_properties).begin_map().string("operation").string("x").end();
  const auto r = parse_request(bytes);
  REQUIRE(r);
  const response refused{401, "no", "amqp:unauthorized-access", {}};
  for (const bool cbs : {true, false}) {
    const std::string reply = encode_reply(*r, refused, cbs);
    const auto sections = mw::amqp::split_sections(reply);
    REQUIRE(sections);
    const auto properties = mw::amqp::items_of((*sections)[0].content);
    CHECK((*properties)[5].type == 0x52);
    CHECK((*properties)[5].integer() == 7);
    const auto& map = (*sections)[1].content;
    const auto status = mw::amqp::find_key(map, cbs ? "status-code" : "statusCode");
    CHECK(status->type == 0x71);
    CHECK(status->integer() == 401);
    CHECK(mw::amqp::find_key(map, cbs ? "error-condition" : "errorCondition")->text() == refused.condition);
  }
}

TEST_CASE("management: a batched renewal renews all locks or, when one is lost, none") {
  management_fixture f;
  f.live.enqueue(make_content("a"), f.now);
  f.live.enqueue(make_content("b"), f.now);
  REQUIRE(f.live.take_locked(f.now, token(101)) != nullptr);
  REQUIRE(f.live.take_locked(f.now, token(102)) != nullptr);
  f.now += 500;
  const std::array both{token(101), token(102)};
  const auto renewed =
      f.ask("com.microsoft:renew-lock", [&](encoder& e) { e.string("lock-tokens").array_of_uuid(both); });
  CHECK(renewed.status == 200);
  std::string_view body = renewed.body;
  const auto map = mw::amqp::read_value(body);
  const auto times = mw::amqp::items_of(*mw::amqp::find_key(*map, "expirations"));
  REQUIRE(times->size() == 2);
  CHECK((*times)[1].integer() == f.now + 1000);
  REQUIRE(f.live.complete(token(102), f.now));
  f.now += 100;
  const auto lost =
      f.ask("com.microsoft:renew-lock", [&](encoder& e) { e.string("lock-tokens").array_of_uuid(both); });
  CHECK(lost.status == 410);
  CHECK(lost.condition == lock_lost_condition);
  CHECK(f.live.next_deadline() == f.now - 100 + 1000);
}

TEST_CASE("management: each disposition status does what it says") {
  management_fixture f;
  for (const char* id : {"a", "b", "c", "d"}) f.live.enqueue(make_content(id), f.now);
  for (uint8_t i = 0; i < 4; ++i) REQUIRE(f.live.take_locked(f.now, token(100 + i)) != nullptr);
  const auto settle = [&](const char* status, uint8_t n) {
    const std::array<mw::amqp::uuid, 1> one{token(n)};
    return f
        .ask("com.microsoft:update-disposition",
             [&](encoder& e) {
               e.string("disposition-status").string(status).string("lock-tokens").array_of_uuid(one);
               e.string("deadletter-reason").string("why");
             })
        .status;
  };
  CHECK(settle("nonsense", 100) == 400);
  CHECK(settle("completed", 100) == 200);
  CHECK(settle("completed", 100) == 410);
  CHECK(settle("abandoned", 101) == 200);
  CHECK(settle("defered", 102) == 200);
  CHECK(settle("suspended", 103) == 200);
  CHECK(f.live.ready_count() == 1);
  CHECK(f.live.deferred_count() == 1);
  REQUIRE(f.dead.messages().size() == 1);
  CHECK(text_property_of(f.dead.messages().begin()->second, "DeadLetterReason") == "why");
}

TEST_CASE("management: peek shows messages in every state and locks none; unknown operations are 501") {
  management_fixture f;
  CHECK(f.ask("com.microsoft:peek-message", [](encoder&) {}).status == 204);
  f.live.enqueue(make_content("a"), f.now);
  f.live.enqueue(make_content("b"), f.now);
  REQUIRE(f.live.take_locked(f.now, token(100)) != nullptr);
  const auto peeked = f.ask("com.microsoft:peek-message", [](encoder& e) {
    e.string("from-sequence-number").int64(1).string("message-count").int32(10);
  });
  CHECK(peeked.status == 200);
  std::string_view body = peeked.body;
  CHECK(mw::amqp::find_key(*mw::amqp::read_value(body), "messages")->count == 2);
  CHECK(f.live.locked_count() == 1);
  CHECK(f.ask("com.microsoft:unheard-of", [](encoder&) {}).status == 501);
  CHECK(f.ask("com.microsoft:renew-lock", [](encoder&) {}).status == 400);
}

TEST_CASE("put-token: a jwt is good until the client says that it ends") {
  granted_paths granted;
  CHECK(put_jwt(5'000, 1'000, granted).status == 200);
  CHECK(may_use(granted, "t", 4'999));
  CHECK_FALSE(may_use(granted, "t", 5'000));
  CHECK(put_jwt(5'000, 5'000, granted).status == 401);
}
