// Commits and documents that the cases of this module share.
#pragma once

#include "protocol/memory/commit.hpp"

namespace mw::memory {

inline constexpr std::string_view now = "2026-11-23T12:00:00.000000+00:00";

/// Message number n of a session: id "mN", at minute n of 11 o'clock.
watermark msg(int n);

/// A commit for user "u", session "s" over the messages after `base` (0: none) up to `through`.
commit make_commit(int base, int through);

operation op_add(std::string item, int evidence, category in = category::interests);
operation op_remove(std::string item, int evidence, category in = category::interests);
operation op_replace(std::string old, std::string item, int evidence, category in = category::interests);

const std::vector<std::string>& interests(const profile& p);

}  // namespace mw::memory
