// The stored documents as JSON text (docs/design.md 8): the original system's field names outside, everything
// of ours as one string property `worker` (JSON text inside, so that a document database does not index it).
// Documents without `worker` were written by the Python worker and are adopted: no watermark, epoch 0; its
// placeholder summaries and empty embeddings read as absent. Errors: errc::malformed naming the field, so
// that a damaged document never passes for a new user.
#pragma once

#include <string>
#include <string_view>

#include "protocol/base/errors.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/memory/documents.hpp"
#include "protocol/memory/json_fields.hpp"

namespace mw::memory {

result<record> parse_record(std::string_view json);
/// `embedding_json`: the embedding as JSON, written somewhere else already; or empty.
std::string write_record(const record& r, std::string_view embedding_json = {});

result<profile> parse_profile(std::string_view json);
std::string write_profile(const profile& p);

/// The same inside a larger text. Complaints go to the reader's root; etag is not part of a document.
record read_record(const json_fields& fields);
profile read_profile(const json_fields& fields);
void write_record(json_writer& out, const record& r, std::string_view embedding_json = {});
void write_profile(json_writer& out, const profile& p);

}  // namespace mw::memory
