// One client connection: the socket, optional TLS, Proton's engine between two frame filters, and the links.
// connection.cpp moves bytes, links.cpp answers AMQP events, outcomes.cpp settles. Lives on the bus's loop;
// the broker creates it, calls it in steps and destroys it once done() is true. Locks held through a
// connection survive it until they expire.
#pragma once

#include <proton/connection_driver.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cmd/memory-devstack/bus/frames.hpp"
#include "cmd/memory-devstack/bus/requests.hpp"
#include "cmd/memory-devstack/tls/tls.hpp"

namespace mw::devstack {

class broker;
class connection;
struct outlet;

enum class link_kind : uint8_t { cbs, management, from_sender, to_receiver };

struct bus_link {
  link_kind kind{};
  connection* owner = nullptr;
  pn_link_t* handle = nullptr;
  found_node node;
  outlet* from = nullptr;     ///< to_receiver: what it receives from
  std::string address;        ///< as the client wrote it
  std::string reply_address;  ///< target address of a link to the client
  std::string name;
  bool receive_and_delete = false;
  uint64_t next_tag = 0;  ///< for replies
  /// Whoever comes back later looks whether it still lives; its address may be another one's by then.
  std::shared_ptr<void> life = std::make_shared<char>();
};

class connection {
 public:
  connection(broker& bus, int fd, std::shared_ptr<tls_context> tls);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  int fd() const { return fd_; }
  bool done() const { return dead_; }
  /// Epoll events of the socket.
  void on_events(uint32_t events);
  /// Encodes what the engine has to say and writes what the socket takes.
  void flush();
  /// Idle time-outs of the engine.
  void tick(int64_t monotonic_ms);
  /// Ends it with a TCP reset, as a cut cable would.
  void reset();

  /// True when so much is unsent that nothing more should be delivered through this link; the link's entity
  /// is marked dirty again once something was sent.
  bool congested(const bus_link& link);
  static int credit_of(const bus_link& link);
  /// Sends the next message of the link's entity, peek-locked or settled. False when there was none.
  bool deliver(bus_link& link);
  /// Answers drain: uses up the credit that is left. Nothing if the client does not drain.
  void drained(bus_link& link);
  /// Closes the chosen links with an error; returns how many.
  int detach(const std::function<bool(const bus_link&)>& chosen, const std::string& condition,
             const std::string& description);
  /// Closes the links whose token is past its life, as the service does; returns how many.
  uint64_t close_expired();
  /// Closes the connection with an error.
  void end(const std::string& condition, const std::string& description);
  size_t link_count() const { return links_.size(); }
  /// Expired once this is gone.
  std::weak_ptr<void> life() const { return life_; }

 private:
  void read_socket();
  void feed(std::string_view plain);
  void dispatch();
  void collect_output();
  size_t write_socket();
  void watch_for(uint32_t events);

  void handle(pn_event_t* event);
  void on_attach(pn_link_t* l);
  /// Fills in what the address means; the condition and text of a refusal otherwise.
  std::optional<std::pair<std::string, std::string>> resolve(bus_link& link, bool client_sends);
  void refuse_attach(pn_link_t* l, const std::string& condition, const std::string& description);
  void on_flow(pn_link_t* l);
  void on_delivery(pn_link_t* l, pn_delivery_t* d);
  void on_incoming(bus_link& link, pn_delivery_t* d);
  void accept_message(bus_link& link, pn_delivery_t* d, std::string_view bytes, uint32_t format);
  void answer_request(bus_link& link, std::string_view bytes);
  bus_link* reply_link(const bus_link& asked, std::string_view reply_to);
  void on_outcome(bus_link& link, pn_delivery_t* d);
  static void confirm(pn_delivery_t* d, uint64_t state, const std::string& condition,
                      const std::string& description);
  /// False when the lock is lost.
  bool apply_outcome(bus_link& link, pn_delivery_t* d, const amqp::uuid& token);
  void forget_link(pn_link_t* l);
  void on_link_end(pn_link_t* l, bool closed);
  void on_session_end(pn_session_t* s);

  const std::shared_ptr<void> life_ = std::make_shared<char>();
  broker& bus_;
  int fd_;
  std::unique_ptr<tls_session> tls_;
  pn_connection_driver_t driver_{};
  frame_scanner scanner_;
  frame_padder padder_;
  std::vector<std::unique_ptr<bus_link>> links_;
  std::vector<pn_session_t*> ended_sessions_;  // freed when their END was written
  granted_paths granted_;
  std::string plain_;    // scratch: decrypted input
  std::string message_;  // scratch: one message in or out
  std::string plain_out_;
  std::string out_;  // to the socket
  size_t out_at_ = 0;
  uint32_t watched_ = 0;
  bool starved_ = false;  // a link was skipped because of congestion
  bool input_ended_ = false;
  bool dead_ = false;
};

}  // namespace mw::devstack
