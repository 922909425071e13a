#include "cmd/memory-devstack/llm/statements.hpp"

#include <algorithm>
#include <array>

#include "cmd/memory-devstack/llm/lexicon.hpp"
#include "cmd/memory-devstack/llm/phrases.hpp"

namespace mw::standin {
namespace {

constexpr size_t max_object_words = 8;

template <size_t N>
bool one_of(std::string_view text, const std::array<std::string_view, N>& list) {
  for (const auto item : list)
    if (text == item) return true;
  return false;
}

bool is_and(std::string_view w) {
  constexpr std::array<std::string_view, 6> list{"and", "und", "y", "e", "et", "or"};
  return one_of(w, list);
}

bool ends_object(std::string_view w) {
  constexpr std::array<std::string_view, 19> list{
      "but",  "because", "so",     "when", "although", "though", "which", "aber",  "weil", "denn",
      "wenn", "obwohl",  "porque", "pero", "cuando",   "aunque", "mais",  "parce", "quand"};
  return one_of(w, list);
}

bool is_article(std::string_view w) {
  constexpr std::array<std::string_view, 9> list{"the", "el", "la", "los", "las", "le", "les", "dem", "den"};
  return one_of(w, list);
}

bool is_pronoun(std::string_view w) {
  constexpr std::array<std::string_view, 25> list{
      "it",    "that", "this", "them", "you",  "your", "how", "when", "to", "das",  "es",   "dich", "dein",
      "deine", "wie",  "dass", "eso",  "esto", "tu",   "que", "cómo", "ça", "cela", "what", "if"};
  return one_of(w, list);
}

bool comma_between(std::string_view text, const word& a, const word& b) {
  return text.substr(a.end, b.begin - a.end).find_first_of(",;:()") != std::string_view::npos;
}

std::string_view span_text(std::string_view text, const std::vector<word>& words, size_t first, size_t last) {
  return text.substr(words[first].begin, words[last].end - words[first].begin);
}

/// Words [begin, end) trimmed of fillers on both sides; empty where begin == end.
struct word_span {
  size_t begin;
  size_t end;
  bool empty() const { return begin >= end; }
};

word_span trimmed(const std::vector<word>& words, word_span s) {
  while (!s.empty() && is_filler(words[s.begin].folded)) ++s.begin;
  while (!s.empty() && is_filler(words[s.end - 1].folded)) --s.end;
  return s;
}

word_span without_article(const std::vector<word>& words, word_span s) {
  s = trimmed(words, s);
  if (s.end - s.begin > 1 && is_article(words[s.begin].folded)) ++s.begin;
  return s;
}

/// The pieces of an object that starts at word `at`: one, or several where a list is allowed. Commas part a
/// list only when an "and" ends it: "tea, cake and jazz", but not "tea, it is warm".
std::vector<word_span> object_spans(std::string_view text, const std::vector<word>& words, size_t at,
                                    bool many) {
  std::vector<word_span> spans;
  size_t closed = 1;  // pieces that belong to the object for sure
  size_t begin = at;
  size_t w = at;
  for (; w < words.size() && w - begin < max_object_words; ++w) {
    const bool comma = w > at && comma_between(text, words[w - 1], words[w]);
    const bool conjunction = is_and(words[w].folded);
    if (ends_object(words[w].folded) || (comma && !many) || (conjunction && !many)) break;
    if (comma && closed > 1) break;  // after "a and b" a comma starts something else
    if (!comma && !conjunction) continue;
    if (begin < w) spans.push_back(without_article(words, {begin, w}));
    begin = conjunction ? w + 1 : w;
    if (conjunction) closed = spans.size() + 1;
  }
  spans.push_back(without_article(words, {begin, w}));
  spans.resize(std::min(spans.size(), closed), word_span{0, 0});
  return spans;
}

bool is_name_object(const phrase& p) {
  return p.lead == "Name: " || p.lead == "Call them " || p.lead == "Lives in ";
}

/// "Hamburg for a new job" is the name "Hamburg".
word_span only_name(const std::vector<word>& words, word_span s) {
  size_t end = s.begin;
  while (end < s.end && words[end].capitalised) ++end;
  return {s.begin, end};
}

bool usable_object(const phrase& p, const std::vector<word>& words, const word_span& s) {
  if (s.empty()) return false;
  if (is_name_object(p)) return words[s.begin].capitalised;
  if (p.many)
    return !is_pronoun(words[s.begin].folded) && !is_my(words[s.begin].folded) && s.end - s.begin <= 6;
  return true;
}

statement make_statement(std::string_view text, const std::vector<word>& words, const phrase& p, size_t start,
                         word_span s) {
  bool negated = false;
  if (p.category == "interests" && words[s.end - 1].folded == "nicht" && s.end - s.begin > 1) {
    negated = true;  // "ich mag Rosinen nicht"
  }
  const size_t last = s.end - (negated ? 2 : 1);
  return {std::string{negated ? "dislikes" : p.category}, std::string{negated ? "Dislikes " : p.lead},
          std::string{span_text(text, words, s.begin, last)}, p.single,
          std::string{span_text(text, words, start, s.end - 1)}};
}

/// A list's later pieces are items only while they look like the first: short, not a new clause.
bool continues_list(const std::vector<word>& words, const word_span& s) {
  if (s.empty() || s.end - s.begin > 4) return false;
  constexpr std::array<std::string_view, 20> clause{"they", "it", "there", "is", "are", "that", "i",
                                                    "i'm",  "my", "we",    "he", "she", "ich",  "wir",
                                                    "mein", "yo", "me",    "mi", "je",  "j'ai"};
  return !one_of(words[s.begin].folded, clause);
}

size_t phrase_statements(std::string_view text, const std::vector<word>& words, size_t at,
                         std::vector<statement>& out) {
  for (const auto& p : statement_phrases()) {
    const auto after = match_phrase(words, at, p.words);
    if (!after) continue;
    size_t consumed = *after;
    bool first = true;
    for (const auto& piece : object_spans(text, words, *after, p.many)) {
      const auto s = is_name_object(p) ? only_name(words, piece) : piece;
      if (!usable_object(p, words, s) || (!first && !continues_list(words, s))) break;
      out.push_back(make_statement(text, words, p, at, s));
      consumed = s.end;
      first = false;
    }
    return first ? at + 1 : consumed;
  }
  return at + 1;
}

std::string without_possessive(const std::string& w) {
  return w.ends_with("'s") ? w.substr(0, w.size() - 2) : w;
}

bool links_name(std::string_view w) {
  constexpr std::array<std::string_view, 12> list{"is", "name",  "named",     "called", "heißt", "heisst",
                                                  "se", "llama", "s'appelle", "who",    "die",   "ist"};
  return one_of(w, list);
}

/// "my younger sister Marta", "meine Schwester heißt Lena", "mi hermana se llama Carmen"
void relation_statement(std::string_view text, const std::vector<word>& words, size_t at,
                        std::vector<statement>& out) {
  if (!is_my(words[at].folded)) return;
  size_t w = at + 1;
  if (w + 1 < words.size() && !relation_of(without_possessive(words[w].folded))) ++w;  // an adjective
  if (w >= words.size()) return;
  const auto relation = relation_of(without_possessive(words[w].folded));
  if (!relation) return;
  size_t name = w + 1;
  bool named = false;
  for (size_t links = 0; links < 3 && name < words.size() && links_name(words[name].folded);
       ++links, ++name) {
    constexpr std::array<std::string_view, 8> naming{"name",   "named", "called",    "heißt",
                                                     "heisst", "llama", "s'appelle", "se"};
    named = named || one_of(words[name].folded, naming);
  }
  if (name >= words.size() || !words[name].capitalised) return;
  // German writes every noun with a capital: only a name we know counts there, unless it is said to be one
  const bool german = words[at].folded.starts_with("mein");
  const bool linked = name > w + 1;
  if (!named && !is_first_name(without_possessive(words[name].folded)) && (german || linked)) return;
  std::string who{span_text(text, words, name, name)};
  if (who.ends_with("'s")) who.resize(who.size() - 2);
  out.push_back({"family_and_friends", std::string{*relation} + ": ", who, false,
                 std::string{span_text(text, words, at, name)}});
}

bool is_not(std::string_view w) {
  return w == "not" || w == "nicht" || w == "no" || w == "pas";
}

bool marks_correction(std::string_view w) {
  constexpr std::array<std::string_view, 18> list{
      "actually",   "sorry",   "correction", "meant",     "mistake", "rather",
      "eigentlich", "doch",    "sondern",    "korrektur", "sino",    "realidad",
      "perdón",     "corrijo", "plutôt",     "fait",      "instead", "entschuldigung"};
  return one_of(w, list);
}

bool is_preposition(std::string_view w) {
  constexpr std::array<std::string_view, 12> list{"in", "at", "as", "a",    "bei", "als",
                                                  "en", "à",  "de", "como", "on",  "for"};
  return one_of(w, list);
}

bool is_but(std::string_view w) {
  return w == "but" || w == "sondern" || w == "sino" || w == "mais" || w == "it's" || w == "is";
}

/// Up to three words from `at` to the next comma, "but" or the end, without a leading preposition.
word_span short_span(std::string_view text, const std::vector<word>& words, size_t at) {
  while (at < words.size() && (is_preposition(words[at].folded) || is_but(words[at].folded))) ++at;
  size_t end = at;
  while (end < words.size() && end - at < 3 && !is_but(words[end].folded) &&
         !ends_object(words[end].folded) && (end == at || !comma_between(text, words[end - 1], words[end])))
    ++end;
  return {at, end};
}

}  // namespace

bool is_hypothetical(std::string_view sentence) {
  const auto words = words_of(sentence);
  constexpr std::array<std::string_view, 8> list{"if",      "wenn",    "falls",      "si",
                                                 "suppose", "imagine", "angenommen", "imagina"};
  return !words.empty() && one_of(words.front().folded, list);
}

std::vector<statement> statements_in(std::string_view sentence) {
  const auto words = words_of(sentence);
  std::vector<statement> found;
  for (size_t w = 0; w < words.size();) w = phrase_statements(sentence, words, w, found);
  for (size_t w = 0; w < words.size(); ++w) relation_statement(sentence, words, w, found);
  return found;
}

std::optional<correction> correction_in(std::string_view sentence) {
  const auto words = words_of(sentence);
  bool marked = false;
  for (const auto& w : words) marked = marked || marks_correction(w.folded);
  if (!marked) return std::nullopt;
  for (size_t w = 0; w + 1 < words.size(); ++w) {
    if (!is_not(words[w].folded)) continue;
    const auto wrong = short_span(sentence, words, w + 1);
    if (wrong.empty()) continue;
    const auto after = short_span(sentence, words, wrong.end);
    if (!after.empty())
      return correction{std::string{span_text(sentence, words, wrong.begin, wrong.end - 1)},
                        std::string{span_text(sentence, words, after.begin, after.end - 1)},
                        std::string{span_text(sentence, words, w, after.end - 1)}};
    // "Hamburg, not Berlin"
    if (w == 0 || !words[w - 1].capitalised || !words[wrong.begin].capitalised) continue;
    return correction{std::string{span_text(sentence, words, wrong.begin, wrong.end - 1)},
                      std::string{span_text(sentence, words, w - 1, w - 1)},
                      std::string{span_text(sentence, words, w - 1, wrong.end - 1)}};
  }
  return std::nullopt;
}

std::optional<forget_wish> forget_wish_in(std::string_view sentence) {
  const auto words = words_of(sentence);
  for (size_t w = 0; w < words.size(); ++w)
    for (const auto& c : command_phrases()) {
      const auto after = match_phrase(words, w, c.words);
      if (!after) continue;
      const size_t last = words.size() - 1;
      // "don't forget", "no olvides" ask for the opposite
      if (w > 0 && is_negation(words[w - 1].folded)) return std::nullopt;
      forget_wish wish;
      wish.quote = span_text(sentence, words, w, last);
      const auto rest = trimmed(words, {*after, words.size()});
      if (!rest.empty()) wish.what = span_text(sentence, words, rest.begin, rest.end - 1);
      return wish;
    }
  return std::nullopt;
}

}  // namespace mw::standin
