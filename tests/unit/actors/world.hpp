// The whole worker in one thread and in virtual time: the real actors on CAF's test coordinator, and a bus, a
// Redis, an LLM and a memory store that do what a case says. Nothing runs but in run() and advance(); every
// answer of a fake comes on the test's thread. CAF itself is included by world.cpp alone.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actors/ports.hpp"
#include "protocol/config/settings.hpp"
#include "protocol/memory/store.hpp"
#include "protocol/observe/metrics.hpp"
#include "protocol/observe/trace/trace_book.hpp"

namespace mw::test {

using std::chrono::milliseconds;
using std::chrono::seconds;
using texts = std::vector<std::string>;

/// No window (an event is a job at once), no admin port, 10 jobs at once.
config::settings plain_settings();

/// The subscription. Settlements are recorded as "SEQUENCE KIND REASON".
struct fake_bus {
  bool reachable = true;
  bool answers = true;         ///< settlements
  bool drains_slowly = false;  ///< `drained` comes when the test calls the listener
  std::deque<failure> refuse;  ///< the next settlements are answered with these
  failure refusal = fail(dependency::bus, errc::unreachable, "no bus");  ///< while not reachable
  // --- what happened ---
  int connections = 0;
  bool attached = false;
  uint32_t credit = 0;  ///< of the present link, what was drained is gone
  int drains = 0;
  texts settled;
  std::vector<int64_t> adopted;  ///< by the present link
  std::vector<int64_t> given_up;
  std::set<int64_t> by_token;  ///< received by a link that has ended: no release
  amqp::listener listener;     ///< of the present link
};

struct fake_redis {
  bool reachable = true;
  std::string run_id = std::string{"run-1"};
  bool holds = false;                                ///< fetches wait in `held`
  std::map<std::string, std::string> conversations;  ///< by session; JSON
  std::map<std::string, std::string> answers;
  std::map<int64_t, uint32_t> failures;
  bool holds_leases = false;               ///< what asks for a lease waits in `held`
  std::set<std::string> leased_elsewhere;  ///< keys another process holds
  std::set<std::string> leases;            ///< keys this worker holds
  int renewals = 0;
  // --- what happened ---
  int connections = 0;
  int fetches = 0;
  std::vector<std::function<void()>> held;
  std::function<void(failure)> closed;
};

struct asked {
  texts messages;  ///< ids
  texts said;      ///< their texts
  std::string previous_summary;
  llm::call_limits limits;
  std::function<void(llm::answer)> done;  ///< empty once answered
};

/// Answers at once with a summary of the messages' ids, unless told otherwise.
struct fake_llm {
  bool holds = false;
  bool well = true;                   ///< as probes see it
  bool holds_probes = false;          ///< until answer_probes()
  memory::usage probe_costs;          ///< of each answered probe
  std::chrono::milliseconds takes{};  ///< as the answers to what was held say
  llm::quotas left;                   ///< as its answers say
  std::string summary;                ///< of its answers; empty: made of the messages' ids
  /// Of the next embeddings, where llm_analyzer.embeddings_endpoint is set; made up when empty.
  std::deque<failure> no_embeddings;
  bool holds_embeddings = false;
  std::deque<failure> failures;  ///< of the next calls
  std::function<std::optional<failure>(const llm::analysis_input&)> judge;
  /// Changes what a good answer says.
  std::function<void(const llm::analysis_input&, llm::analysis&)> says;
  std::string throws_at;  ///< a call about this message's text throws, once
  // --- what happened ---
  std::vector<asked> calls;
  texts embedded;  ///< what was to be embedded
  std::vector<std::function<void()>> held_embeddings;
  std::vector<std::function<void(llm::probe_answer)>> held_probes;
  int probes = 0;
  /// The `embed` port: {1, length of the text}.
  void embed(const std::string& text, std::function<void(llm::embedding)> done);
  /// The `analyse` port.
  void ask(const llm::analysis_input& input, const llm::call_limits& limits,
           std::function<void(llm::answer)> done);
  /// Answers everything that is held.
  void answer_all();
  void answer_probes(const status& how = ok);
  /// Everything that is held fails so.
  void fail_all(const failure& why);
  size_t held() const;
};

/// Behaves like the Memory API: the rules of protocol/memory over maps.
class fake_store : public memory::store {
 public:
  bool holds = false;
  bool throws_at_write = false;  ///< once
  std::deque<failure> refuse_reads;
  std::deque<failure> refuse_writes;
  std::deque<memory::commit_outcome> outcomes;  ///< of the next writes, instead of writing
  bool well = true;
  // --- what happened ---
  std::map<std::string, memory::record> records;  ///< by session
  std::map<std::string, memory::profile> profiles;
  std::vector<memory::commit> writes;  ///< asked for
  std::vector<std::function<void()>> held;
  texts* history = nullptr;

  void read(const std::string& user_id, const std::string& session_id,
            std::function<void(result<memory::context>)> done) override;
  void write(const memory::commit& c, std::string as_json,
             std::function<void(result<memory::commit_reply>)> done) override;
  void probe(std::function<void(status)> done) override;
  void let_go();

 private:
  memory::commit_reply apply(const memory::commit& c);
};

enum class actor_of : uint8_t { writer = 1, analyzer, loader, dispatcher, receiver };

class world {
 public:
  explicit world(config::settings s = plain_settings());
  ~world();
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  fake_bus bus;
  fake_redis redis;
  fake_llm llm;
  fake_store store;
  /// Commits and settlements in their order: "stored SESSION", "settled SEQUENCE KIND".
  texts history;
  observe::metrics metrics{"test"};
  /// Finished jobs as the exporters would get them.
  std::vector<std::shared_ptr<const observe::job_trace>> traced;

  /// A conversation of `messages` messages ("m1" the user's, "m2" the assistant's, ...) of that user.
  void converse(const std::string& user, const std::string& session, int messages);
  /// A conversation of one message, "m1" of the user.
  void converse(const std::string& user, const std::string& session, std::string text);
  /// The event of the conversation's last message arrives; spends a credit.
  void deliver(int64_t sequence, const std::string& user, const std::string& session, uint32_t count = 0,
               const std::string& traceparent = {});
  /// Both.
  void say(int64_t sequence, const std::string& user, const std::string& session, int messages = 2);

  /// Until nobody has anything to do.
  void run();
  /// Time passes, in steps.
  void advance(milliseconds by, milliseconds step = milliseconds{50});

  void lose_bus();
  /// The link ends, the connection lives.
  void lose_link(failure why, milliseconds pause);
  /// As /status tells it.
  std::string status_json() const;
  void lose_redis();
  /// Ends the actor as an uncaught fault would, nobody knows by which job.
  void crash(actor_of which);
  int starts(actor_of which) const;
  /// As SIGHUP with a changed file.
  void reload(config::settings s);
  /// As SIGTERM.
  void shut_down();
  bool ended() const;
  /// Why the supervisor ended; empty: normally.
  std::string end_reason() const;

  uint64_t bytes_held() const;
  size_t answers_kept() const;

 private:
  struct inside;
  std::unique_ptr<inside> inside_;
};

}  // namespace mw::test
