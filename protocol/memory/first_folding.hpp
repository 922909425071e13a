// The folding of version 1, by which items were compared before protocol/base/folding.hpp: stored marks
// without a version are hashes of it, and keep no text that could be folded anew. Never changes.
#pragma once

#include <string>
#include <string_view>

namespace mw::memory {

std::string fold_item_first(std::string_view text);

}  // namespace mw::memory
