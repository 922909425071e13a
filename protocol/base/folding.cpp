#include "protocol/base/folding.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "protocol/base/utf8.hpp"

namespace mw {
namespace {

enum class fold_marks : uint8_t { keep, drop };

constexpr bool within(char32_t c, char32_t from, char32_t to) {
  return c >= from && c <= to;
}

bool is_blank(char32_t c) {
  if (c < 0x80) return c == ' ' || within(c, 0x09, 0x0D);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || within(c, 0x2000, 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

/// Controls and what shows nothing. Not the letters of flags (U+E0020 on): they tell flags apart.
bool is_invisible(char32_t c) {
  if (c < 0xA0) return c < 0x20 || c >= 0x7F;
  if (within(c, 0xE0020, 0xE007F)) return false;
  return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->ignorable != 0 || within(c, 0xFFF9, 0xFFFB);
}

/// What keyboards, phones and models write differently for the same text, where Unicode's tables keep it
/// apart.
char32_t plain_quotation_mark(char32_t c) {
  switch (c) {
    case '`':
    case 0xB4:
    case 0x2BC:
    case 0x2032:
    case 0x2039:
    case 0x203A:
    case 0x3008:
    case 0x3009:
    case 0xFF40:
      return '\'';
    case 0xAB:
    case 0xBB:
    case 0x2033:
    case 0xFF62:
    case 0xFF63:
      return '"';
    default:
      break;
  }
  if (within(c, 0x2018, 0x201B)) return '\'';
  if (within(c, 0x201C, 0x201F) || within(c, 0x300A, 0x300F) || within(c, 0x301D, 0x301F) ||
      within(c, 0xFE41, 0xFE44))
    return '"';
  return c;
}

/// Hyphens, full stops of all scripts, and the rest of punctuation.
char32_t plain_sign(char32_t c) {
  if (within(c, 0x2010, 0x2015)) return '-';
  switch (c) {
    case 0x2212:
    case 0xFE58:
    case 0xFE63:
      return '-';
    case 0x589:   // Armenian
    case 0x6D4:   // Arabic
    case 0x964:   // Devanagari
    case 0x104B:  // Myanmar
    case 0x1362:  // Ethiopic
    case 0x17D4:  // Khmer
    case 0x3002:
    case 0xFF61:
      return '.';
    case 0x3001:
    case 0xFF64:
      return ',';
    case 0x3010:
    case 0x3014:
      return '[';
    case 0x3011:
    case 0x3015:
      return ']';
    case 0x301C:
      return '~';
    case 0x2044:
      return '/';
    case 0x22EF:
      return 0x2026;
    case 0x130:  // Turkish: their lower-case letters are i and dotless i, and I is the capital of both
                 // elsewhere
    case 0x131:
      return 'i';
    default:
      return c;
  }
}

constexpr char32_t plain_ascii(char32_t c) {
  if (within(c, 'A', 'Z')) return c + ('a' - 'A');
  return c == '`' ? '\'' : c;
}

int combining_class(utf8proc_int32_t c) {
  return c < 0x300 ? 0 : utf8proc_get_property(c)->combining_class;
}

/// Marks that people leave out when they search. Kana's voicing marks and Indic vowel signs are no such
/// marks.
bool is_left_out(char32_t c) {
  if (c < 0x300) return false;
  if (c == 0x640) return true;  // the stroke that widens Arabic words
  const bool script = within(c, 0x300, 0x36F) || within(c, 0x483, 0x489) || within(c, 0x591, 0x7BF) ||
                      within(c, 0xE31, 0xEFF) || within(c, 0x17B4, 0x17DD) || within(c, 0x1AB0, 0x1AFF) ||
                      within(c, 0x1DC0, 0x1DFF) || within(c, 0x20D0, 0x20FF) || within(c, 0xFE20, 0xFE2F);
  if (!script) return false;
  const auto kind = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_ME;
}

/// The folded code points, decomposed and without white space at the ends.
class decomposed {
 public:
  explicit decomposed(fold_marks marks) : marks_(marks) {}

  void add(char32_t c) {
    if (is_blank(c)) {
      gap_ = !points_.empty();
      return;
    }
    if (c < 0x80) {
      if (!is_invisible(c)) put(static_cast<utf8proc_int32_t>(plain_ascii(c)));
      return;
    }
    if (is_invisible(c)) return;
    c = plain_sign(plain_quotation_mark(c));
    keep_apart_from_digit(c);
    constexpr auto how =
        static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD);
    std::array<utf8proc_int32_t, 32> parts{};
    int boundary = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts.data(),
                                               static_cast<utf8proc_ssize_t>(parts.size()), how, &boundary);
    if (count < 0 || count > static_cast<utf8proc_ssize_t>(parts.size())) return put(0xFFFD);
    for (size_t i = 0; i < static_cast<size_t>(count); ++i) put(parts.at(i));
  }

  std::string composed() {
    order_marks();
    drop_dots_of_i();
    const auto size =
        utf8proc_normalize_utf32(points_.data(), static_cast<utf8proc_ssize_t>(points_.size()),
                                 static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    std::string out;
    out.reserve(points_.size() * 2);
    for (size_t i = 0; i < static_cast<size_t>(std::max<utf8proc_ssize_t>(size, 0)); ++i)
      append_code_point(out, static_cast<char32_t>(points_[i]));
    return out;
  }

 private:
  void put(utf8proc_int32_t c) {
    if (c == ' ') {
      gap_ = !points_.empty();
      return;
    }
    if (marks_ == fold_marks::drop && is_left_out(static_cast<char32_t>(c))) return;
    if (gap_) points_.push_back(' ');
    gap_ = false;
    points_.push_back(c);
  }

  /// "10²" is not "102", and "1½" is not "11/2".
  void keep_apart_from_digit(char32_t c) {
    if (gap_ || points_.empty() || !within(static_cast<char32_t>(points_.back()), '0', '9')) return;
    const auto* const property = utf8proc_get_property(static_cast<utf8proc_int32_t>(c));
    if (property->category != UTF8PROC_CATEGORY_NO) return;
    if (property->decomp_type == UTF8PROC_DECOMP_TYPE_SUPER) points_.push_back('^');
    if (property->decomp_type == UTF8PROC_DECOMP_TYPE_SUB) points_.push_back('_');
    if (property->decomp_type == UTF8PROC_DECOMP_TYPE_FRACTION) gap_ = true;
  }

  /// Unicode's canonical order. utf8proc's own sort takes quadratic time over a long run of marks.
  void order_marks() {
    for (auto at = points_.begin(); at != points_.end();) {
      if (combining_class(*at) == 0) {
        ++at;
        continue;
      }
      const auto end = std::find_if(at, points_.end(), [](auto c) { return combining_class(c) == 0; });
      std::stable_sort(at, end, [](auto a, auto b) { return combining_class(a) < combining_class(b); });
      at = end;
    }
  }

  /// A dot above an i (what is left of the Turkish capital in lower case) is the letter's own.
  void drop_dots_of_i() {
    bool on_i = false;
    const auto is_its_dot = [&](utf8proc_int32_t c) {
      const int place = combining_class(c);
      if (place == 0) on_i = c == 'i';
      const bool dot = on_i && c == 0x307;
      if (place == 230 && !dot) on_i = false;
      return dot;
    };
    size_t kept = 0;
    for (const auto c : points_)
      if (!is_its_dot(c)) points_[kept++] = c;
    points_.resize(kept);
  }

  fold_marks marks_;
  std::vector<utf8proc_int32_t> points_;
  bool gap_ = false;
};

/// What each sign of ASCII becomes; a blank for all white space, and 0: nothing.
constexpr auto folded_ascii = [] {
  std::array<char, 128> out{};
  for (char32_t c = 0; c < out.size(); ++c) {
    const bool blank = c == ' ' || (c >= 0x09 && c <= 0x0D);
    const bool shown = c > 0x20 && c < 0x7F;
    out.at(c) = static_cast<char>(blank ? U' ' : shown ? plain_ascii(c) : U'\0');
  }
  return out;
}();

std::string fold_ascii(std::string_view text) {
  std::string out;
  out.resize(text.size());
  size_t size = 0;
  bool gap = false;
  for (const char ch : text) {
    const char c = folded_ascii[static_cast<unsigned char>(ch)];
    if (c == ' ') {
      gap = size > 0;
    } else if (c != '\0') {
      if (gap) out[size++] = ' ';
      gap = false;
      out[size++] = c;
    }
  }
  out.resize(size);
  return out;
}

std::string fold_with(std::string_view text, fold_marks marks) {
  if (is_ascii(text)) return fold_ascii(text);
  decomposed points{marks};
  for (size_t i = 0; i < text.size();) points.add(next_code_point(text, i));
  return points.composed();
}

}  // namespace

std::string fold_text(std::string_view text) {
  return fold_with(text, fold_marks::keep);
}

std::string fold_item_text(std::string_view text) {
  std::string out = fold_text(text);
  out.resize(without_full_stop(out).size());
  return out;
}

std::string fold_for_search(std::string_view text) {
  return fold_with(text, fold_marks::drop);
}

std::string_view without_full_stop(std::string_view folded) {
  const size_t last = folded.find_last_not_of(". ");
  return last == std::string_view::npos ? folded : folded.substr(0, last + 1);
}

}  // namespace mw
