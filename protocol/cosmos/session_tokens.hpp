// The latest session token of each container, in this process: what a write or a read returned is sent with
// the next reads, so that a read never shows less than what this process has seen (an answer 404/1002 says
// that a replica has not caught up). Tokens of different partition ranges are kept apart and sent together.
// Other processes are not covered: there the ETag of a write decides. Thread-safe; bounded.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace mw::cosmos {

class session_tokens {
 public:
  /// `header` is `x-ms-session-token` of an answer: `RANGE:VERSION#LSN...[,RANGE:...]`; older ones change
  /// nothing.
  void note(std::string_view container, std::string_view header);
  /// For the next read of that container; empty: none known.
  std::string latest(std::string_view container) const;
  /// The container's tokens lead nowhere (it was made anew): start over.
  void forget(std::string_view container);

 private:
  struct position {
    int64_t version = -1;
    int64_t lsn = 0;
    std::string text;  ///< as the service wrote it, behind the colon
  };
  static position parse(std::string_view text);
  void note_range(std::string_view container, std::string_view range, std::string_view text);

  mutable std::mutex mutex_;
  std::map<std::string, std::map<std::string, position, std::less<>>, std::less<>> containers_;
};

}  // namespace mw::cosmos
