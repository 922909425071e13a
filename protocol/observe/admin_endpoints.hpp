// What the admin port answers; a pure function of request, metrics and board. GET (and HEAD) of
//   /metrics       Prometheus text format
//   /health/live   200 as long as somebody answers
//   /health/ready  200 or 503; the body says which part is not well, why and since when
//   /status        all parts and facts as JSON
// Another method: 405. Another path: 404, naming these. Called on HTTP server threads, at once on several.
#pragma once

#include "protocol/http/server.hpp"
#include "protocol/observe/metrics.hpp"
#include "protocol/observe/status.hpp"

namespace mw::observe {

http::server_response admin_routes(const http::server_request& request, metrics& m,
                                   const status_board& board);

}  // namespace mw::observe
