// Deliveries to the client and what it makes of them: transfer, disposition, confirmation.
#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/link.h>

#include "cmd/memory-devstack/bus/broker.hpp"
#include "cmd/memory-devstack/bus/proton_text.hpp"

namespace mw::devstack {

bool connection::deliver(bus_link& link) {
  entity& from = *link.node.from;
  const amqp::uuid token = bus_.new_token();
  const wall_ms now = bus_.now();
  message_.clear();
  if (link.receive_and_delete) {
    const auto taken = from.take_and_delete(now);
    if (!taken) return false;
    encode_message(*taken->second.what, from.stamp_of({taken->first, taken->second}), message_);
  } else {
    const auto* taken = from.take_locked(now, token);
    if (taken == nullptr) return false;
    encode_message(*taken->second.what, from.stamp_of(*taken), message_);
  }
  const std::string tag = amqp::tag_of_token(token);
  pn_delivery_t* d = pn_delivery(link.handle, pn_dtag(tag.data(), tag.size()));
  pn_link_send(link.handle, message_.data(), message_.size());
  pn_link_advance(link.handle);
  if (link.receive_and_delete) pn_delivery_settle(d);
  bus_.touch(*this);
  return true;
}

bool connection::apply_outcome(bus_link& link, pn_delivery_t* d, const amqp::uuid& token) {
  entity& from = *link.node.from;
  const wall_ms now = bus_.now();
  pn_disposition_t* remote = pn_delivery_remote(d);
  switch (pn_delivery_remote_state(d)) {
    case PN_ACCEPTED:
      return from.complete(token, now);
    case PN_RELEASED:
      return from.release(token, now);
    case PN_REJECTED:
      return from.dead_letter(token, now, properties_of(pn_condition_info(pn_disposition_condition(remote))));
    default: {  // modified; delivery-failed is not looked at, as in the real service
      const auto changes = properties_of(pn_disposition_annotations(remote));
      return pn_disposition_is_undeliverable(remote) ? from.defer(token, now, changes)
                                                     : from.abandon(token, now, changes);
    }
  }
}

void connection::on_outcome(bus_link& link, pn_delivery_t* d) {
  const uint64_t state = pn_delivery_remote_state(d);
  const bool outcome =
      state == PN_ACCEPTED || state == PN_RELEASED || state == PN_REJECTED || state == PN_MODIFIED;
  if (!outcome || link.receive_and_delete) {
    // Settled without an outcome says nothing about the message: its lock runs out.
    if (pn_delivery_settled(d)) {
      pn_delivery_settle(d);
    } else {
      pn_delivery_clear(d);
    }
    return;
  }
  const pn_delivery_tag_t tag = pn_delivery_tag(d);
  const auto token = amqp::token_of_tag({tag.start, tag.size});
  std::string condition;
  std::string description;
  faults& f = bus_.pending_faults();
  if (f.dispositions > 0) {
    --f.dispositions;
    condition = f.disposition_condition;
    description = "Refused on request of the admin port.";
  } else if (!token || !apply_outcome(link, d, *token)) {
    condition = lock_lost_condition;
    description = lock_lost_text;
  }
  if (f.settle_delay.count() == 0) return confirm(d, state, condition, description);
  bus_.later(f.settle_delay, *this,
             [this, life = std::weak_ptr{link.life}, d, state, condition, description] {
               // Without its link nobody waits for the answer, and the delivery is gone.
               if (life.expired()) return;
               confirm(d, state, condition, description);
               bus_.touch(*this);
             });
}

// The service echoes the outcome it applied; a rejection with an error means that it did not.
void connection::confirm(pn_delivery_t* d, uint64_t state, const std::string& condition,
                         const std::string& description) {
  if (!pn_delivery_settled(d)) {  // else nobody waits for the answer
    if (condition.empty()) {
      pn_delivery_update(d, state);
    } else {
      set_condition(pn_disposition_condition(pn_delivery_local(d)), condition, description);
      pn_delivery_update(d, PN_REJECTED);
    }
  }
  pn_delivery_settle(d);
}

}  // namespace mw::devstack
