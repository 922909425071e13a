// bench-cosmos: what one event costs in Cosmos DB. The worker's store reads and commits conversations of
// several rounds against the strict stand-in in this process, behind a loopback socket; printed is one JSON
// object: requests and bytes by operation per event, sizes of the documents, CPU of the client's side as the
// whole process has it, and the charge by the stand-in's model, which is not the real service's.
#include <fmt/format.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <future>
#include <random>

#include "cmd/memory-devstack/cosmos/service.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/cosmos/document_store.hpp"
#include "protocol/cosmos/signing.hpp"

namespace mw::bench {
namespace {

constexpr std::string_view key = "YSBrZXkgZm9yIG1lYXN1cmluZyBvbmx5LCBub3QgYSBzZWNyZXQ=";
constexpr size_t dimensions = 3'072;
constexpr int rounds = 10;  // commits of one conversation; the first creates both documents

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "bench-cosmos: %s\n", why.c_str());
  std::exit(1);
}

struct scenario {
  std::string name;
  bool embedded = false;
  bool index_vectors = false;
  int operations = 1;  ///< per event after the first, which always has one
};

/// A unit vector's coordinates, as an embeddings deployment returns them.
std::vector<float> embedding(std::mt19937& random) {
  std::normal_distribution<float> coordinate{0, 0.018F};
  std::vector<float> out(dimensions);
  for (float& v : out) v = coordinate(random);
  return out;
}

memory::watermark message(int n) {
  return {fmt::format("8f14e45f-ceea-467f-9c1b-{:012d}_user", n),
          fmt::format("2026-11-23T11:{:02}:{:02}.000000+00:00", n / 60, n % 60)};
}

memory::commit commit_of(size_t user, int round, const scenario& s, std::mt19937& random) {
  memory::commit c;
  c.user_id = fmt::format("user-{:07}", user);
  c.session_id = fmt::format("3c59dc04-8e8d-4a50-b5c6-{:012}", user);
  c.profile_existed = round > 0;
  if (round > 0) c.base = message(round * 2);
  for (int n = round * 2 + 1; n <= round * 2 + 2; ++n) c.span.push_back(message(n));
  c.through = c.span.back();
  c.summary = fmt::format("Round {}. ", round) + std::string(400, 'x');
  c.themes = {"marathon training", "injury prevention", "nutrition", "weekend travel", "running shoes"};
  c.persons = {"Ann Miller", "Coach Bert"};
  c.places = {"Lisbon", "Oslo"};
  c.model = "gpt-4o-2024-11-20";
  c.used = {2'400, 260, 1'024, 0, 1};
  if (s.embedded) c.embedding = embedding(random);
  const int operations = round == 0 ? std::max(s.operations, 1) : s.operations;
  for (int i = 0; i < operations; ++i)
    c.operations.push_back({memory::op_kind::add, memory::category::interests,
                            fmt::format("long-distance running and topic number {}-{}", round, i), "",
                            "I really enjoy running long distances at the weekend", c.through});
  return c;
}

double cpu_us() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto us = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
  };
  return us(used.ru_utime) + us(used.ru_stime);
}

/// Starts a call and waits for its answer.
template <class T, class Start>
T wait_for(Start&& start) {
  std::promise<result<T>> answer;
  start([&answer](result<T> r) { answer.set_value(std::move(r)); });
  auto r = answer.get_future().get();
  if (!r) give_up(to_string(r.error()));
  return std::move(*r);
}

void measure(const scenario& s, size_t users, json_writer& out) {
  cosmos_standin::service_options options;
  options.who.key = *cosmos::decode_key(key);
  options.index_vectors = s.index_vectors;
  cosmos_standin::service account{options};
  auto server = http::server::start({}, [&](const http::server_request& r) { return account.handle(r); });
  if (!server) give_up(server.error().detail);
  io::loop_thread loop;
  http::client client{loop.get(), {}};
  cosmos::store_options to;
  to.account.endpoint = fmt::format("http://127.0.0.1:{}", (*server)->port());
  to.account.database = "memory_db";
  to.account.key = key;
  auto store = cosmos::document_store::make(loop.get(), client, to);
  if (!store) give_up(store.error().detail);
  std::mt19937 random{7};
  const double before = cpu_us();
  for (size_t user = 0; user < users; ++user)
    for (int round = 0; round < rounds; ++round) {
      const auto c = commit_of(user, round, s, random);
      wait_for<memory::context>([&](auto done) { (*store)->read(c.user_id, c.session_id, std::move(done)); });
      const auto reply =
          wait_for<memory::commit_reply>([&](auto done) { (*store)->write(c, {}, std::move(done)); });
      if (reply.outcome != memory::commit_outcome::stored) give_up("a commit was not stored");
    }
  const double events = static_cast<double>(users) * rounds;
  out.key(s.name).begin_object();
  double charge = 0;
  for (const auto& [operation, n] : account.stats()) {
    charge += n.charge;
    out.field(operation + "s_per_event", static_cast<double>(n.requests) / events);
    out.field(operation + "_bytes_in_per_event", static_cast<double>(n.bytes_in) / events);
    out.field(operation + "_bytes_out_per_event", static_cast<double>(n.bytes_out) / events);
  }
  const auto c = commit_of(0, rounds - 1, s, random);
  out.field("record_bytes",
            static_cast<uint64_t>(
                account.stored("conversations", c.user_id, c.session_id + "_" + c.user_id).size()));
  out.field("profile_bytes",
            static_cast<uint64_t>(account.stored("user-memories", c.user_id, c.user_id).size()));
  out.field("modelled_request_units_per_event", charge / events);
  out.field("cpu_us_per_event_with_stand_in", (cpu_us() - before) / events);
  out.end_object();
}

int run(size_t users) {
  std::string text;
  json_writer out{text};
  out.begin_object();
  for (const scenario& s :
       {scenario{"plain", false, false, 1}, scenario{"no_operations", false, false, 0},
        scenario{"embedded", true, false, 1}, scenario{"embedded_and_indexed", true, true, 1}})
    measure(s, users, out);
  out.end_object();
  fmt::print("{}\n", text);
  return 0;
}

}  // namespace
}  // namespace mw::bench

int main(int argc, char** argv) {
  const int users = argc > 1 ? std::atoi(argv[1]) : 200;
  if (users < 1) mw::bench::give_up("usage: bench-cosmos [USERS]");
  return mw::bench::run(static_cast<size_t>(users));
}
