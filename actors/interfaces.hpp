// Who understands what: the typed interface of every actor, in the order of the flow. Handles travel as
// pointers in `routes` and are cast back here; a null handle means the actor is being restarted, and what
// would have been said to it is said again by whoever needs it when it is back.
#pragma once

#include "protocol/messages.hpp"

namespace mw {

using caf::reacts_to;

using receiver_actor = caf::typed_actor<reacts_to<routes>, reacts_to<settle>, reacts_to<intake>,
                                        reacts_to<adopt>, reacts_to<link_event>, reacts_to<tick_message>>;

using dispatcher_actor =
    caf::typed_actor<reacts_to<routes>, reacts_to<delivery>, reacts_to<settled>, reacts_to<lock_lost>,
                     reacts_to<settlement_failed>, reacts_to<not_released>, reacts_to<link_up>,
                     reacts_to<intake_closed>, reacts_to<demand>, reacts_to<entered>, reacts_to<job_done>,
                     reacts_to<failure_counted>, reacts_to<stage_down>, reacts_to<probed>,
                     reacts_to<flush_windows>, reacts_to<drain>, reacts_to<settings_changed>,
                     reacts_to<tick_message, uint64_t>>;

using loader_actor =
    caf::typed_actor<reacts_to<routes>, reacts_to<job>, reacts_to<demand>, reacts_to<freed>,
                     reacts_to<count_failure>, reacts_to<redis_event>, reacts_to<needs_room>,
                     reacts_to<fetched>, reacts_to<settings_changed>, reacts_to<tick_message>>;

using analyzer_actor = caf::typed_actor<reacts_to<routes>, reacts_to<loaded_job>, reacts_to<demand>,
                                        reacts_to<probe>, reacts_to<llm_probed>, reacts_to<llm_answered>,
                                        reacts_to<settings_changed>, reacts_to<tick_message, uint64_t>>;

using writer_actor =
    caf::typed_actor<reacts_to<routes>, reacts_to<analysed_job>, reacts_to<probe>, reacts_to<answer_saved>,
                     reacts_to<committed>, reacts_to<settings_changed>, reacts_to<tick_message>>;

using admin_actor = caf::typed_actor<reacts_to<routes>>;

/// The actor behind a pointer of `routes`; empty where it is null.
template <class Handle>
Handle handle_of(const caf::strong_actor_ptr& p) {
  return p ? caf::actor_cast<Handle>(p) : Handle{};
}

}  // namespace mw
