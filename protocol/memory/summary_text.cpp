#include "protocol/memory/summary_text.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "protocol/base/utf8.hpp"
#include "protocol/memory/items.hpp"
#include "protocol/memory/word_list.hpp"

namespace mw::memory {
namespace {

constexpr size_t fewest_letters = 3;  // one ideograph counts as two

constexpr std::array<std::string_view, 3> of_the_python_worker{
    "Error analyzing conversation", "Failed to analyze conversation", "Empty conversation"};

// As plain() makes them. Whole texts:
constexpr std::array<std::string_view, 39> empty_words{"n/a",
                                                       "na",
                                                       "n.a",
                                                       "none",
                                                       "null",
                                                       "nil",
                                                       "nothing",
                                                       "unknown",
                                                       "undefined",
                                                       "empty",
                                                       "summary",
                                                       "string",
                                                       "tbd",
                                                       "todo",
                                                       "placeholder",
                                                       "not available",
                                                       "not applicable",
                                                       "not provided",
                                                       "unavailable",
                                                       "error",
                                                       "one paragraph about the whole conversation so far",
                                                       "failed to analyze conversation",
                                                       "keine",
                                                       "keine angabe",
                                                       "keine angaben",
                                                       "nichts",
                                                       "leer",
                                                       "unbekannt",
                                                       "ninguno",
                                                       "ninguna",
                                                       "nada",
                                                       "aucun",
                                                       "aucune",
                                                       "vide",
                                                       "nessuno",
                                                       "nenhum",
                                                       "geen",
                                                       "なし",
                                                       "无"};

// Beginnings:
constexpr std::array<std::string_view, 37> empty_beginnings{"no summary",
                                                            "summary not available",
                                                            "summary unavailable",
                                                            "summary could not",
                                                            "no conversation",
                                                            "there is no conversation",
                                                            "there was no conversation",
                                                            "there is nothing to summar",
                                                            "nothing to summar",
                                                            "empty conversation",
                                                            "error analy",
                                                            "error summar",
                                                            "not enough information",
                                                            "insufficient information",
                                                            "zusammenfassung nicht m",
                                                            "zusammenfassung nicht v",
                                                            "keine zusammenfassung",
                                                            "kein gespräch",
                                                            "leeres gespräch",
                                                            "leere konversation",
                                                            "no hay conversaci",
                                                            "no hay resumen",
                                                            "resumen no disponible",
                                                            "sin resumen",
                                                            "conversación vacía",
                                                            "aucun résumé",
                                                            "résumé impossible",
                                                            "résumé non disponible",
                                                            "conversation vide",
                                                            "nessun riassunto",
                                                            "riassunto non disponibile",
                                                            "sem resumo",
                                                            "resumo não disponível",
                                                            "geen samenvatting",
                                                            "samenvatting niet",
                                                            "无法总结",
                                                            "要約なし"};

constexpr std::array<std::string_view, 60> apologies{"i'm sorry",
                                                     "i am sorry",
                                                     "im sorry",
                                                     "sorry,",
                                                     "sorry but",
                                                     "sorry i",
                                                     "my apologies",
                                                     "i apologize",
                                                     "i apologise",
                                                     "i cannot",
                                                     "i can't",
                                                     "i can not",
                                                     "i could not",
                                                     "i couldn't",
                                                     "i am unable",
                                                     "i'm unable",
                                                     "i am not able",
                                                     "i'm not able",
                                                     "i do not have",
                                                     "i don't have",
                                                     "as an ai,",
                                                     "as an ai language",
                                                     "as an ai model",
                                                     "as an ai assistant,",
                                                     "as a language model",
                                                     "as a large language model",
                                                     "unable to summar",
                                                     "unable to analy",
                                                     "unable to provide",
                                                     "unable to generate",
                                                     "cannot summar",
                                                     "es tut mir leid",
                                                     "tut mir leid",
                                                     "entschuldigung,",
                                                     "leider kann ich",
                                                     "ich kann nicht",
                                                     "ich kann keine",
                                                     "ich kann das nicht",
                                                     "als sprachmodell",
                                                     "als ki-modell",
                                                     "als ki kann",
                                                     "lo siento",
                                                     "no puedo",
                                                     "no se pudo",
                                                     "je suis désolé",
                                                     "désolé,",
                                                     "je ne peux pas",
                                                     "en tant qu'ia,",
                                                     "mi dispiace",
                                                     "non posso",
                                                     "desculpe,",
                                                     "sinto muito",
                                                     "não posso",
                                                     "het spijt me",
                                                     "ik kan geen",
                                                     "抱歉",
                                                     "对不起",
                                                     "很抱歉",
                                                     "申し訳",
                                                     "죄송합니다"};

/// Folded, with straight apostrophes, without quotation marks, brackets and full stops around it and without
/// "Summary:" before it.
std::string plain(std::string_view summary) {
  std::string text = fold_item(summary);
  for (size_t at = text.find("\u2019"); at != std::string::npos; at = text.find("\u2019", at))
    text.replace(at, 3, "'");
  std::string_view rest = text;
  constexpr std::string_view around = " \"'`.,;:!?-_*#()[]{}<>";
  const auto strip = [&] {
    rest.remove_prefix(std::min(rest.find_first_not_of(around), rest.size()));
    while (!rest.empty() && around.find(rest.back()) != std::string_view::npos) rest.remove_suffix(1);
  };
  strip();
  for (const std::string_view label : {"summary:", "zusammenfassung:", "resumen:", "résumé :", "résumé:"})
    if (rest.starts_with(label)) {
      rest.remove_prefix(label.size());
      strip();
    }
  return std::string{rest};
}

/// Letters and digits up to `enough`; other scripts count by their code points.
size_t letters_in(std::string_view text, size_t enough) {
  size_t count = 0;
  for (size_t i = 0; i < text.size() && count < enough;) {
    const size_t length = std::max<size_t>(1, utf8_length_at(text, i));
    const char c = text[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    // General punctuation (the ellipsis, dashes, quotation marks) is U+2000 to U+206F.
    const bool punctuation = text.substr(i, 2) == "\xE2\x80" || text.substr(i, 2) == "\xE2\x81";
    if (letter) ++count;
    if (length == 2) ++count;
    if (length >= 3 && !punctuation) count += 2;
    i += length;
  }
  return count;
}

template <size_t N>
bool begins_with_one_of(std::string_view text, const std::array<std::string_view, N>& list) {
  return std::any_of(list.begin(), list.end(), [&](std::string_view one) {
    return !text.empty() && text.front() == one.front() && text.starts_with(one);
  });
}

}  // namespace

bool is_placeholder_summary(std::string_view summary) {
  return is_one_of(summary, of_the_python_worker);
}

std::string_view to_string(summary_fault f) {
  switch (f) {
    case summary_fault::none:
      return "none";
    case summary_fault::empty:
      return "empty";
    case summary_fault::too_short:
      return "too-short";
    case summary_fault::placeholder:
      return "placeholder";
    case summary_fault::apology:
      return "apology";
  }
  return "unknown";
}

summary_fault fault_of_summary(std::string_view summary) {
  // Most summaries are good: their first words tell.
  constexpr size_t telling = 200;
  const std::string text = plain(utf8_prefix(summary, telling));
  const size_t letters = letters_in(text, fewest_letters);
  if (letters == 0) return summary_fault::empty;
  if (is_placeholder_summary(summary) || is_one_of(text, empty_words) ||
      begins_with_one_of(text, empty_beginnings))
    return summary_fault::placeholder;
  if (letters < fewest_letters) return summary_fault::too_short;
  return begins_with_one_of(text, apologies) ? summary_fault::apology : summary_fault::none;
}

}  // namespace mw::memory
