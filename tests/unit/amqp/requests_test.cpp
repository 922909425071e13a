#include <doctest/doctest.h>

#include "protocol/amqp/codec.hpp"
#include "protocol/amqp/management.hpp"
#include "protocol/amqp/request_link.hpp"
#include "protocol/azure/jwt.hpp"
#include "protocol/base/base64.hpp"

using namespace mw::amqp;

namespace {

value only(std::string_view bytes) {
  const auto v = read_value(bytes);
  REQUIRE(v);
  CHECK(bytes.empty());
  return *v;
}

std::string reply_message(std::string_view correlation, std::string_view status_key, int32_t code) {
  std::string m;
  encoder e{m};
  e.begin_section(section_code::properties).begin_list();
  for (int i = 0; i < 5; ++i) e.null();
  e.string(correlation).end();
  e.begin_section(section_code::application_properties).begin_map();
  e.string(status_key).int32(code).string("errorCondition").symbol("com.microsoft:server-busy").end();
  e.begin_section(section_code::amqp_value).begin_map().end();
  return m;
}

}  // namespace

TEST_CASE("requests: put-token carries type, audience, expiry and the token itself") {
  const std::chrono::system_clock::time_point expires{std::chrono::seconds{1'700'000'000}};
  const auto r = put_token_request({"jwt", "secret", expires}, "sb://host/t/Subscriptions/s");
  const value properties = only(r.application_properties);
  CHECK(find_key(properties, "operation")->text() == "put-token");
  CHECK(find_key(properties, "type")->text() == "jwt");
  CHECK(find_key(properties, "name")->text() == "sb://host/t/Subscriptions/s");
  CHECK(find_key(properties, "expiration")->integer() == 1'700'000'000'000);
  CHECK(only(r.body).text() == "secret");
}

TEST_CASE("requests: put-token of a jwt tells the end that the token itself names, our clock may be wrong") {
  const std::string token = "e30." + mw::base64url(R"({"exp":1700003600})") + ".c2ln";
  const auto r = put_token_request({"jwt", token, {}}, "sb://host/t/Subscriptions/s");
  const value properties = only(r.application_properties);
  CHECK(find_key(properties, "expiration")->integer() == 1'700'003'600'000);
}

TEST_CASE("requests: renew-lock names the tokens in order, its answer the new ends") {
  const std::vector<lock_token> tokens{{1}, {2}, {3}};
  const auto r = renew_lock_request(tokens, "link-1");
  CHECK(find_key(only(r.application_properties), "operation")->text() == "com.microsoft:renew-lock");
  CHECK(find_key(only(r.application_properties), "associated-link-name")->text() == "link-1");
  const auto items = items_of(*find_key(only(r.body), "lock-tokens"));
  REQUIRE(items->size() == 3);
  CHECK(items->at(2).as_uuid() == tokens[2]);

  std::string body;
  const std::vector<int64_t> ends{5, 6};
  encoder{body}.begin_map().string("expirations").array_of_timestamp(ends).end();
  CHECK(renewed_until(body) == ends);
  CHECK_FALSE(renewed_until(""));
}

TEST_CASE("requests: settlement by token has no form for release, and cuts long reasons") {
  const lock_token token{9};
  CHECK_FALSE(disposition_request(token, {outcome_kind::release, "", ""}, "l"));
  const auto status_of = [&](outcome_kind k) {
    const auto r = disposition_request(token, {k, "", ""}, "l");
    return std::string{*find_key(only(r->body), "disposition-status")->text()};
  };
  CHECK(status_of(outcome_kind::complete) == "completed");
  CHECK(status_of(outcome_kind::abandon) == "abandoned");
  const auto dead =
      disposition_request(token, {outcome_kind::dead_letter, "why", std::string(9000, 'x')}, "l");
  CHECK(find_key(only(dead->body), "disposition-status")->text() == "suspended");
  CHECK(find_key(only(dead->body), "deadletter-reason")->text() == "why");
  CHECK(find_key(only(dead->body), "deadletter-description")->text()->size() == 4096);
}

TEST_CASE("requests: an answer is matched by its correlation id, whichever way the status is spelt") {
  for (const char* key : {"status-code", "statusCode"}) {
    const auto r = decode_reply(reply_message("12", key, 503));
    REQUIRE(r);
    CHECK(r->request == 12);
    CHECK(r->answer.status == 503);
    CHECK(r->answer.error.name == "com.microsoft:server-busy");
  }
  CHECK_FALSE(decode_reply(reply_message("not ours", "statusCode", 200)));
  CHECK_FALSE(decode_reply("garbage"));
}

TEST_CASE("requests: the message can be read back section by section") {
  std::string map;
  encoder{map}.begin_map().string("operation").string("x").end();
  std::string body;
  encoder{body}.string("b");
  const std::string message = encode_request("7", "reply-here", map, body);
  const auto sections = split_sections(message);
  REQUIRE(sections);
  REQUIRE(sections->size() == 3);
  const auto properties = items_of(sections->at(0).content);
  CHECK(properties->at(0).text() == "7");
  CHECK(properties->at(4).text() == "reply-here");
  CHECK(sections->at(2).content.text() == "b");
}
