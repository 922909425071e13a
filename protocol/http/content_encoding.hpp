// Bodies that came compressed though nothing but plain ones was asked for: some gateways do that. gzip and
// deflate are undone, also where the header is missing (a body that begins as gzip does) or stayed behind (a
// body that is plain). Pure. Errors: malformed, naming the encoding; too_large, before more than `max_bytes`
// are held.
#pragma once

#include "protocol/http/client.hpp"

namespace mw::http {

/// Whether there is anything to undo; cheap.
bool is_encoded(const response& r);
/// Replaces the body by the plain one. Where it fails the body is as it was.
status decode_body(response& r, size_t max_bytes);

}  // namespace mw::http
