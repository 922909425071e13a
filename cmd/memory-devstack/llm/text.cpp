#include "cmd/memory-devstack/llm/text.hpp"

#include "protocol/base/ascii.hpp"
#include "protocol/base/utf8.hpp"

namespace mw::standin {
namespace {

constexpr std::string_view typographic_apostrophe = "\xE2\x80\x99";

bool ascii_alnum(char c) {
  return is_letter(c) || is_digit(c);
}

bool byte_is(char c, unsigned value) {
  return static_cast<unsigned char>(c) == value;
}

/// Bytes of the letter at `i`, 0 where it is none. Beyond ASCII everything counts as a letter but the two
/// blocks that hold punctuation (Latin-1 signs, general punctuation).
size_t letter_at(std::string_view text, size_t i) {
  if (ascii_alnum(text[i])) return 1;
  const size_t n = utf8_length_at(text, i);
  if (n < 2) return 0;
  if (byte_is(text[i], 0xC2)) return 0;
  if (byte_is(text[i], 0xE2) && (byte_is(text[i + 1], 0x80) || byte_is(text[i + 1], 0x81))) return 0;
  return n;
}

size_t joiner_at(std::string_view text, size_t i) {
  if (text[i] == '\'' || text[i] == '-') return 1;
  return text.substr(i).starts_with(typographic_apostrophe) ? typographic_apostrophe.size() : 0;
}

bool latin_capital(std::string_view text) {
  return text.size() > 1 && byte_is(text[0], 0xC3) && static_cast<unsigned char>(text[1]) >= 0x80 &&
         static_cast<unsigned char>(text[1]) <= 0x9E && !byte_is(text[1], 0x97);
}

}  // namespace

std::string fold(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] >= 'A' && text[i] <= 'Z') {
      out += static_cast<char>(text[i] + ('a' - 'A'));
    } else if (latin_capital(text.substr(i))) {
      out += text[i];
      out += static_cast<char>(static_cast<unsigned char>(text[++i]) + 0x20);
    } else if (text.substr(i).starts_with(typographic_apostrophe)) {
      out += '\'';
      i += typographic_apostrophe.size() - 1;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<word> words_of(std::string_view text) {
  std::vector<word> words;
  size_t i = 0;
  while (i < text.size()) {
    size_t n = letter_at(text, i);
    if (n == 0) {
      ++i;
      continue;
    }
    const size_t begin = i;
    while (i < text.size()) {
      n = letter_at(text, i);
      if (n == 0) {
        const size_t joint = joiner_at(text, i);
        if (joint == 0 || i + joint >= text.size() || letter_at(text, i + joint) == 0) break;
        n = joint;
      }
      i += n;
    }
    const auto view = text.substr(begin, i - begin);
    const bool capital = (view[0] >= 'A' && view[0] <= 'Z') || latin_capital(view);
    words.push_back({begin, i, fold(view), capital});
  }
  return words;
}

std::vector<std::string_view> sentences_of(std::string_view text) {
  std::vector<std::string_view> sentences;
  size_t begin = 0;
  const auto close = [&](size_t end) {
    const auto sentence = trim(text.substr(begin, end - begin));
    if (!sentence.empty()) sentences.push_back(sentence);
    begin = end;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool at_end = i + 1 == text.size();
    // "3.5" and "e.g.x" do not end a sentence
    const bool mark =
        (c == '.' || c == '!' || c == '?') && (at_end || text[i + 1] == ' ' || text[i + 1] == '\n');
    if (mark || c == '\n') close(i + 1);
  }
  close(text.size());
  return sentences;
}

bool contains_words(std::string_view text, std::string_view needle) {
  const auto hay = words_of(text);
  const auto wanted = words_of(needle);
  if (wanted.empty() || wanted.size() > hay.size()) return false;
  for (size_t i = 0; i + wanted.size() <= hay.size(); ++i) {
    size_t k = 0;
    while (k < wanted.size() && hay[i + k].folded == wanted[k].folded) ++k;
    if (k == wanted.size()) return true;
  }
  return false;
}

std::string capitalise(std::string_view text) {
  std::string out{text};
  if (out.empty()) return out;
  if (out[0] >= 'a' && out[0] <= 'z') {
    out[0] = static_cast<char>(out[0] - ('a' - 'A'));
  } else if (out.size() > 1 && byte_is(out[0], 0xC3) && static_cast<unsigned char>(out[1]) >= 0xA0 &&
             static_cast<unsigned char>(out[1]) <= 0xBE && !byte_is(out[1], 0xB7)) {
    out[1] = static_cast<char>(static_cast<unsigned char>(out[1]) - 0x20);
  }
  return out;
}

}  // namespace mw::standin
