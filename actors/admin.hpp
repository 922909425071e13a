// admin: the HTTP port for people and probes: /metrics, /health/live, /health/ready, /status, and POST
// /flush?user=&session= which closes windows now. Owns the server; requests are answered on its threads from
// the metrics and the status board, never by asking an actor. A port that is taken ends this actor; the
// supervisor tries again with back-off.
#pragma once

#include "actors/interfaces.hpp"
#include "actors/services.hpp"
#include "protocol/http/server.hpp"

namespace mw {

class admin_state {
 public:
  static constexpr const char* name = "admin";
  void init(admin_actor::pointer self, std::shared_ptr<services> s);
  admin_actor::behavior_type behavior();

 private:
  /// The dispatcher as the server's threads see it.
  struct target {
    std::mutex mutex;
    dispatcher_actor dispatcher;
  };
  admin_actor::pointer self_ = nullptr;
  std::shared_ptr<services> services_;
  std::shared_ptr<target> target_ = std::make_shared<target>();
  std::unique_ptr<http::server> server_;
};

admin_actor::behavior_type admin(admin_actor::stateful_pointer<admin_state> self,
                                 std::shared_ptr<services> s);

}  // namespace mw
