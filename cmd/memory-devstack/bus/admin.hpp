// What the admin port can be asked (bus_help() in options.cpp lists it). Every call is one step of the
// broker, so what it causes is on its way when the answer is written. Unknown paths are 404, bodies that are
// not what is expected 400 with {"error": text}.
#pragma once

#include "cmd/memory-devstack/bus/admin_http.hpp"
#include "cmd/memory-devstack/bus/broker.hpp"

namespace mw::devstack {

admin_reply answer_admin(broker& bus, const admin_request& request);

}  // namespace mw::devstack
