// How an actor ends: by a crash in a job (the culprit's id travels with the reason), or because its
// dependency's connection was lost. An exception must not leave a handler: CAF would end the actor without
// saying whose job it was.
#pragma once

#include <exception>
#include <string>

#include "protocol/base/errors.hpp"
#include "protocol/messages.hpp"

namespace mw {

inline caf::error down_reason(errc code, uint64_t job, const std::string& detail) {
  return caf::error{static_cast<uint8_t>(code), caf::atom("mw"), caf::make_message(job, detail)};
}

struct down_info {
  errc code = errc::crashed;
  uint64_t job = 0;
  std::string detail;
};

/// What a dead child's reason says; anything that is not ours is a crash with unknown culprit.
inline down_info read_down_reason(const caf::error& reason, const caf::actor_system& system) {
  if (reason.category() != caf::atom("mw")) return {errc::crashed, 0, system.render(reason)};
  down_info info;
  info.code = static_cast<errc>(reason.code());
  if (reason.context().match_elements<uint64_t, std::string>()) {
    info.job = reason.context().get_as<uint64_t>(0);
    info.detail = reason.context().get_as<std::string>(1);
  }
  return info;
}

/// Runs a handler on behalf of a job (0: of none); an exception ends the actor with the job as culprit.
template <class Self, class F>
void guarded(Self* self, uint64_t job, F&& handler) {
  try {
    handler();
  } catch (const std::exception& e) {
    self->quit(down_reason(errc::crashed, job, e.what()));
  } catch (...) {
    self->quit(down_reason(errc::crashed, job, "unknown exception"));
  }
}

}  // namespace mw
