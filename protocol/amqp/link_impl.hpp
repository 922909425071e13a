// The inside of receiver_link; included by its .cpp files only. Commands come from any thread through a list;
// everything else runs on the loop's thread. Its parts: link_setup.cpp (connect, attach), link_tokens.cpp
// (`$cbs`), link_repair.cpp (ended links), link_impl.cpp (commands, timer, callbacks, end) and
// link_deliveries.cpp (deliveries, settlement, renewal).
#pragma once

#include <atomic>
#include <deque>
#include <mutex>
#include <random>
#include <unordered_map>
#include <variant>

#include "protocol/amqp/connection.hpp"
#include "protocol/amqp/delivery_decode.hpp"
#include "protocol/amqp/lock_schedule.hpp"
#include "protocol/amqp/management.hpp"
#include "protocol/amqp/receiver_link.hpp"
#include "protocol/amqp/request_link.hpp"

namespace mw::amqp {

class receiver_link::impl : public std::enable_shared_from_this<receiver_link::impl> {
 public:
  struct start_command {};
  struct credit_command {
    uint32_t n;
  };
  struct drain_command {};
  struct settle_command {
    int64_t sequence_number;
    outcome what;
  };
  struct adopt_command {
    std::vector<held_lock> locks;
  };
  struct give_up_command {
    int64_t sequence_number;
  };
  struct peek_command {
    int64_t from;
    uint32_t count;
    std::function<void(result<std::vector<peeked>>)> done;
  };
  struct stop_command {};
  using command = std::variant<start_command, credit_command, drain_command, settle_command, adopt_command,
                               give_up_command, peek_command, stop_command>;

  impl(io::loop& loop, link_options options, listener l);

  // any thread
  void submit(command c);
  void silence();
  link_counters counters() const;

 private:
  using time = io::clock::time_point;
  /// `away`: was ready, waits to attach again; `ending`: what is under way is settled, then it ends.
  enum class stage { idle, connecting, opening, authorising, attaching, ready, away, ending, closed };
  struct grant {
    std::string audience;
    bool granted = false;
    bool asked = false;
    bool refused = false;  ///< 401, and asked for another token since
    std::optional<time> refresh_at;
    time expires{};
    time sent_expires{};  ///< of the token whose answer is awaited
    time sent_at{};       ///< when that was sent
  };
  /// Kept for every unsettled delivery: it must stay small.
  struct held {
    lock_token token{};
    uint32_t delivery_id = 0;
    bool on_link = false;  ///< else settled by token
    bool settling = false;
  };
  struct settlement {
    int64_t sequence_number;
    outcome what;
    time since;
  };

  // link_impl.cpp
  void run_commands();
  void run(start_command c);
  void run(credit_command c);
  void run(drain_command c);
  void run(settle_command c);
  void run(adopt_command c);
  void run(give_up_command c);
  void run(peek_command c);
  void run(stop_command c);
  void on_event(pn_event_t* e);
  void on_pumped();
  void on_ended(failure f);
  void on_timer(time now);
  void arm();
  std::optional<time> next_deadline();
  template <class... A>
  void tell(const std::function<void(A...)>& callback, A... a) {
    const std::lock_guard lock{callback_mutex_};
    if (!silent_ && callback) callback(std::move(a)...);
  }
  void report_settled(int64_t sequence_number, status s);
  /// A request to the broker ended.
  void count(const failure* error, time since) const {
    if (options_.told) options_.told(error, io::clock::now() - since);
  }
  void count(const status& s, time since) const { count(s ? nullptr : &s.error(), since); }

  // link_setup.cpp
  void enter(stage s);
  void connect();
  void authorise();
  void proceed();
  void open_cbs();
  void open_management();
  void open_receiver();
  void on_attached(pn_link_t* link);
  void become_ready();
  std::string where() const;

