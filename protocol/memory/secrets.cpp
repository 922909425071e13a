#include "protocol/memory/secrets.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/base/word_sign.hpp"
#include "protocol/memory/word_list.hpp"

namespace mw::memory {
namespace {

constexpr size_t secret_digits = 9;
constexpr std::string_view secret_mask = "[...]";

struct piece {
  size_t begin = 0;
  size_t end = 0;
};
using pieces = std::vector<piece>;

/// A script with blanks between words, by a word's first byte.
bool is_spaced(char first) {
  return static_cast<unsigned char>(first) < 0xE0;
}

// --- digits ---

struct glyph {
  size_t bytes = 0;  ///< 0: something else stands there
  int value = 0;
};

/// ASCII, full-width, Arabic-Indic (both) and Devanagari digits.
glyph digit_at(std::string_view t, size_t i) {
  const auto byte = [&](size_t n) { return i + n < t.size() ? static_cast<unsigned char>(t[i + n]) : 0; };
  const unsigned char c = byte(0);
  if (c >= '0' && c <= '9') return {1, c - '0'};
  if (c == 0xEF && byte(1) == 0xBC && byte(2) >= 0x90 && byte(2) <= 0x99) return {3, byte(2) - 0x90};
  if (c == 0xD9 && byte(1) >= 0xA0 && byte(1) <= 0xA9) return {2, byte(1) - 0xA0};
  if (c == 0xDB && byte(1) >= 0xB0 && byte(1) <= 0xB9) return {2, byte(1) - 0xB0};
  if (c == 0xE0 && byte(1) == 0xA5 && byte(2) >= 0xA6 && byte(2) <= 0xAF) return {3, byte(2) - 0xA6};
  return {};
}

/// Bytes of a separator that may stand inside one number, or 0. A full stop before a blank ends a sentence.
size_t separator_at(std::string_view t, size_t i) {
  if (i >= t.size()) return 0;
  if (t[i] == '.') return i + 1 < t.size() && t[i + 1] != ' ' ? 1 : 0;
  if (std::string_view{" \t-/_'()"}.find(t[i]) != std::string_view::npos) return 1;
  const std::string_view rest = t.substr(i);
  if (rest.starts_with("\xC2\xA0")) return 2;
  if (rest.starts_with("\xE3\x80\x80") || rest.starts_with("\xEF\xBC\x8D")) return 3;
  if (!rest.starts_with("\xE2\x80") || rest.size() < 3) return 0;
  const auto last = static_cast<unsigned char>(rest[2]);
  return last <= 0x8A || (last >= 0x90 && last <= 0x95) || last == 0xAF ? 3 : 0;
}

struct digit_group {
  piece at;
  size_t digits = 0;
  int value = 0;            ///< of at most four digits
  std::string_view before;  ///< the separators in front of it
};

bool is_year(const digit_group& g) {
  return g.digits == 4 && g.value >= 1000 && g.value < 2200;
}

/// Groups i to i + 2 as year, month and day, in the usual orders.
bool is_date(const std::vector<digit_group>& all, size_t i) {
  if (i + 2 >= all.size()) return false;
  const digit_group& a = all[i];
  const digit_group& b = all[i + 1];
  const digit_group& c = all[i + 2];
  const auto sign = b.before;
  if (sign != c.before || (sign != "-" && sign != "." && sign != "/")) return false;
  const auto small = [](const digit_group& g) { return g.digits <= 2 && g.value >= 1 && g.value <= 31; };
  return small(b) && ((is_year(a) && small(c)) || (small(a) && is_year(c)));
}

void judge_numbers(const std::vector<digit_group>& all, pieces& out) {
  size_t from = 0;
  const auto judge = [&](size_t to) {
    size_t digits = 0;
    bool years = true;
    for (size_t i = from; i < to; ++i) {
      digits += all[i].digits;
      years = years && is_year(all[i]);
    }
    if (digits >= secret_digits && !years) out.push_back({all[from].at.begin, all[to - 1].at.end});
  };
  for (size_t i = 0; i < all.size(); ++i) {
    if (!is_date(all, i)) continue;
    judge(i);
    i += 2;
    from = i + 1;
  }
  judge(all.size());
}

void find_numbers(std::string_view t, pieces& out) {
  constexpr size_t most_separators = 3;
  std::vector<digit_group> all;
  for (size_t i = 0; i < t.size();) {
    if (digit_at(t, i).bytes == 0) {
      ++i;
      continue;
    }
    all.clear();
    std::string_view before;
    while (true) {
      digit_group g{{i, i}, 0, 0, before};
      for (glyph d = digit_at(t, i); d.bytes > 0; d = digit_at(t, i)) {
        if (++g.digits <= 4) g.value = g.value * 10 + d.value;
        i += d.bytes;
      }
      g.at.end = i;
      all.push_back(g);
      size_t next = i;
      size_t count = 0;
      for (size_t n = separator_at(t, next); n > 0 && count < most_separators; n = separator_at(t, next)) {
        next += n;
        ++count;
      }
      if (count == 0 || digit_at(t, next).bytes == 0) break;
      before = t.substr(i, next - i);
      i = next;
    }
    judge_numbers(all, out);
  }
}

// --- IBAN ---

int remainder_97(std::string_view compact) {
  int rest = 0;
  for (size_t i = 0; i < compact.size(); ++i) {
    const char c = compact[(i + 4) % compact.size()];
    rest = is_digit(c) ? (rest * 10 + (c - '0')) % 97 : (rest * 100 + (c - 'a' + 10)) % 97;
  }
  return rest;
}

/// `t` in lower case.
void find_ibans(std::string_view t, pieces& out) {
  constexpr size_t shortest = 15;
  constexpr size_t longest = 34;
  constexpr std::ptrdiff_t fewest_digits = 8;
  const auto letter = [&](size_t i) { return t[i] >= 'a' && t[i] <= 'z'; };
  for (size_t i = 0; i + shortest <= t.size(); ++i) {
    if (!letter(i) || !letter(i + 1) || !is_digit(t[i + 2]) || !is_digit(t[i + 3])) continue;
    if (i > 0 && is_of_word(t[i - 1])) continue;
    std::string compact;
    size_t end = 0;
    for (size_t j = i; j < t.size() && compact.size() < longest; ++j) {
      if (t[j] == ' ' || t[j] == '-') continue;
      if (!letter(j) && !is_digit(t[j])) break;
      compact.push_back(t[j]);
      const bool whole = j + 1 == t.size() || !is_of_word(t[j + 1]);
      if (whole && compact.size() >= shortest && remainder_97(compact) == 1 &&
          std::count_if(compact.begin(), compact.end(), is_digit) >= fewest_digits)
        end = j + 1;
    }
    if (end > 0) out.push_back({i, end});
  }
}

// --- passwords ---

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

/// What a byte may be, in either case.
enum sign : uint8_t {
  begins_spaced = 1,  ///< one of the words, in a script with blanks
  begins_joined = 2,  ///< one of the words, in a script without
  of_word = 4,
  digit = 8,
  may_be_foreign_digit = 16
};

const std::array<uint8_t, 256>& signs() {
  static const auto all = [] {
    std::array<uint8_t, 256> out{};
    for (size_t byte = 0; byte < out.size(); ++byte) {
      const char c = static_cast<char>(byte);
      if (is_of_word(c)) out.at(byte) |= of_word;
      if (!words_from(ascii_lower(c)).empty()) out.at(byte) |= is_spaced(c) ? begins_spaced : begins_joined;
      if (byte == 0xEF || byte == 0xD9 || byte == 0xDB || byte == 0xE0) out.at(byte) |= may_be_foreign_digit;
      if (is_digit(c)) out.at(byte) |= digit;
    }
    return out;
  }();
  return all;
}

/// Which of the two beginnings a byte may be, behind one with these signs: no word begins within a word.
unsigned may_begin(unsigned before) {
  return begins_joined | ((before & of_word) != 0 ? 0u : unsigned{begins_spaced});
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

/// Whether one of the words begins there, in either case.
bool word_begins(std::string_view t) {
  if (t.size() < 2 || !beginnings()[pair_of(ascii_lower(t[0]), ascii_lower(t[1]))]) return false;
  const auto& words = words_from(ascii_lower(t[0]));
  return std::any_of(words.begin(), words.end(), [&](const announcing_word& w) {
    return t.size() >= w.word.size() && std::equal(w.word.begin(), w.word.end(), t.begin(),
                                                   [](char a, char b) { return a == ascii_lower(b); });
  });
}

struct glance {
  bool word = false;
  bool foreign_digits = false;
  size_t digits = 0;
};

/// One look at a text before anything is searched or copied: most hold nothing.
glance look_at(std::string_view text) {
  const auto& of = signs();
  unsigned seen = 0;
  unsigned before = 0;
  size_t digits = 0;
  bool word = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned here = of[static_cast<unsigned char>(text[i])];
    if ((here & may_begin(before)) != 0) word = word || word_begins(text.substr(i));
    digits += (here / digit) & 1;
    seen |= here;
    before = here;
  }
  return {word, (seen & may_be_foreign_digit) != 0, digits};
}

/// `t` in lower case.
void find_words(std::string_view t, pieces& out) {
  for (size_t i = 0; i < t.size(); ++i) {
    if (i > 0 && is_of_word(t[i - 1]) && is_spaced(t[i])) continue;
    for (const auto& w : words_from(t[i]))
      if (t.substr(i).starts_with(w.word)) take_value(t, i, w.word, w.code, out);
  }
}

pieces find_secrets(std::string_view text) {
  constexpr size_t fewest_digits = 8;  // of an IBAN; a number has more
  const auto seen = look_at(text);
  const bool digits = seen.digits >= fewest_digits;
  pieces out;
  if (!seen.word && !digits && !seen.foreign_digits) return out;
  const std::string lower = lower_case(text);
  if (seen.word) find_words(lower, out);
  if (digits || seen.foreign_digits) find_numbers(text, out);
  if (digits) find_ibans(lower, out);
  return out;
}

}  // namespace

bool holds_secret(std::string_view text) {
  return !find_secrets(text).empty();
}

std::string mask_secrets(std::string text) {
  auto found = find_secrets(text);
  if (found.empty()) return text;
  std::sort(found.begin(), found.end(), [](const piece& a, const piece& b) { return a.begin < b.begin; });
  std::string out;
  size_t done = 0;
  for (const piece& p : found) {
    if (p.end <= done) continue;
    if (p.begin >= done) out.append(text, done, p.begin - done).append(secret_mask);
    done = p.end;
  }
  return out.append(text, done);
}

}  // namespace mw::memory
