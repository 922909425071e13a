#include "cmd/memory-devstack/llm/topics.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "cmd/memory-devstack/llm/lexicon.hpp"
#include "cmd/memory-devstack/llm/operations.hpp"
#include "cmd/memory-devstack/llm/statements.hpp"
#include "cmd/memory-devstack/llm/text.hpp"
#include "protocol/base/ascii.hpp"
#include "protocol/base/utf8.hpp"

namespace mw::standin {
namespace {

constexpr size_t max_themes = 5;
constexpr size_t max_names = 12;
constexpr size_t max_previous_bytes = 600;
constexpr size_t max_quoted_bytes = 160;
constexpr size_t min_telling_words = 4;

void add_once(std::vector<std::string>& list, std::string_view item) {
  if (list.size() < max_names && std::find(list.begin(), list.end(), item) == list.end())
    list.emplace_back(item);
}

/// Counts by name, asked for in order of count, then of first appearance.
class tally {
 public:
  void count(std::string_view name, size_t weight) {
    const auto [at, is_new] = index_.try_emplace(std::string{name}, items_.size());
    if (is_new) items_.emplace_back(at->first, 0);
    items_[at->second].second += weight;
  }
  std::vector<std::string> top(size_t n, size_t at_least) const {
    auto sorted = items_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    std::vector<std::string> names;
    for (const auto& [name, count] : sorted)
      if (names.size() < n && count >= at_least) names.push_back(name);
    return names;
  }

