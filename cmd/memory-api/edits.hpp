// What the routes change in a document, as pure functions, and what If-Match means. Shared by the stores.
#pragma once

#include <optional>
#include <string_view>

#include "cmd/memory-api/store.hpp"

namespace mw::api {

/// `etag` is empty where the document does not exist.
status check(const precondition& p, std::string_view etag);

/// Whole new lists; origins of items that are gone go too, and with them the undo material. These items leave
/// marks: only newer evidence brings them back. An item that stands in another list in any spelling moves
/// here.
void apply_lists(memory::profile& user, const list_updates& updates, wall_time now);

/// The summary fields of `summary` over what is stored (absent: nullopt). It is not made anew after that.
memory::record merge_summary(const memory::record& summary, const std::optional<memory::record>& stored,
                             const std::optional<memory::profile>& user, wall_time now);

/// What is stored has an embedding, `next` has none.
bool loses_embedding(const std::optional<memory::record>& stored, const memory::record& next);

}  // namespace mw::api
