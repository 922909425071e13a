// gzip of a request body, at zlib's quickest level. Pure. Empty only where zlib has no memory left.
#pragma once

#include <string>
#include <string_view>

namespace mw::observe {

std::string gzip(std::string_view text);

}  // namespace mw::observe
