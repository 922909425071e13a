// Reads one JSON text with a borrowed parser; its elements are views into the document. Lone UTF-16
// surrogates in escapes (Python writes them as they come) are read as U+FFFD instead of failing the whole
// text. What the strict parser refuses is read a second time as base/lenient_json.hpp says. Nesting deeper
// than 1,000 levels is an error, never a crash.
#pragma once

#include <string>
#include <string_view>

#include "protocol/base/json_parser.hpp"

namespace mw::chat {

class json_document {
 public:
  /// `json` is copied into the parser's own padded buffer; it may go away afterwards.
  explicit json_document(std::string_view json);

  /// nullptr, or what is wrong and where, in words without any piece of the text.
  const char* error() const { return error_.empty() ? nullptr : error_.c_str(); }
  simdjson::dom::element root() const { return root_; }

 private:
  void read_leniently(std::string_view json);

  borrowed_parser parser_;
  std::string error_;
  simdjson::dom::element root_;
};

/// Whether an escape of a surrogate has no partner. simdjson must not see one: it either fails or lets it
/// through as invalid UTF-8.
bool has_lone_surrogate(std::string_view json);
/// Replaces the escapes of surrogates that have no partner by \ufffd; everything else is left as it is.
std::string repair_surrogates(std::string_view json);

/// The text of a string value; empty for every other type.
inline std::string_view text_or_empty(const simdjson::dom::element& e) {
  std::string_view text;
  if (e.get(text) != simdjson::SUCCESS) return {};
  return text;
}
/// The same of a field; empty where there is none.
inline std::string_view text_at(const simdjson::dom::object& o, std::string_view name) {
  simdjson::dom::element e;
  if (o.at_key(name).get(e) != simdjson::SUCCESS) return {};
  return text_or_empty(e);
}

}  // namespace mw::chat
