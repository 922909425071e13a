// A Redis cluster of real servers on this machine, each slot with one of the first nodes; plain, or with TLS
// (the announced addresses are 127.0.0.1, the certificate is for localhost, as Azure does it).
#pragma once

#include <memory>

#include "tests/unit/redis/fixture.hpp"

namespace redis_test {

class cluster {
 public:
  /// `primaries` share the slots; `more` servers have none.
  explicit cluster(size_t primaries, size_t more = 0, args options = {}, const authority* ca = nullptr,
                   const authority::certificate* certificate = nullptr);
  client_options options() const { return nodes_.front()->options(); }
  server& node(size_t i) { return *nodes_.at(i); }
  /// Runs a command on that node, over its plain port, and expects no error.
  reply ask(size_t i, args argv);
  std::string id(size_t i) { return ask(i, {"CLUSTER", "MYID"}).text; }
  /// The node that has this key's slot.
  size_t owner_of(const std::string& key);
  /// A key "session:N" of that node.
  std::string key_of(size_t node);
  void until_ok(size_t node);

 private:
  std::vector<std::unique_ptr<server>> nodes_;
  std::vector<std::unique_ptr<connection>> admins_;
};

}  // namespace redis_test
