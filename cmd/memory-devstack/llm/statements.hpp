// What one sentence says about its speaker: statements ("I work as a nurse", "meine Schwester Lena"), a
// correction ("actually not Berlin, Hamburg") or a wish to forget. Offsets of the quotes are literal pieces
// of the given sentence. Pure, no errors; a sentence that says nothing gives nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mw::standin {

struct statement {
  std::string category;
  std::string lead;    ///< "Lives in "; what of a kind a `single` item is
  std::string object;  ///< "Hamburg"
  bool single = false;
  std::string quote;
  std::string item() const { return lead + object; }
};

struct correction {
  std::string wrong;
  std::string right;
  std::string quote;
};

struct forget_wish {
  std::string what;  ///< empty: the thing said last
  std::string quote;
};

std::vector<statement> statements_in(std::string_view sentence);
std::optional<correction> correction_in(std::string_view sentence);
std::optional<forget_wish> forget_wish_in(std::string_view sentence);
/// "if I like it ...": says nothing about the speaker.
bool is_hypothetical(std::string_view sentence);

}  // namespace mw::standin
