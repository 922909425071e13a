// One function for each route, called by service.cpp with the path's ids already checked. Answers are whole
// responses; a failure becomes a problem answer by problem_of().
#pragma once

#include <string>
#include <vector>

#include "cmd/memory-api/log.hpp"
#include "cmd/memory-api/store.hpp"
#include "protocol/http/server.hpp"

namespace mw::api {

struct call {
  document_store& store;
  const http::server_request& request;
  const std::vector<std::string>& ids;  ///< what the path's placeholders held
  wall_time now;
  const log& out;
};

using handler = http::server_response (*)(const call&);

http::server_response problem_of(const failure& f);
precondition precondition_of(const http::server_request& request);
/// {"status":"success","message":...}
http::server_response success(std::string_view message);

// handlers_users.cpp: what chat applications and people use
http::server_response get_memories(const call& c);
http::server_response delete_memories(const call& c);
http::server_response delete_item(const call& c);
http::server_response search_memories(const call& c);
http::server_response list_conversations(const call& c);
http::server_response get_conversation(const call& c);
http::server_response delete_conversation(const call& c);
http::server_response search_conversations(const call& c);

// handlers_internal.cpp: what the worker uses, and health
http::server_response get_context(const call& c);
http::server_response post_commit(const call& c);
http::server_response post_conversation_memory(const call& c);
http::server_response post_user_memory(const call& c);
http::server_response get_health(const call& c);

}  // namespace mw::api
