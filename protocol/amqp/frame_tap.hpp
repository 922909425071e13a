// What lets 50,000 held deliveries cost little: Proton keeps about 2 KB for every unsettled delivery, so it
// is told that the receiver link's transfers arrive settled and forgets them at once, while delivery ids and
// dispositions of that link are kept and written here. The tap walks the incoming frames before Proton sees
// them; the functions below write dispositions that go out between Proton's frames. Works on any chunking of
// the stream; one per connection, no thread, no clock.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/amqp/codec.hpp"
#include "protocol/amqp/conditions.hpp"
#include "protocol/amqp/receiver_link.hpp"

namespace mw::amqp {

/// One frame of type AMQP that carries a performative; views into the caller's bytes.
struct frame {
  uint16_t channel = 0;
  uint8_t performative = 0;  ///< 0x12 attach, 0x14 transfer, 0x15 disposition, ...
  std::vector<value> fields;
  std::string_view payload;
};

/// `bytes` is one whole frame, size prefix included. nullopt: SASL, heartbeat, or malformed.
std::optional<frame> read_frame(std::string_view bytes);

/// The broker's word on deliveries it sent us.
struct remote_disposition {
  uint32_t first = 0;
  uint32_t last = 0;
  bool settled = false;
  bool refused = false;  ///< rejected with an error
  uint8_t outcome = 0;   ///< descriptor of the state: accepted 0x24, rejected, released, modified; 0 none
  error_words error;
};

class frame_tap {
 public:
  static constexpr uint32_t growth = 64;

  /// `link`: name of the link whose transfers are taken; `max_frame`: what we offered in `open`.
  frame_tap(std::string link, uint32_t max_frame) : link_(std::move(link)), max_frame_(max_frame) {}

  /// Signing in takes a few; the engine answers each, so that a peer that goes on with them costs memory.
  static constexpr uint32_t most_sasl_frames = 16;

  /// Appends what Proton is to see (a frame may grow by up to `growth` bytes). False: the peer does not keep
  /// to AMQP framing, or never ends signing in; end the connection.
  bool feed(std::string_view bytes, std::string& to_proton);
  /// The id of the next delivery of the link that Proton hands out; they come in the same order.
  std::optional<uint32_t> next_delivery_id();
  std::vector<remote_disposition> take_dispositions();

 private:
  void on_frame(std::string_view bytes, std::string& to_proton);
  void on_transfer(const frame& f, std::string_view bytes, std::string& to_proton);
  void on_disposition(const frame& f);

  std::string link_;
  uint32_t max_frame_;
  std::string partial_;
  uint32_t sasl_frames_ = 0;
  bool attached_ = false;
  uint16_t channel_ = 0;
  uint32_t handle_ = 0;
  bool more_ = false;
  std::deque<uint32_t> delivery_ids_;
  std::vector<remote_disposition> dispositions_;
};

/// The descriptor of the state that tells this outcome; the broker echoes what it applied.
uint8_t descriptor_of(outcome_kind k);
/// The service echoes the outcome it applied; other brokers say accepted, or nothing.
bool confirms(uint8_t echoed, outcome_kind asked);

/// A disposition (role receiver, unsettled) for the deliveries first..last. Reason and description are cut to
/// `max_text` bytes each.
void append_disposition(std::string& out, uint16_t channel, uint32_t first, uint32_t last, const outcome& o,
                        size_t max_text);

/// Finds, in what Proton writes, the channel its attach of `link` goes out on. `output` starts at a frame.
std::optional<uint16_t> channel_of_attach(std::string_view output, std::string_view link);

}  // namespace mw::amqp