  // link_tokens.cpp
  void ask_token(size_t grant_index);
  void on_token(size_t grant_index, result<link_options::token> token);
  void on_grant(size_t grant_index, result<reply> r);
  void token_trouble(size_t grant_index, failure f, reaction r);
  void refresh_tokens(time now);

  // link_repair.cpp
  void on_link_ended(pn_link_t* link);
  void lose_receiver();
  void interrupted(failure f, reaction r);
  void settle_rest();
  void repair();
  void end_after_settling(failure f);
  void check_ending();
  /// Was ready once, and the connection lives: what is held is renewed and settled.
  bool lives() const { return was_ready_ && stage_ != stage::closed; }
  bool management_usable() const { return management_ && management_->attached(); }

  // link_deliveries.cpp
  void on_delivery(pn_delivery_t* d);
  void accept_delivery(decoded_delivery d, uint32_t delivery_id);
  void settle(int64_t sequence_number, outcome what);
  void settle_on_link(int64_t sequence_number, held& h, outcome what);
  void settle_by_token(int64_t sequence_number, held& h, outcome what);
  void on_settled_by_token(int64_t sequence_number, const lock_token& token, time since, result<reply> r);
  void flush_dispositions();
  void on_disposition(const remote_disposition& d);
  void finish_settlement(uint32_t delivery_id, settlement s, const remote_disposition& d);
  void lost_by_broker(uint32_t first, uint32_t last);
  void expire_settlements(time now);
  void drop_answered_deadlines();
  void settle_rest_by_token();
  void flow(uint32_t credit);
  void check_drained();
  void finish_drain();
  void renew_due(time now);
  void on_renewed(uint64_t batch, size_t tokens, time sent, result<reply> r);
  void report_lost(const std::vector<int64_t>& sequence_numbers);
  void forget(int64_t sequence_number);

  io::loop& loop_;
  const link_options options_;
  const listener listener_;
  const std::string name_;

  std::mutex command_mutex_;  // guards the two below
  std::vector<command> commands_;
  bool posted_ = false;
  std::mutex callback_mutex_;  // held during a callback; guards silent_
  bool silent_ = false;

  stage stage_ = stage::idle;
  std::unique_ptr<connection> connection_;
  std::unique_ptr<request_link> cbs_;
  std::unique_ptr<request_link> management_;
  pn_session_t* cbs_session_ = nullptr;
  pn_session_t* receiver_session_ = nullptr;
  pn_session_t* management_session_ = nullptr;
  pn_link_t* receiver_ = nullptr;
  bool receiver_open_ = false;
  bool was_ready_ = false;
  std::vector<grant> grants_;
  std::optional<failure> end_reason_;
  std::optional<time> phase_deadline_;  ///< of the stages before ready, and of `ending`
  std::optional<time> repair_at_;       ///< of `away`
  time connecting_since_{};
  time ready_since_{};
  unsigned repairs_ = 0;  ///< since a link stayed attached
  std::mt19937_64 random_;

  uint64_t credit_waiting_ = 0;  ///< granted while not ready or during a drain
  std::optional<time> drain_deadline_;
  unsigned drains_asked_ = 0;
  std::unordered_map<int64_t, held> held_;
  lock_schedule locks_;
  std::unordered_map<uint32_t, settlement> settling_;  ///< by delivery id
  std::deque<std::pair<time, uint32_t>> settling_deadlines_;
  std::vector<settlement> settle_when_ready_;
  size_t by_token_under_way_ = 0;
  struct disposition_run {
    uint32_t first;
    uint32_t last;
    outcome what;
  };
  std::optional<disposition_run> run_;
  std::string message_;  ///< reused buffer

  io::timer_id linger_timer_ = 0;
  io::timer_id timer_ = 0;
  time timer_at_{};

  struct {
    std::atomic<uint64_t> renewed{0}, renew_requests{0}, locks_lost{0}, settled{0}, bytes_in{0}, bytes_out{0};
  } counters_;
};

}  // namespace mw::amqp
