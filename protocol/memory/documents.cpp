#include "protocol/memory/documents.hpp"

namespace mw::memory {
namespace {

constexpr std::array<std::string_view, category_count> category_names{
    "output_preferences", "personal_preferences", "assistant_preferences", "knowledge", "interests",
    "dislikes",           "family_and_friends",   "work_profile",          "goals",
};
constexpr std::array<std::string_view, 3> sentiment_names{"positive", "neutral", "negative"};
constexpr std::array<std::string_view, 3> op_names{"add", "replace", "remove"};
constexpr std::array<std::string_view, 2> status_names{"ok", "defaults"};

template <class E, size_t N>
std::optional<E> lookup(const std::array<std::string_view, N>& names, std::string_view name) {
  for (size_t i = 0; i < N; ++i)
    if (names[i] == name) return static_cast<E>(i);
  return std::nullopt;
}

}  // namespace

std::string_view to_string(category c) {
  return category_names.at(static_cast<size_t>(c));
}
std::optional<category> category_from(std::string_view name) {
  return lookup<category>(category_names, name);
}
std::string_view to_string(sentiment s) {
  return sentiment_names.at(static_cast<size_t>(s));
}
std::optional<sentiment> sentiment_from(std::string_view name) {
  return lookup<sentiment>(sentiment_names, name);
}
std::string_view to_string(op_kind k) {
  return op_names.at(static_cast<size_t>(k));
}
std::optional<op_kind> op_kind_from(std::string_view name) {
  return lookup<op_kind>(op_names, name);
}
std::string_view to_string(record_status s) {
  return status_names.at(static_cast<size_t>(s));
}
std::optional<record_status> record_status_from(std::string_view name) {
  return lookup<record_status>(status_names, name);
}

std::string record_id(std::string_view session_id, std::string_view user_id) {
  std::string id{session_id};
  id.append("_").append(user_id);
  return id;
}

}  // namespace mw::memory
