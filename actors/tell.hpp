// How the answers of an I/O loop reach an actor: by its weak address, at the end of the loop's turn, so that
// a turn that brought many answers wakes the actors' thread once. An actor that is gone gets nothing.
#pragma once

#include <utility>

#include "protocol/io/loop.hpp"
#include "protocol/messages.hpp"

namespace mw {

template <class Actor, class Message>
void tell(const caf::actor_addr& weak, Message message) {
  io::loop::at_turn_end([weak, message = std::move(message)]() mutable {
    if (const auto actor = caf::actor_cast<Actor>(weak)) caf::anon_send(actor, std::move(message));
  });
}

}  // namespace mw
