// The pieces that `worker` of a stored document (documents_json.hpp) and a commit on the wire
// (memory_api/commit_json.hpp) have in common, as JSON. Complaints go to the reader's root and name the
// field.
#pragma once

#include "protocol/base/json_writer.hpp"
#include "protocol/memory/documents.hpp"
#include "protocol/memory/json_fields.hpp"

namespace mw::memory {

watermark read_watermark(const json_fields& fields);
void write_watermark(json_writer& out, const watermark& w);
skipped_span read_skipped(const json_fields& fields);
void write_skipped(json_writer& out, const skipped_span& s);
usage read_usage(const json_fields& fields);
void write_usage(json_writer& out, const usage& u);
operation read_operation(const json_fields& fields);
void write_operation(json_writer& out, const operation& op);
/// The array of numbers that a json_writer wrote under this name into `json`, brackets included; empty where
/// there is none.
std::string_view floats_text_in(std::string_view json, std::string_view name);

/// One of the nine; knowledge, and a complaint, where it is none.
category read_category(const json_fields& fields, std::string_view name);
/// Fields of the object that is open.
quote_place read_place(const json_fields& fields);
void write_place(json_writer& out, const quote_place& p);

}  // namespace mw::memory
