// The ids of one event, immutable and shared: one heap block that the receiver's set of unsettled deliveries,
// the dispatcher's window and the job all point to, so that 50,000 open windows cost the ids once. A value:
// copies are equal, nothing can change through one of them; safe to hand to another thread. Each id at most
// 65,535 bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace mw {

class event_ids {
 public:
  event_ids() = default;
  event_ids(std::string_view user, std::string_view session, std::string_view chat_message,
            std::string_view traceparent);

  std::string_view user() const { return part(0); }
  std::string_view session() const { return part(1); }
  std::string_view chat_message() const { return part(2); }
  std::string_view traceparent() const { return part(3); }

 private:
  std::string_view part(int index) const;
  std::shared_ptr<const char[]> block_;  // four uint16 lengths, then the texts
};

/// Whether both are of one event, whoever traces it.
bool same_event(const event_ids& a, const event_ids& b);

}  // namespace mw
