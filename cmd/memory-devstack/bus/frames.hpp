// Two things Proton does not do, done on the plain byte stream: the scanner finds the message-format of
// inbound transfers (Proton exposes it nowhere, and it alone tells a batch from a message), the padder
// rewrites outbound frames so that their performatives carry all fields, defaults spelt out (Python's SDK
// indexes fields by position and knows no defaults). Both take the stream in any pieces. Pure; what is not
// understood passes unchanged, Proton judges it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace mw::devstack {

constexpr uint32_t batch_message_format = 0x80013700;

class frame_scanner {
 public:
  void feed(std::string_view bytes);
  /// The format of the oldest delivery begun on this link that was not taken yet; 0 when there is none.
  uint32_t take_format(std::string_view link_name);

 private:
  using handle = std::pair<uint16_t, uint32_t>;  // channel, link handle
  struct sending_link {
    std::string name;
    bool continues = false;  // the last transfer had more=true
  };
  void frame(std::string_view bytes);
  std::string partial_;
  std::map<handle, sending_link> links_;
  std::unordered_map<std::string, std::deque<uint32_t>> formats_;
};

class frame_padder {
 public:
  /// Appends the padded stream to `out`. A frame that would grow over `peer_max_frame` bytes is left as it
  /// is.
  void feed(std::string_view bytes, uint32_t peer_max_frame, std::string& out);

 private:
  std::string partial_;
};

}  // namespace mw::devstack
