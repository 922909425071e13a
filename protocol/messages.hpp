// The messages of the actors, in the order of the flow: delivery, job, entered, loaded_job, analysed_job,
// job_done, settle, demand; then what the supervisor says to its children. Values only, no library handles.
// What may cross a node (all but the last group) is serialisable and carries its version in its type name: a
// published struct is never changed, a new one is added beside it (docs/design.md 2). Answers of the I/O
// loop stay in the process.
#pragma once

#include <caf/all.hpp>
#include <memory>
#include <string>
#include <vector>

#include "protocol/amqp/receiver_link.hpp"
#include "protocol/analysis/preparation.hpp"
#include "protocol/flow/dispatch.hpp"
#include "protocol/llm/analyst.hpp"

namespace mw {

/// receiver -> dispatcher: one event, taken against link credit.
struct delivery {
  int64_t sequence_number = 0;
  uint32_t delivery_count = 0;
  event_ids ids;
  int64_t completed_at_ms = 0;     ///< epoch ms, 0 unknown
  int64_t since_completed_ms = 0;  ///< how long ago, when it was received
  uint64_t token_high = 0;         ///< lock token, RFC order, as two numbers
  uint64_t token_low = 0;
  std::string unreadable;   ///< not empty: why the event cannot be read
  int64_t enqueued_ms = 0;  ///< epoch ms by the broker's clock, 0 unknown
};

/// dispatcher -> session_loader
struct job {
  flow::job_spec spec;
};

/// stage -> dispatcher: the job is in this stage now.
struct entered {
  uint64_t id = 0;
  uint32_t attempt = 0;
  flow::stage at = flow::stage::load;
};

/// session_loader -> llm_analyzer
struct loaded_job {
  flow::job_spec spec;
  analysis::loaded_conversation conversation;
  std::string
      saved_answer;  ///< the commit of an earlier try as JSON, for the same base and epoch; else empty
};

/// llm_analyzer -> memory_writer
struct analysed_job {
  flow::job_spec spec;
  memory::commit commit;
  bool covers_event = true;
  bool was_saved = false;  ///< the answer is in Redis already
  uint32_t calls_used = 0;
  uint32_t max_fresh_messages = 0;  ///< for the next round when the event is not covered
};

/// last stage of a job -> dispatcher
struct job_done {
  flow::job_result result;
};

/// dispatcher -> receiver
struct settle {
  std::vector<flow::settlement> settlements;
};

/// receiver -> dispatcher: nothing of these is ours any more.
struct settled {
  std::vector<int64_t> sequence_numbers;
};

/// receiver -> dispatcher
struct lock_lost {
  int64_t sequence_number = 0;
};

/// receiver -> dispatcher: the broker could not be told.
struct settlement_failed {
  int64_t sequence_number = 0;
};

/// receiver -> dispatcher: the release cannot be told, the delivery is held on.
struct not_released {
  int64_t sequence_number = 0;
};

/// downstream -> upstream: room for so many more.
struct demand {
  flow::stage from = flow::stage::load;
  uint32_t items = 0;
};

/// dispatcher -> receiver: link credit, or stop taking (drain).
struct intake {
  bool open = true;
  uint32_t credit = 0;
};

/// dispatcher -> receiver after its start: what earlier connections received.
struct adopt {
  std::vector<int64_t> sequence_numbers;
  std::vector<uint64_t> token_high;
  std::vector<uint64_t> token_low;
  std::vector<int64_t> latest_end_ns;  ///< nobody can have renewed it beyond; steady clock of this process
};

/// dispatcher -> session_loader: these jobs do not run any more, their bytes are free again.
struct freed {
  std::vector<uint64_t> jobs;
};

/// dispatcher -> analyzer or writer: call your dependency once; answered by probed.
struct probe {
  dependency about = dependency::none;
};
struct probed {
  dependency about = dependency::none;
  bool well = false;
};

/// receiver -> dispatcher: an intake that was closed is closed, nothing more comes on the old credit.
struct intake_closed {
  uint64_t generation = 0;
};

/// receiver -> dispatcher: the link is attached; unsettled deliveries of earlier connections may be adopted.
struct link_up {
  uint64_t generation = 0;
};

/// dispatcher -> session_loader: count a failure of this delivery in Redis, across redeliveries and replicas.
struct count_failure {
  uint64_t job = 0;
  int64_t sequence_number = 0;
};
/// session_loader -> dispatcher
struct failure_counted {
  uint64_t job = 0;
  uint32_t failures = 0;
};

/// admin -> dispatcher
struct flush_windows {
  std::string user;
  std::string session;
};

// --- supervisor <-> children
// ---------------------------------------------------------------------------------------

/// Where everybody is now; sent to all children whenever one was (re)started. A null pointer: it is
/// restarting.
struct routes {
  caf::strong_actor_ptr receiver;
  caf::strong_actor_ptr dispatcher;
  caf::strong_actor_ptr loader;
  caf::strong_actor_ptr analyzer;
  caf::strong_actor_ptr writer;
};

/// supervisor -> dispatcher: a stage's actor died.
struct stage_down {
  flow::stage at = flow::stage::load;
  uint64_t culprit = 0;  ///< job whose handler ran; 0 unknown
  bool away = false;     ///< its dependency was lost, nothing crashed
};

/// main -> supervisor -> dispatcher: stop intake, finish, give back the rest. Answered by drained.
struct drain {
  bool abort = false;          ///< the limit has passed
  bool without_stage = false;  ///< `gone` will not come back
  flow::stage gone = flow::stage::load;
};
struct drained {
  uint64_t left = 0;
};

// --- answers of the I/O loop to the actor that asked: local only
// ---------------------------------------------------

struct link_event {
  enum class what : uint8_t {
    ready,
    away,
    back,
    delivered,
    settled,
    settle_again,
    not_released,
    lock_lost,
    drained,
    closed
  };
  what kind = what::ready;
  int64_t sequence_number = 0;
  failure error;
  bool failed = false;
  std::chrono::milliseconds pause{};  ///< of `away`
  std::shared_ptr<amqp::incoming> received;
};

struct redis_event {
  bool ready = false;
  std::string run_id;
  failure closed;
};

struct fetched {
  uint64_t id = 0;
  uint32_t attempt = 0;
  failure error;
  bool failed = false;
  std::string conversation;
  std::string saved_answer;
  std::shared_ptr<memory::context> stored;
  bool leased_elsewhere = false;  ///< another replica works on this conversation
};

struct needs_room {
  uint64_t id = 0;
  uint32_t attempt = 0;
  uint64_t bytes = 0;
  std::shared_ptr<std::function<void()>> go;  ///< reads the conversation, on the loop thread
};

struct llm_answered {
  uint64_t id = 0;
  uint32_t attempt = 0;
  std::shared_ptr<const llm::answer> answer;  ///< null: the job has ended, nobody wants it
};

/// llm_analyzer's own: what became of a probe.
struct llm_probed {
  uint64_t number = 0;
  bool overdue = false;  ///< it should have been answered by now; its answer may still come
  bool sent = true;      ///< false: no file was left for it, nothing is known
  bool well = false;
  std::string detail;
};

/// The saved answer of a commit is in Redis, or could not be put there.
struct answer_saved {
  uint64_t id = 0;
  uint32_t attempt = 0;
};

struct committed {
  uint64_t id = 0;
  uint32_t attempt = 0;
  failure error;
  bool failed = false;
  memory::commit_reply reply;
};

/// main -> supervisor -> dispatcher and stages: services::settings was replaced.
using settings_changed = caf::atom_constant<caf::atom("settings")>;
using tick_message = caf::atom_constant<caf::atom("tick")>;

}  // namespace mw

#include "protocol/messages_inspect.hpp"

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(mw::link_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(mw::redis_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(mw::fetched)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(mw::needs_room)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(mw::llm_answered)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(mw::llm_probed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(mw::answer_saved)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(mw::committed)
