// Rows of the database as documents and back; used by sqlite_store inside a transaction. May throw db_error.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cmd/memory-api/sqlite.hpp"
#include "protocol/memory/documents.hpp"

namespace mw::api {

/// A number never used before in this database, as an entity tag: "12" with its quotes.
std::string etag_text(int64_t number);

std::optional<memory::profile> load_profile(connection& db, std::string_view user_id);
/// With a new entity tag, which is returned.
std::string save_profile(connection& db, const memory::profile& p);
int64_t profile_epoch(connection& db, std::string_view user_id);

/// Whatever its epoch; judge it with memory::visible().
std::optional<memory::record> load_record(connection& db, std::string_view user_id,
                                          std::string_view session_id);
std::string save_record(connection& db, const memory::record& r);
/// Fills the empty search table from all records.
void index_all(connection& db);
/// Number of deleted records.
int delete_record(connection& db, std::string_view user_id, std::string_view session_id);
int delete_records_below(connection& db, std::string_view user_id, int64_t epoch);

/// The document in the current row of a query for `epoch, etag, body, embedding` from column 0.
memory::record record_of(const query& row);

}  // namespace mw::api
