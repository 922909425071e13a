// Who counts a client's requests. Called for every request that ended, on the client's thread: it must be
// cheap.
#pragma once

#include <chrono>
#include <functional>

#include "protocol/base/errors.hpp"

namespace mw {

/// `error` is nullptr where the request succeeded. May be empty.
using request_told = std::function<void(const failure* error, std::chrono::nanoseconds took)>;

}  // namespace mw
