// What travels between the worker and our Memory API, as JSON: the context (GET /internal/context), the
// commit and its reply (POST /internal/commit). Shared by the client (http_store) and the server
// (cmd/memory-api). Reading is strict about types and required fields: errc::malformed naming the field.
// Sizes are the server's business. The embedding of a stored record does not travel in a context: only a
// commit brings one.
#pragma once

#include <string>
#include <string_view>

#include "protocol/base/errors.hpp"
#include "protocol/memory/store.hpp"

namespace mw::memory_api {

std::string write_commit(const memory::commit& c);
result<memory::commit> parse_commit(std::string_view json);

std::string write_reply(const memory::commit_reply& r);
result<memory::commit_reply> parse_reply(std::string_view json);

/// {"conversation":DOCUMENT|null,"profile":DOCUMENT|null,"etags":{"conversation":...,"profile":...}}. The
/// documents are JSON text already (documents_json.hpp); empty: null.
std::string write_context(std::string_view conversation, std::string_view conversation_etag,
                          std::string_view profile, std::string_view profile_etag);
result<memory::context> parse_context(std::string_view json);

}  // namespace mw::memory_api
