// Reading JSON objects field by field, for the codecs of documents, commits and API bodies. A reader collects
// the first complaint ("themes[2] is not a string") and goes on with defaults, so that a codec reads straight
// through and checks once at its end. Absent and null fields count as absent.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errors.hpp"
#include "protocol/base/json_parser.hpp"
#include "protocol/chat/json_document.hpp"

namespace mw::memory {

class json_fields {
 public:
  /// Parses a whole text; `what` opens every complaint ("profile document"). Reading happens inside `read`,
  /// which gets the fields of the top object. errc::malformed: not JSON, not an object, or a complaint.
  template <class Read>
  static status parse(std::string_view text, std::string_view what, Read&& read) {
    std::string repaired;  // lone surrogates are read as U+FFFD
    if (chat::has_lone_surrogate(text)) text = repaired = chat::repair_surrogates(text);
    const borrowed_parser parser;
    simdjson::dom::element root;
    if (const auto error = parser->parse(text.data(), text.size()).get(root))
      return fail(errc::malformed, std::string{what} + " is not JSON: " + simdjson::error_message(error));
    std::string complaint;
    json_fields fields{root, std::string{what}, complaint};
    if (complaint.empty()) read(fields);
    if (!complaint.empty()) return fail(errc::malformed, complaint);
    return ok;
  }

  json_fields(simdjson::dom::element e, std::string path, std::string& complaint);

  bool has(std::string_view name) const { return find(name).has_value(); }
  /// The field is there, be it null.
  bool present(std::string_view name) const;
  /// Empty where absent.
  std::string text(std::string_view name) const;
  /// A complaint where absent or empty.
  std::string required_text(std::string_view name) const;
  uint64_t number(std::string_view name) const;
  bool flag(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  std::vector<float> floats(std::string_view name) const;
  std::optional<json_fields> object(std::string_view name) const;
  /// Every object of an array; nothing where absent.
  template <class Each>
  void each(std::string_view name, Each&& visit) const {
    const auto e = find(name);
    if (!e) return;
    simdjson::dom::array items;
    if (e->get(items)) return complain(name, "is not an array");
    size_t i = 0;
    for (const simdjson::dom::element item : items) {
      const json_fields fields{item, at(name) + "[" + std::to_string(i++) + "]", complaint_};
      if (!complaint_.empty()) return;
      visit(fields);
    }
  }
  /// Every key of an object with its value as an object.
  template <class Each>
  void each_key(std::string_view name, Each&& visit) const {
    const auto e = find(name);
    if (!e) return;
    simdjson::dom::object members;
    if (e->get(members)) return complain(name, "is not an object");
    for (const auto member : members) {
      const json_fields fields{member.value, at(name) + "." + shown(member.key), complaint_};
      if (!complaint_.empty()) return;
      visit(member.key, fields);
    }
  }
  /// The fields of other names, as JSON by name.
  std::map<std::string, std::string> others(std::span<const std::string_view> known) const;
  /// The names of all fields present.
  std::vector<std::string> names() const;
  /// Records "PATH.name COMPLAINT" unless there is a complaint already.
  void complain(std::string_view name, std::string_view complaint) const;

 private:
  std::optional<simdjson::dom::element> find(std::string_view name) const;
  std::string at(std::string_view name) const;
  /// A name that the document chose, for a complaint: "?" where it is no short identifier.
  static std::string shown(std::string_view name);

  simdjson::dom::object object_;
  std::string path_;
  std::string& complaint_;
};

}  // namespace mw::memory
