// What a request must look like before the store sees it. Failures are errc::rejected (400), their detail
// names the field and the fix and never repeats a memory's text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cmd/memory-api/store.hpp"
#include "protocol/base/errors.hpp"
#include "protocol/http/server.hpp"

namespace mw::api {

inline constexpr size_t max_id_bytes = 512;
inline constexpr size_t max_query_bytes = 1'000;
inline constexpr size_t max_summary_bytes = 20'000;
inline constexpr size_t max_list_entries = 100;
inline constexpr size_t max_span = 20'000;
inline constexpr size_t max_operations = 500;
inline constexpr size_t max_dimensions = 16'384;

/// 1 to 512 bytes of UTF-8 without control characters.
status check_id(std::string_view name, std::string_view id);

struct search_request {
  std::string query;
  size_t limit = 10;  ///< 1 to 100
};
result<search_request> read_search(std::string_view body);

struct lists_request {
  std::string user_id;
  list_updates updates;
};
result<lists_request> read_lists(std::string_view body);

/// The body of POST /internal/conversation-memory.
result<memory::record> read_summary(std::string_view body);

result<memory::commit> read_commit(std::string_view body);

/// A query parameter that is a number, or `otherwise` where it is absent.
result<size_t> read_number(const http::server_request& r, std::string_view name, size_t otherwise,
                           size_t least, size_t most);

result<memory::category> read_category(std::string_view name);

}  // namespace mw::api
