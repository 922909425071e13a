#include "protocol/cosmos/recent_reads.hpp"

#include <doctest/doctest.h>

#include "tests/unit/cosmos/fixture.hpp"

using namespace mw;
using namespace mw::cosmos;

TEST_CASE("what was read is handed out once, and memory stays bounded") {
  recent_reads recent;
  stored_pair pair;
  pair.conversation.emplace();
  pair.conversation->embedding.resize(3'072);
  recent.put("u", "s", pair);
  CHECK_FALSE(recent.take("u", "t"));
  CHECK(recent.take("u", "s")->conversation->embedding.size() == 3'072);
  CHECK_FALSE(recent.take("u", "s"));
  CHECK(recent.bytes() == 0);
  for (int i = 0; i < 5'000; ++i) recent.put("u", std::to_string(i), pair);
  CHECK(recent.bytes() <= recent_reads::max_bytes);
  CHECK_FALSE(recent.take("u", "0"));
  CHECK(recent.take("u", "4999"));
}

TEST_CASE("a job with operations costs two reads and two writes, without operations three reads and one") {
  world w;
  auto first = memory::make_commit(0, 2);
  first.operations = {memory::op_add("tea", 1)};
  REQUIRE(w.read());
  REQUIRE(w.write(first));
  w.service().clear_stats();
  REQUIRE(w.read());
  auto c = memory::make_commit(2, 4);
  c.operations = {memory::op_add("chess", 3)};
  c.profile_existed = true;
  REQUIRE(w.write(c));
  CHECK(w.count("read") == 2);
  CHECK(w.count("replace") == 2);
  w.service().clear_stats();
  REQUIRE(w.read());
  auto quiet = memory::make_commit(4, 6);
  quiet.profile_existed = true;
  REQUIRE(w.write(quiet));
  CHECK(w.count("read") == 3);
  CHECK(w.count("replace") == 1);
  CHECK(w.record()->through == memory::msg(6));
}
