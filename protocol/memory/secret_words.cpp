#include "protocol/memory/secret_words.hpp"

#include <algorithm>
#include <array>
#include <bitset>

#include "protocol/base/word_sign.hpp"
#include "protocol/memory/word_list.hpp"

namespace mw::memory {
namespace {

constexpr std::array<std::string_view, 35> password_words{"password",
                                                          "passwords",
                                                          "passwort",
                                                          "passwörter",
                                                          "kennwort",
                                                          "passcode",
                                                          "passphrase",
                                                          "contraseña",
                                                          "contrasen\xCC\x83"
                                                          "a",
                                                          "contraseÑa",
                                                          "contrasena",
                                                          "mot de passe",
                                                          "senha",
                                                          "palavra-passe",
                                                          "wachtwoord",
                                                          "lösenord",
                                                          "adgangskode",
                                                          "passord",
                                                          "hasło",
                                                          "heslo",
                                                          "lozinka",
                                                          "jelszó",
                                                          "parola",
                                                          "şifre",
                                                          "пароль",
                                                          "Пароль",
                                                          "κωδικός",
                                                          "密码",
                                                          "密碼",
                                                          "パスワード",
                                                          "비밀번호",
                                                          "passwd",
                                                          "api key",
                                                          "secret key",
                                                          "access token"};
/// Only with digits behind it.
constexpr std::array<std::string_view, 5> code_words{"pin", "puk", "cvv", "cvc", "pincode"};
constexpr std::array<std::string_view, 22> says_words{
    "is", "was",  "are", "lautet", "ist", "war", "es", "era", "est", "são", "é",
    "è",  "jest", "je",  "er",     "är",  "это", "=",  ":",   "：",  "是",  "는"};
constexpr std::array<std::string_view, 24> of_words{"for", "of",  "to", "on",   "at",   "für", "vom",  "von",
                                                    "zu",  "zum", "im", "para", "de",   "del", "pour", "du",
                                                    "di",  "per", "da", "do",   "voor", "van", "till", "til"};
/// What tells about a password instead of it.
constexpr std::array<std::string_view, 38> no_password{
    "a",         "an",        "the",  "not",    "too",    "very",     "so",      "what",
    "that",      "important", "safe", "secure", "strong", "weak",     "wrong",   "lost",
    "known",     "old",       "new",  "long",   "short",  "required", "expired", "forgotten",
    "incorrect", "stored",    "kept", "nicht",  "zu",     "sehr",     "wichtig", "sicher",
    "falsch",    "vergessen", "muy",  "no",     "trop",   "pas"};

size_t skip_blanks(std::string_view t, size_t i) {
  while (i < t.size() && (t[i] == ' ' || t[i] == '\t')) ++i;
  return i;
}
size_t end_of_token(std::string_view t, size_t i) {
  while (i < t.size() && t[i] != ' ' && t[i] != '\t' && t[i] != '\n') ++i;
  return i;
}
std::string_view bare_word(std::string_view token) {
  while (!token.empty() && std::string_view{".,;!?"}.find(token.back()) != std::string_view::npos)
    token.remove_suffix(1);
  return token;
}

/// To the end of the clause: a phrase may have blanks, and a sign may be part of it.
size_t end_of_value(std::string_view t, size_t i) {
  for (; i < t.size(); ++i) {
    if (t[i] == '\n') break;
    const bool sign = t[i] == '.' || t[i] == ',' || t[i] == ';';
    if (sign && (i + 1 == t.size() || t[i + 1] == ' ')) break;
  }
  return i;
}

bool looks_secret(std::string_view token, bool code) {
  const auto digits = static_cast<size_t>(std::count_if(token.begin(), token.end(), is_digit));
  if (code) return digits >= 3;
  const std::string_view inner = token.substr(0, token.empty() ? 0 : token.size() - 1);
  return digits > 0 || token.find_first_of("@#$%^&*+_\"") != std::string_view::npos ||
         inner.find_first_of("-!'") != std::string_view::npos || token.starts_with("„") ||
         token.starts_with("“") || token.starts_with("«") || token.starts_with("‘");
}

/// Where the password begins that the word before `i` announces, or npos. `t` in lower case.
size_t value_after(std::string_view t, size_t i, bool code) {
  constexpr int most_words_between = 5;
  bool between = false;
  for (int words = 0; words <= most_words_between; ++words) {
    if (words == 0 && i < t.size() && (t[i] == ':' || t[i] == '=')) {
      const size_t value = skip_blanks(t, i + 1);
      const auto token = t.substr(value, end_of_token(t, value) - value);
      return !token.empty() && (!code || looks_secret(token, true)) ? value : std::string_view::npos;
    }
    i = skip_blanks(t, i);
    const auto token = t.substr(i, end_of_token(t, i) - i);
    if (token.empty()) break;
    if (is_one_of(token, says_words) && !(words == 0 && is_one_of(token, of_words))) {
      const size_t value = skip_blanks(t, i + token.size());
      const auto said = bare_word(t.substr(value, end_of_token(t, value) - value));
      const bool tells = said.empty() || is_one_of(said, no_password) || (code && !looks_secret(said, true));
      return tells ? std::string_view::npos : value;
    }
    if (words == 0 && looks_secret(bare_word(token), code)) return i;
    between = between || is_one_of(token, of_words);
    if (!between || bare_word(token).size() != token.size()) break;
    i += token.size();
  }
  return std::string_view::npos;
}

/// What the word at `i` announces.
void take_value(std::string_view t, size_t i, std::string_view word, bool code, pieces& out) {
  const bool spaced = is_spaced(word.front());
  const size_t end = i + word.size();
  if (spaced && end < t.size() && (is_of_word(t[end]) || t[end] == '-')) return;
  size_t value = value_after(t, end, code);
  // Without blanks everything behind the word, or its "is", is what it announces.
  if (!spaced && value == std::string_view::npos && end < t.size() && end_of_token(t, end) > end) value = end;
  if (value != std::string_view::npos) out.push_back({value, end_of_value(t, value)});
}

struct announcing_word {
  std::string_view word;
  bool code = false;
};

/// The words by their first byte.
const std::vector<announcing_word>& words_from(char first) {
  static const auto all = [] {
    std::array<std::vector<announcing_word>, 256> out;
    for (const auto word : password_words) out.at(static_cast<unsigned char>(word.front())).push_back({word});
    for (const auto word : code_words)
      out.at(static_cast<unsigned char>(word.front())).push_back({word, true});
    return out;
  }();
  return all[static_cast<unsigned char>(first)];
}

size_t pair_of(char first, char second) {
  return size_t{static_cast<unsigned char>(first)} << 8 | static_cast<unsigned char>(second);
}

/// The first two bytes of the words, in lower case.
const std::bitset<65'536>& beginnings() {
  static const auto all = [] {
    std::bitset<65'536> out;
    for (const auto word : password_words) out.set(pair_of(word[0], word[1]));
    for (const auto word : code_words) out.set(pair_of(word[0], word[1]));
    return out;
  }();
  return all;
}

}  // namespace

bool may_begin_secret_word(char first) {
  return !words_from(ascii_lower(first)).empty();
}

bool secret_word_begins(std::string_view t) {
  if (t.size() < 2 || !beginnings()[pair_of(ascii_lower(t[0]), ascii_lower(t[1]))]) return false;
  const auto& words = words_from(ascii_lower(t[0]));
  return std::any_of(words.begin(), words.end(), [&](const announcing_word& w) {
    return t.size() >= w.word.size() && std::equal(w.word.begin(), w.word.end(), t.begin(),
                                                   [](char a, char b) { return a == ascii_lower(b); });
  });
}

void find_announced(std::string_view t, pieces& out) {
  for (size_t i = 0; i < t.size(); ++i) {
    if (i > 0 && is_of_word(t[i - 1]) && is_spaced(t[i])) continue;
    for (const auto& w : words_from(t[i]))
      if (t.substr(i).starts_with(w.word)) take_value(t, i, w.word, w.code, out);
  }
}

}  // namespace mw::memory
