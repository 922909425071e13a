// One connection to one Redis server: TLS, log-in (password, ACL user, or an Entra token renewed on the live
// connection), pipelined commands with their time-outs. Made by the client, one per server; everything on the
// loop's thread. It is ready once and ends once; the owner hears of both. A command answered NOAUTH logs in
// anew and is sent again, once. What ends the connection is described in client.hpp.
#pragma once

#include <deque>
#include <optional>

#include "protocol/azure/token_source.hpp"
#include "protocol/redis/client.hpp"
#include "protocol/redis/reply_reader.hpp"
#include "protocol/redis/transport.hpp"
#include "protocol/tls/client_session.hpp"

namespace mw::redis {

/// In `redirects`: it was answered NOAUTH and is on its way again.
inline constexpr uint8_t again_bit = 0x80;

/// A command whose bytes stand in a buffer beside it.
struct queued {
  client::reply_fn done;
  size_t bytes = 0;
  uint8_t redirects = 0;
};

/// A command that is to be sent somewhere else.
struct misdirected {
  std::string bytes;
  client::reply_fn done;
  uint8_t redirects = 0;
};

class node : public std::enable_shared_from_this<node> {
 public:
  class owner {
   public:
    virtual ~owner() = default;
    /// INFO server's text; empty where the user may not ask.
    virtual void node_ready(node& n, const std::string& info) = 0;
    /// Replies are about to be handed out / have been.
    virtual void replies_begin() = 0;
    virtual void replies_end() = 0;
    /// `line` is a MOVED or ASK; false: the owner follows none, the command gets the error.
    virtual bool redirected(node& n, misdirected& command, std::string_view line) = 0;
    /// Before the pending commands get their answers, and after. `others` is what those not at fault get.
    virtual void node_ending(node& n, const failure& why, const failure& others) = 0;
    virtual void node_ended(node& n, const failure& why) = 0;
  };
  struct address {
    std::string host;
    uint16_t port = 0;
    std::string verified_name;
  };
  /// `tls` null: plain. Options and owner must outlive the node.
  node(io::loop& loop, owner& o, const client_options& options, address where, tls::context tls);

  void start();
  /// Before `ready` kept until then. `bytes` are the commands' bytes, one after the other.
  void send(std::string_view bytes, std::vector<queued> commands);
  /// ASKING and the command behind it.
  void send_asking(std::string_view bytes, queued command);
  void end(failure why, bool first_is_at_fault);

  bool is_ready() const { return ready_ && !over_; }
  bool was_ready() const { return ready_; }
  bool is_over() const { return over_.has_value(); }
  const address& at() const { return address_; }

 private:
  struct pending {
    client::reply_fn done;
    io::clock::time_point deadline;
    size_t bytes = 0;  ///< of kept_; 0: ours (log-in, ASKING), not to be sent again
    uint8_t redirects = 0;
  };
  // --- log-in: node_login.cpp ---
  void log_in();
  void with_token(std::function<void(result<azure::access_token>)> use);
  void say_hello(const std::optional<azure::access_token>& token);
  void hello_answered(result<reply> info);
  bool may_log_in_again() const;
  void log_in_again(misdirected command);
  void logged_in_again();
  void renew_login();
  void plan_renewal();
  void send_auth(const azure::access_token& token, std::function<void()> accepted);
  failure token_trouble(const failure& why) const;
  failure refused_login(failure why);

  // --- pipeline: node.cpp ---
  void write_own(const std::vector<std::string>& argv, io::clock::time_point deadline, client::reply_fn done);
  bool on_reply(raw_reply r);
  void on_error(pending p, misdirected command, const std::string& line);
  void answer(const pending& p, result<reply> r);
  void tell_of_connection(const failure* error);
  void on_bytes(std::string_view bytes);
  void on_transport_end(failure why);
  std::string_view first_kept(size_t bytes) const;
  void drop_kept(size_t bytes);
  void send_early();
  void watch_deadlines();
  void on_deadline();
  failure lost(const failure& why) const;

  io::loop& loop_;
  owner& owner_;
  const client_options& options_;
  const address address_;
  const std::string where_;
  const tls::context tls_;
  std::unique_ptr<transport> transport_;
  reply_reader reader_;
  std::deque<pending> waiting_;
  std::string kept_;  ///< bytes of the commands in waiting_, from kept_head_ on
  size_t kept_head_ = 0;
  std::string early_bytes_;
  std::vector<queued> early_;
  io::clock::time_point started_{};
  bool ready_ = false;
  std::optional<failure> over_;  ///< what a command gets now
  io::timer_id connect_timer_ = 0;
  io::timer_id deadline_timer_ = 0;

  std::optional<failure> login_failed_;
  azure::access_token token_;  ///< in use
  bool token_is_new_ = false;
  bool logging_in_again_ = false;
  std::vector<misdirected> after_login_;
  io::timer_id renewal_timer_ = 0;
};

}  // namespace mw::redis