 private:
  std::map<std::string, size_t> index_;
  std::vector<std::pair<std::string, size_t>> items_;
};

std::vector<std::string> themes_of(const transcript& t) {
  tally known;
  tally frequent;
  for (const auto& l : t.lines) {
    if (!l.fresh) continue;
    for (const auto& w : words_of(l.text)) {
      if (const auto theme = theme_of(w.folded)) known.count(*theme, l.from_user ? 2 : 1);
      if (w.folded.size() >= 5 && !is_stop_word(w.folded)) frequent.count(w.folded, l.from_user ? 2 : 1);
    }
  }
  auto themes = known.top(max_themes, 2);
  if (themes.size() < 2)
    for (const auto& extra : frequent.top(2, 3))
      if (std::find(themes.begin(), themes.end(), extra) == themes.end() && !theme_of(extra))
        themes.push_back(extra);
  return themes;
}

/// The longest place name starting at word `at`; its number of words, or 0.
size_t place_at(const std::vector<word>& words, size_t at, std::string_view& name) {
  for (size_t n = 3; n >= 1; --n) {
    if (at + n > words.size()) continue;
    std::string key = words[at].folded;
    for (size_t k = 1; k < n; ++k) key += ' ' + words[at + k].folded;
    if (const auto place = place_named(key)) {
      name = *place;
      return n;
    }
  }
  return 0;
}

std::vector<std::string> places_of(const transcript& t, const std::vector<found_operation>& operations) {
  constexpr std::string_view home = "Lives in ";
  std::vector<std::string> places;
  for (const auto& op : operations)
    if (op.op != "remove" && op.item.starts_with(home)) add_once(places, op.item.substr(home.size()));
  for (const auto& l : t.lines) {
    if (!l.fresh) continue;
    const auto words = words_of(l.text);
    for (size_t w = 0; w < words.size(); ++w) {
      std::string_view name;
      if (words[w].capitalised && place_at(words, w, name) > 0) add_once(places, name);
    }
  }
  return places;
}

std::string bare_name(std::string_view text, const word& w) {
  std::string name{text.substr(w.begin, w.end - w.begin)};
  if (w.folded.ends_with("'s")) name.resize(name.rfind('s') - (name.ends_with("\xE2\x80\x99s") ? 3 : 1));
  return name;
}

void names_in(std::string_view text, std::vector<std::string>& names) {
  const auto words = words_of(text);
  for (size_t w = 0; w < words.size(); ++w) {
    if (!words[w].capitalised) continue;
    const std::string name = bare_name(text, words[w]);
    const std::string folded = fold(name);
    const bool titled = w > 0 && is_title(words[w - 1].folded) && words[w - 1].capitalised;
    if (titled && !is_title(folded)) {
      add_once(names, name);
    } else if (is_first_name(folded)) {
      // "Maria Lopez": a surname is the next capitalised word with nothing but a blank between
      const bool surname = w + 1 < words.size() && words[w + 1].capitalised &&
                           words[w + 1].begin == words[w].end + 1 && !is_stop_word(words[w + 1].folded) &&
                           !is_first_name(words[w + 1].folded) && !place_named(words[w + 1].folded) &&
                           !theme_of(words[w + 1].folded);
      add_once(names, surname ? name + ' ' + bare_name(text, words[w + 1]) : name);
    }
  }
}

/// The user's own name where the conversation or the profile tells it.
std::string own_name(const transcript& t, const std::vector<found_operation>& operations) {
  constexpr std::string_view lead = "Name: ";
  for (const auto& op : operations)
    if (op.op != "remove" && op.item.starts_with(lead)) return op.item.substr(lead.size());
  for (const auto& p : t.profile)
    if (p.item.starts_with(lead)) return p.item.substr(lead.size());
  return {};
}

std::vector<std::string> persons_of(const transcript& t, const std::string& own) {
  std::vector<std::string> names;
  for (const auto& l : t.lines) {
    if (!l.fresh) continue;
    if (l.from_user)
      for (const auto sentence : sentences_of(l.text))
        for (const auto& s : statements_in(sentence))
          if (s.category == "family_and_friends") add_once(names, s.object);
    names_in(l.text, names);
  }
  const auto is_own = [&](const std::string& name) {
    return !own.empty() && (contains_words(own, name) || contains_words(name, own));
  };
  names.erase(std::remove_if(names.begin(), names.end(), is_own), names.end());
  return names;
}

std::string sentiment_of(const transcript& t) {
  int balance = 0;
  for (const auto& l : t.lines) {
    if (!l.fresh || !l.from_user) continue;
    const auto words = words_of(l.text);
    for (size_t w = 0; w < words.size(); ++w) {
      const bool negated =
          (w > 0 && is_negation(words[w - 1].folded)) || (w > 1 && is_negation(words[w - 2].folded));
      balance += negated ? -feeling_of(words[w].folded) : feeling_of(words[w].folded);
    }
  }
  return balance > 1 ? "positive" : balance < -1 ? "negative" : "neutral";
}

std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (size_t i = 0; i < list.size(); ++i) {
    if (i > 0) text += i + 1 == list.size() ? " and " : ", ";
    text += list[i];
  }
  return text;
}

std::string clipped(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string{text};
  return std::string{utf8_prefix(text, max_bytes)} + "...";
}

std::string one_line(std::string_view text) {
  std::string out{text};
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out;
}

/// Greetings, thanks and wishes to forget say nothing about a conversation.
bool is_telling(std::string_view sentence) {
  return words_of(sentence).size() >= min_telling_words && !forget_wish_in(sentence);
}

/// The first and the last telling sentence among the user's fresh messages.
std::string said_by_user(const transcript& t) {
  std::string_view first;
  std::string_view last;
  for (const auto& l : t.lines) {
    if (!l.fresh || !l.from_user) continue;
    for (const auto sentence : sentences_of(l.text)) {
      if (!is_telling(sentence)) continue;
      if (first.empty()) first = sentence;
      last = sentence;
    }
  }
  if (first.empty()) return {};
  std::string text = "It opens with \"" + clipped(one_line(first), max_quoted_bytes) + '"';
  if (last.data() != first.data())
    text += " and comes to \"" + clipped(one_line(last), max_quoted_bytes) + '"';
  return text + '.';
}

std::string summary_of(const transcript& t, const findings& f, const std::string& own) {
  std::string text;
  if (!t.previous_summary.empty())
    text = clipped(one_line(trim(t.previous_summary)), max_previous_bytes) + " Later: ";
  text += own.empty() ? "The user" : own;
  text += f.themes.empty() ? " and the assistant have a short exchange."
                           : " talks with the assistant about " + joined(f.themes) + ".";
  const auto said = said_by_user(t);
  if (!said.empty()) text += ' ' + said;
  if (!f.persons.empty()) text += " Mentioned: " + joined(f.persons) + ".";
  if (!f.places.empty()) text += " Places: " + joined(f.places) + ".";
  if (f.sentiment != "neutral") text += " The user's mood is " + f.sentiment + ".";
  return text;
}

}  // namespace

findings analyse(const transcript& t) {
  findings f;
  f.operations = find_operations(t);
  const auto own = own_name(t, f.operations);
  f.themes = themes_of(t);
  f.persons = persons_of(t, own);
  f.places = places_of(t, f.operations);
  f.sentiment = sentiment_of(t);
  f.summary = summary_of(t, f, own);
  return f;
}

}  // namespace mw::standin
