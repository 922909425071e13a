#include "tests/unit/redis/cluster_fixture.hpp"

#include "protocol/redis/cluster.hpp"

namespace redis_test {

using mw::redis::slot_count;
using mw::redis::slot_of;

cluster::cluster(size_t primaries, size_t more, args options, const authority* ca,
                 const authority::certificate* certificate) {
  std::vector<uint16_t> bus_ports;
  for (size_t i = 0; i < primaries + more; ++i) {
    bus_ports.push_back(free_port());
    args own{"--cluster-enabled",
             "yes",
             "--cluster-port",
             std::to_string(bus_ports.back()),
             "--cluster-node-timeout",
             "1500",
             "--cluster-require-full-coverage",
             "no"};
    own.insert(own.end(), options.begin(), options.end());
    if (ca) {
      own.insert(own.end(), {"--tls-cluster", "yes"});
      nodes_.push_back(std::make_unique<server>(*ca, *certificate, own));
    } else {
      nodes_.push_back(std::make_unique<server>(own));
    }
    admins_.push_back(std::make_unique<connection>(nodes_.back()->options()));
  }
  const size_t share = slot_count / primaries;
  for (size_t i = 0; i < primaries; ++i)
    ask(i, {"CLUSTER", "ADDSLOTSRANGE", std::to_string(i * share),
            std::to_string(i + 1 == primaries ? slot_count - 1 : (i + 1) * share - 1)});
  for (size_t i = 1; i < nodes_.size(); ++i)
    ask(0, {"CLUSTER", "MEET", "127.0.0.1", std::to_string(ca ? nodes_[i]->tls_port() : nodes_[i]->port()),
            std::to_string(bus_ports[i])});
  const std::string known = "cluster_known_nodes:" + std::to_string(nodes_.size());
  for (size_t i = 0; i < nodes_.size(); ++i) {
    until("all nodes know each other", [&] { return names(ask(i, {"CLUSTER", "INFO"}).text, known); });
    until("all slots are assigned", [&] {
      return names(ask(i, {"CLUSTER", "INFO"}).text, "cluster_slots_ok:" + std::to_string(slot_count));
    });
    until_ok(i);
  }
}

reply cluster::ask(size_t i, args argv) {
  auto r = take(admins_.at(i)->send(argv));
  // A node that was killed and started again needs a new connection.
  if (!r && r.error().code == errc::connection_lost) {
    admins_[i] = std::make_unique<connection>(nodes_.at(i)->options());
    r = admins_[i]->call(std::move(argv));
  }
  const std::string problem = r ? std::string{} : to_string(r.error());
  REQUIRE(problem == "");
  return std::move(*r);
}

size_t cluster::owner_of(const std::string& key) {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const auto slots = ask(i, {"CLUSTER", "SLOTS"});
    for (const auto& range : slots.items)
      if (range.items[0].integer <= slot_of(key) && slot_of(key) <= range.items[1].integer &&
          range.items[2].items[2].text == id(i))
        return i;
  }
  FAIL("no node has this slot");
  return 0;
}

std::string cluster::key_of(size_t node) {
  for (int i = 0;; ++i) {
    auto key = "session:" + std::to_string(i);
    if (owner_of(key) == node) return key;
  }
}

void cluster::until_ok(size_t node) {
  until("the cluster is well", [&] {
    return names(ask(node, {"CLUSTER", "INFO"}).text, "cluster_state:ok");
  });
}

}  // namespace redis_test
