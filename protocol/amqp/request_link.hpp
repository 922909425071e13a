// Requests and answers over a pair of links to one node: `$cbs` and `<entity>/$management`. Requests wait for
// the broker's credit and are matched with their answer by message id; each has a deadline. Belongs to one
// receiver_link, on the loop's thread; the owner hands over the events of the pair's links and pumps the
// connection after send(). A callback is called exactly once: answer, time-out, refusal, or fail_all().
#pragma once

#include <proton/event.h>
#include <proton/types.h>

#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "protocol/amqp/conditions.hpp"
#include "protocol/base/errors.hpp"
#include "protocol/io/loop.hpp"

namespace mw::amqp {

struct reply {
  int status = 0;  ///< as HTTP's
  error_words error;
  std::string body;  ///< the encoded amqp-value; empty when there is none
};

/// A request message: properties, application properties (an encoded map) and body (an encoded value).
std::string encode_request(std::string_view id, std::string_view reply_to,
                           std::string_view application_properties, std::string_view body);

struct decoded_reply {
  uint64_t request = 0;
  reply answer;
};
/// nullopt: not an answer to one of our requests.
std::optional<decoded_reply> decode_reply(std::string_view message);

class request_link {
 public:
  using callback = std::function<void(result<reply>)>;

  /// Attaches both links on the session; `name` must be unique on the connection.
  request_link(pn_session_t* session, std::string node, const std::string& name);
  /// Closes both links; to be called while their connection lives, before the destructor where another
  /// request_link is to take the names. Nobody is answered: see fail_all().
  void close();

  bool owns(const pn_link_t* link) const { return link == sender_ || link == receiver_; }
  bool attached() const { return sender_open_ && receiver_open_; }
  const std::string& node() const { return node_; }

  /// `urgent`: before what waits for credit.
  void send(std::string_view application_properties, std::string_view body, io::clock::time_point deadline,
            callback done, bool urgent = false);
  void on_event(pn_event_t* e);
  std::optional<io::clock::time_point> next_deadline() const;
  void expire(io::clock::time_point now);
  void fail_all(const failure& why);

 private:
  struct waiting {
    io::clock::time_point deadline;
    callback done;
  };
  void send_queued();
  void on_reply(pn_delivery_t* d);
  void on_outcome(pn_delivery_t* d);
  void finish(uint64_t id, result<reply> r);

  std::string node_;
  std::string reply_to_;
  pn_link_t* sender_ = nullptr;
  pn_link_t* receiver_ = nullptr;
  bool sender_open_ = false;
  bool receiver_open_ = false;
  uint64_t next_id_ = 1;
  std::unordered_map<uint64_t, waiting> waiting_;
  std::set<std::pair<io::clock::time_point, uint64_t>> deadlines_;
  std::deque<std::pair<uint64_t, std::string>> queued_;
};

}  // namespace mw::amqp
