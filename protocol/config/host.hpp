// Whether a text is a host's name or address alone; where it is more (a URL, host:port, a connection string),
// the error says what to write instead. It shows host and port at most: the rest may be a secret.
#pragma once

#include <string_view>

#include "protocol/config/options.hpp"

namespace mw::config {

status check_host(const option& o, std::string_view text);

}  // namespace mw::config
