// A message that is longer than one call may hold, asked about in parts: several calls of one job and one
// commit, so that the watermark never stands inside a message (docs/design.md 3, 6). Each part is asked with
// the summary that the parts before it gave; what they say is put together. llm_analyzer drives it:
// question(), then answered() or failed(), until done(). Parts end at a paragraph, a line, a sentence or a
// word where there is one near. Pure.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/analysis/preparation.hpp"

namespace mw::analysis {

/// More are not asked about: what follows is recorded as skipped (reason `truncated`).
inline constexpr size_t most_parts = 64;
/// A part of fewer tokens is not halved.
inline constexpr uint32_t smallest_part = 500;

/// It is one message, and longer.
bool needs_parts(const loaded_conversation& c, uint32_t max_tokens);

/// It is one message, and not too short for two parts.
bool can_be_halved(const loaded_conversation& c);

class message_parts {
 public:
  /// `whole` holds one message and is not changed meanwhile. Parts have at most `max_tokens` estimated
  /// tokens.
  message_parts(std::shared_ptr<const loaded_conversation> whole, uint32_t max_tokens);

  /// The conversation with the present part in place of the message.
  std::shared_ptr<loaded_conversation> question() const;
  bool done() const { return at_ == parts_.size(); }
  bool is_last() const { return at_ + 1 == parts_.size(); }
  size_t count() const { return parts_.size(); }

  void answered(llm::analysis a);
  /// There is no usable answer to the present part.
  void failed(std::string_view reason);
  /// Two parts in place of the present one, where can_be_halved(question()).
  void halve();

  /// What the answers say together; nullopt: no part had one.
  const std::optional<llm::analysis>& gathered() const { return gathered_; }
  /// Why a part is missing in it, the first of them; empty: none is.
  const std::string& missing() const { return missing_; }

 private:
  struct piece {
    size_t begin = 0;
    size_t size = 0;
  };
  std::string_view text() const { return whole_->messages.front().text; }

  std::shared_ptr<const loaded_conversation> whole_;
  std::vector<piece> parts_;
  size_t at_ = 0;
  std::optional<llm::analysis> gathered_;
  std::string missing_;
};

}  // namespace mw::analysis
