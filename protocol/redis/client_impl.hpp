// What a client is made of: the inbox any thread may put commands into, and on the loop's thread the node
// they go to; in a cluster the nodes by their address and the map of slots. Included by client*.cpp only.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>

#include "protocol/redis/client.hpp"
#include "protocol/redis/cluster.hpp"
#include "protocol/redis/node.hpp"

namespace mw::redis {

class client::impl : public node::owner, public std::enable_shared_from_this<client::impl> {
 public:
  impl(io::loop& loop, client_options options);

  void connect(std::function<void(std::string)> ready, closed_fn closed);
  void command(const std::vector<std::string>& argv, reply_fn done);
  void abandon();

  std::atomic<bool> abandoned{false};  // the client is gone: `closed` must not be called any more
  io::loop& loop() { return loop_; }

 private:
  /// A server of the cluster, connected when something is to be sent to it.
  struct member {
    std::shared_ptr<node> connection;
    failure last_end;
    io::clock::time_point not_before{};  ///< the next try to connect
    io::clock::duration wait{};          ///< between tries
  };

  void start();
  std::shared_ptr<node> make_node(const endpoint& e, const std::string& verified_name);
  void send_inbox();
  void finish(const failure& why);
  void set_over(const failure& answer);

  void node_ready(node& n, const std::string& info) override;
  void replies_begin() override;
  void replies_end() override;
  bool redirected(node& n, misdirected& command, std::string_view line) override;
  void node_ending(node& n, const failure& why, const failure& others) override;
  void node_ended(node& n, const failure& why) override;

  // --- cluster: client_cluster.cpp ---
  void become_cluster();
  void route(std::string_view bytes, std::vector<queued> commands);
  void send_to(const endpoint& e, std::string_view bytes, std::vector<queued> commands, bool asking);
  member* connected_member(const endpoint& e, failure& why);
  node* any_ready();
  bool any_alive(const node& but) const;
  void ask_for_slots();
  void note_end(const node& n, const failure& why);

  io::loop& loop_;
  const client_options options_;
  const endpoint seed_at_;

  std::mutex mutex_;  // guards the five below; all else belongs to the loop's thread
  std::string inbox_bytes_;
  std::vector<queued> inbox_;
  bool send_due_ = false;  // somebody will call send_inbox()
  bool started_ = false;
  std::optional<failure> over_;

  std::function<void(std::string)> ready_;
  closed_fn closed_;
  tls::context tls_;
  std::shared_ptr<node> seed_;
  bool announced_ = false;  // ready_ was called
  std::vector<queued> unsent_;

  bool is_cluster_ = false;
  slot_map slots_;
  std::map<endpoint, member> members_;
  bool slots_asked_ = false;
  bool slots_denied_ = false;
  io::clock::time_point slots_asked_at_{};
};

}  // namespace mw::redis
