// receiver: the one that talks to the Service Bus (docs/design.md 2). Takes deliveries against the credit the
// dispatcher grants, decodes the event, passes it on; it alone settles, renews locks and attaches an ended
// link again (inside amqp::receiver_link), and reconnects: when the connection ends, this actor ends with
// connection_lost, throttled, or why the bus refuses us, and the supervisor's back-off is the reconnect
// policy. Owns the set of unsettled deliveries and replays it to a restarted dispatcher.
// Every dispatcher hears intake_closed once by itself: from then on nothing comes on its predecessor's
// credit.
#pragma once

#include <deque>
#include <unordered_map>
#include <unordered_set>

#include "actors/interfaces.hpp"
#include "actors/services.hpp"

namespace mw {

class receiver_state {
 public:
  static constexpr const char* name = "receiver";
  void init(receiver_actor::pointer self, std::shared_ptr<services> s);
  receiver_actor::behavior_type behavior();

 private:
  void take_routes(const routes& r);
  void forget_grants();
  void take_link(const link_event& e);
  void take_delivered(const amqp::incoming& in);
  void forget(int64_t sequence_number);
  void take_settled(const link_event& e);
  bool try_again(const link_event& e);
  void settle_by_token(int64_t sequence_number);
  void take_away(const link_event& e);
  void settle_all(const settle& s);
  void drain_link(bool asked);
  void tell_closed();
  void take_drained();
  void adopt_all(const adopt& a);
  void count_link();

  receiver_actor::pointer self_ = nullptr;
  std::shared_ptr<services> services_;
  std::unique_ptr<bus_port> link_;
  routes routes_;
  bool ready_ = false;
  std::deque<bool> drains_;        ///< of the link, not answered yet; whether the dispatcher waits for it
  std::vector<int64_t> released_;  ///< to be given back once the link has no credit
  uint64_t renewals_counted_ = 0;
  std::unordered_map<int64_t, delivery> unsettled_;
  std::unordered_set<int64_t>
      adopted_;  ///< received by an earlier connection: only the dispatcher knows them
  std::unordered_map<int64_t, flow::settlement> pending_settlements_;  ///< settlements without an answer yet
  std::unordered_set<int64_t> second_try_;  ///< refused once, tried again by lock token
};

receiver_actor::behavior_type receiver(receiver_actor::stateful_pointer<receiver_state> self,
                                       std::shared_ptr<services> s);

}  // namespace mw
