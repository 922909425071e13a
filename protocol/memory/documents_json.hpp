// The stored documents as JSON text (docs/design.md 8): the original system's field names outside, everything
// of ours as one string property `worker` (JSON text inside, so that a document database does not index it).
// Documents without `worker` were written by the Python worker and are adopted: no watermark, epoch 0; its
// placeholder summaries and empty embeddings read as absent. Errors: errc::malformed naming the field, so
// that a damaged document never passes for a new user.
#pragma once

#include <string>
#include <string_view>

#include "protocol/base/json_writer.hpp"
#include "protocol/errors.hpp"
#include "protocol/memory/documents.hpp"
#include "protocol/memory/json_fields.hpp"

namespace mw::memory {

result<record> parse_record(std::string_view json);
/// `embedding_json`: the embedding as write_floats() wrote it somewhere else already; or empty.
std::string write_record(const record& r, std::string_view embedding_json = {});

result<profile> parse_profile(std::string_view json);
std::string write_profile(const profile& p);

/// The same inside a larger text. Complaints go to the reader's root; etag is not part of a document.
record read_record(const json_fields& fields);
profile read_profile(const json_fields& fields);
void write_record(json_writer& out, const record& r, std::string_view embedding_json = {});
void write_profile(json_writer& out, const profile& p);

/// `worker` of ours, shared with the commit's codec.
watermark read_watermark(const json_fields& fields);
void write_watermark(json_writer& out, const watermark& w);
skipped_span read_skipped(const json_fields& fields);
void write_skipped(json_writer& out, const skipped_span& s);
usage read_usage(const json_fields& fields);
void write_usage(json_writer& out, const usage& u);
operation read_operation(const json_fields& fields);
void write_operation(json_writer& out, const operation& op);
void write_floats(json_writer& out, std::string_view name, const std::vector<float>& values);
/// The array that write_floats() wrote under this name into `json`, brackets included; empty where there is
/// none.
std::string_view floats_text_in(std::string_view json, std::string_view name);

}  // namespace mw::memory
