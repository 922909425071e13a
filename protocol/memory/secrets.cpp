#include "protocol/memory/secrets.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/base/word_sign.hpp"
#include "protocol/memory/secret_words.hpp"

namespace mw::memory {
namespace {

constexpr size_t secret_digits = 9;
constexpr std::string_view secret_mask = "[...]";

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
      if (may_begin_secret_word(c)) out.at(byte) |= is_spaced(c) ? begins_spaced : begins_joined;
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
    if ((here & may_begin(before)) != 0) word = word || secret_word_begins(text.substr(i));
    digits += (here / digit) & 1;
    seen |= here;
    before = here;
  }
  return {word, (seen & may_be_foreign_digit) != 0, digits};
}

pieces find_secrets(std::string_view text) {
  constexpr size_t fewest_digits = 8;  // of an IBAN; a number has more
  const auto seen = look_at(text);
  const bool digits = seen.digits >= fewest_digits;
  pieces out;
  if (!seen.word && !digits && !seen.foreign_digits) return out;
  const std::string lower = lower_case(text);
  if (seen.word) find_announced(lower, out);
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
