#include "protocol/base/bare_text.hpp"

#include <array>

namespace mw {
namespace {

constexpr std::string_view blanks = " \t\r\n\v\f";
/// UTF-8 of the byte order mark and of the no-break space.
constexpr std::array<std::string_view, 2> unseen{"\xEF\xBB\xBF", "\xC2\xA0"};

bool drop_front(std::string_view& text) {
  if (blanks.find(text.front()) != std::string_view::npos) {
    text.remove_prefix(1);
    return true;
  }
  for (const auto mark : unseen) {
    if (!text.starts_with(mark)) continue;
    text.remove_prefix(mark.size());
    return true;
  }
  return false;
}

bool drop_back(std::string_view& text) {
  if (blanks.find(text.back()) != std::string_view::npos) {
    text.remove_suffix(1);
    return true;
  }
  for (const auto mark : unseen) {
    if (!text.ends_with(mark)) continue;
    text.remove_suffix(mark.size());
    return true;
  }
  return false;
}

}  // namespace

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && drop_front(text)) continue;
  while (!text.empty() && drop_back(text)) continue;
  return text;
}

std::string_view bare_text(std::string_view text) {
  text = without_blanks(text);
  const bool quoted = text.size() >= 2 && text.front() == text.back() && (text[0] == '"' || text[0] == '\'');
  return quoted ? without_blanks(text.substr(1, text.size() - 2)) : text;
}

std::string service_link_words(std::string_view variable, std::string_view text) {
  if (!text.starts_with("tcp://") && !text.starts_with("udp://") && !text.starts_with("sctp://")) return {};
  const std::string name{variable};
  return "expected a number, got a Kubernetes service link, which a Service of that name sets in every pod "
         "of "
         "its namespace; set " +
         name + " in the pod's env, or enableServiceLinks: false in its spec";
}

}  // namespace mw
