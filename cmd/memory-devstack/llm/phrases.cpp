#include "cmd/memory-devstack/llm/phrases.hpp"

#include <algorithm>

#include "cmd/memory-devstack/llm/lexicon.hpp"

namespace mw::standin {
namespace {

struct phrase_row {
  std::string_view category;
  std::string_view lead;
  bool many;
  bool single;
  std::vector<std::string_view> phrases;
};

std::vector<std::string> folded_words(std::string_view text) {
  std::vector<std::string> words;
  for (auto& w : words_of(text)) words.push_back(std::move(w.folded));
  return words;
}

std::vector<phrase_row> statement_rows() {
  return {
      {"personal_preferences",
       "Name: ",
       false,
       true,
       {"my name is", "my name's", "mein name ist", "ich heiße", "ich heisse", "me llamo", "mi nombre es",
        "je m'appelle", "mon nom est"}},
      {"personal_preferences",
       "Call them ",
       false,
       true,
       {"call me", "nenn mich", "nennt mich", "llámame", "appelle-moi"}},
      {"personal_preferences",
       "Pronouns: ",
       false,
       true,
       {"my pronouns are", "meine pronomen sind", "mis pronombres son"}},
      {"personal_preferences",
       "Lives in ",
       false,
       true,
       {"i live in", "i moved to", "i've moved to", "ich wohne in", "ich lebe in", "und wohne in",
        "and live in", "vivo en", "me he mudado a", "j'habite à", "j'habite"}},
      {"work_profile",
       "Works as ",
       false,
       true,
       {"i work as", "and work as", "i'm working as", "und arbeite als", "ich arbeite als", "trabajo como",
        "trabajo de", "je travaille comme"}},
      {"work_profile",
       "Works at ",
       false,
       true,
       {"i work at", "i work for", "and work at", "and work for", "und arbeite bei", "i'm working at",
        "ich arbeite bei", "ich arbeite für", "trabajo en", "trabajo para", "je travaille chez",
        "je travaille à", "je travaille pour"}},
      {"dislikes",
       "Dislikes ",
       true,
       false,
       {"i don't like", "i do not like", "i dislike", "i hate", "i can't stand", "ich hasse", "ich mag kein",
        "ich mag keine", "ich mag keinen", "ich mag nicht", "no me gusta", "no me gustan", "odio",
        "no soporto", "je n'aime pas", "je déteste"}},
      {"interests",
       "Likes ",
       true,
       false,
       {"i like", "i love", "i enjoy", "i'm a big fan of", "i'm into", "ich mag", "ich liebe", "mir gefällt",
        "me gusta", "me gustan", "me encanta", "me encantan", "j'aime", "j'adore"}},
      {"goals",
       "Learning ",
       false,
       false,
       {"i'm learning", "i am learning", "i've started learning", "ich lerne", "estoy aprendiendo",
        "j'apprends"}},
      {"goals",
       "Goal: ",
       false,
       false,
       {"my goal is to", "my goal is", "i'm training for", "mein ziel ist es", "mein ziel ist",
        "mi objetivo es", "mi meta es", "mon objectif est de", "mon but est de"}},
      {"knowledge",
       "Knows about ",
       true,
       false,
       {"i know a lot about", "i'm experienced with", "i'm familiar with",
        "i've got years of experience with", "ich kenne mich gut aus mit", "ich habe viel erfahrung mit",
        "tengo mucha experiencia con", "sé bastante de", "je m'y connais en"}},
      {"output_preferences",
       "Answer in ",
       false,
       true,
       {"please answer in", "please reply in", "answer me in", "please write in", "please respond in",
        "bitte antworte auf", "antworte bitte auf", "antworte mir auf", "antworte auf", "responde en",
        "respóndeme en", "contéstame en", "contesta en", "réponds en", "réponds-moi en"}},
      {"output_preferences",
       "Wants answers ",
       false,
       false,
       {"please keep your answers", "please keep answers", "keep your answers", "bitte halte deine antworten",
        "halte deine antworten", "prefiero respuestas", "je préfère des réponses"}},
      {"output_preferences",
       "Prefers ",
       false,
       false,
       {"i prefer", "ich bevorzuge", "prefiero", "je préfère"}},
      {"assistant_preferences",
       "The assistant should ",
       false,
       false,
       {"i want you to", "i'd like you to", "you should always", "ich möchte dass du", "quiero que",
        "je veux que tu"}},
  };
}

struct command_row {
  command_kind kind;
  std::vector<std::string_view> phrases;
};

std::vector<command_row> command_rows() {
  return {
      {command_kind::forget,
       {"forget that", "forget what i said about", "forget about", "please forget", "don't remember that",
        "vergiss bitte dass", "vergiss bitte", "vergiss dass", "vergiss das mit", "vergiss", "olvida que",
        "olvida lo de", "olvida", "oublie que", "oublie"}},
      {command_kind::no_longer,
       {"i no longer like", "i don't like anymore", "ya no me gusta", "ya no me gustan", "je n'aime plus"}}};
}

template <class T>
void longest_first(std::vector<T>& list) {
  std::stable_sort(list.begin(), list.end(),
                   [](const T& a, const T& b) { return a.words.size() > b.words.size(); });
}

}  // namespace

std::optional<size_t> match_phrase(const std::vector<word>& words, size_t at,
                                   const std::vector<std::string>& phrase) {
  size_t w = at;
  for (size_t p = 0; p < phrase.size(); ++p, ++w) {
    if (p > 0)
      while (w < words.size() && words[w].folded != phrase[p] && is_filler(words[w].folded)) ++w;
    if (w >= words.size() || words[w].folded != phrase[p]) return std::nullopt;
  }
  return w;
}

const std::vector<phrase>& statement_phrases() {
  static const std::vector<phrase> list = [] {
    std::vector<phrase> all;
    for (const auto& row : statement_rows())
      for (const auto text : row.phrases)
        all.push_back({folded_words(text), row.category, row.lead, row.many, row.single});
    longest_first(all);
    return all;
  }();
  return list;
}

const std::vector<command_phrase>& command_phrases() {
  static const std::vector<command_phrase> list = [] {
    std::vector<command_phrase> all;
    for (const auto& row : command_rows())
      for (const auto text : row.phrases) all.push_back({folded_words(text), row.kind});
    longest_first(all);
    return all;
  }();
  return list;
}

}  // namespace mw::standin
