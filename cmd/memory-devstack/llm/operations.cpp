#include "cmd/memory-devstack/llm/operations.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "cmd/memory-devstack/llm/lexicon.hpp"
#include "cmd/memory-devstack/llm/statements.hpp"
#include "cmd/memory-devstack/llm/text.hpp"

namespace mw::standin {
namespace {

/// One thing known about the user at this point of the conversation.
struct known_item {
  std::string category;
  std::string item;
  std::string stored;          ///< its text in the profile; empty: not stored yet
  std::optional<size_t> made;  ///< the operation of this answer that made it
};

/// `item` with the words `wrong` replaced; nullopt where they are not in it.
std::optional<std::string> with_words_replaced(const std::string& item, std::string_view wrong,
                                               std::string_view right) {
  const auto hay = words_of(item);
  const auto needle = words_of(wrong);
  for (size_t i = 0; !needle.empty() && i + needle.size() <= hay.size(); ++i) {
    size_t k = 0;
    while (k < needle.size() && hay[i + k].folded == needle[k].folded) ++k;
    if (k == needle.size())
      return item.substr(0, hay[i].begin) + std::string{right} + item.substr(hay[i + k - 1].end);
  }
  return std::nullopt;
}

/// How many telling words the two texts share; words count as the same from five equal letters on.
size_t likeness(std::string_view a, std::string_view b) {
  size_t shared = 0;
  const auto others = words_of(b);
  for (const auto& w : words_of(a)) {
    if (w.folded.size() < 3 || is_stop_word(w.folded)) continue;
    shared += static_cast<size_t>(std::any_of(others.begin(), others.end(), [&](const word& o) {
      return o.folded == w.folded ||
             (o.folded.size() >= 5 && w.folded.size() >= 5 && o.folded.compare(0, 5, w.folded, 0, 5) == 0);
    }));
  }
  return shared;
}

class operation_finder {
 public:
  explicit operation_finder(const transcript& t) : transcript_(t) {
    for (const auto& p : t.profile) known_.push_back({p.category, p.item, p.item, std::nullopt});
  }

  std::vector<found_operation> run() {
    for (size_t i = 0; i < transcript_.lines.size(); ++i) {
      if (!transcript_.lines[i].from_user) continue;
      for (const auto sentence : sentences_of(transcript_.lines[i].text)) take(i, sentence);
    }
    std::vector<found_operation> kept;
    for (auto& op : operations_)
      if (!op.op.empty()) kept.push_back(std::move(op));
    return kept;
  }

 private:
  bool fresh(size_t line) const { return transcript_.lines[line].fresh; }

  void take(size_t line, std::string_view sentence) {
    if (is_hypothetical(sentence)) return;
    if (const auto wish = forget_wish_in(sentence)) {
      if (fresh(line)) forget(line, *wish);
      return;
    }
    if (const auto c = correction_in(sentence); c && fresh(line) && correct(line, *c)) return;
    // "I like cycling, is there a club?" says something, "do you think I like it?" does not
    const bool question = sentence.ends_with('?');
    for (const auto& s : statements_in(sentence))
      if (!question || s.category == "output_preferences" || sentence.starts_with(s.quote)) add(line, s);
  }

  void add(size_t line, const statement& s) {
    const auto same = std::find_if(known_.begin(), known_.end(), [&](const known_item& k) {
      return k.category == s.category && fold(k.item) == fold(s.item());
    });
    if (same != known_.end()) {
      last_ = static_cast<size_t>(same - known_.begin());
      return;
    }
    if (!fresh(line)) return;
    if (s.single) {
      for (size_t k = 0; k < known_.size(); ++k)
        if (known_[k].category == s.category && known_[k].item.starts_with(s.lead))
          return change(k, s.item(), line, s.quote);
    }
    known_.push_back({s.category, s.item(), {}, operations_.size()});
    operations_.push_back({"add", s.category, s.item(), {}, line, s.quote});
    last_ = known_.size() - 1;
  }

  /// The known item becomes `item`: by editing the operation that made it, or by a replacement.
  void change(size_t k, const std::string& item, size_t line, const std::string& quote) {
    known_[k].item = item;
    last_ = k;
    if (!known_[k].made) {
      known_[k].made = operations_.size();
      operations_.push_back({"replace", known_[k].category, {}, known_[k].stored, line, {}});
    }
    auto& op = operations_[*known_[k].made];
    op.item = item;
    op.line = line;
    op.quote = quote;
  }

  bool correct(size_t line, const correction& c) {
    for (size_t k = known_.size(); k-- > 0;)
      if (const auto item = with_words_replaced(known_[k].item, c.wrong, c.right)) {
        change(k, *item, line, c.quote);
        return true;
      }
    return false;
  }

  void forget(size_t line, const forget_wish& wish) {
    constexpr size_t none = SIZE_MAX;
    size_t best = wish.what.empty() ? last_.value_or(none) : none;
    size_t best_score = 0;
    for (size_t k = 0; !wish.what.empty() && k < known_.size(); ++k) {
      const size_t score = likeness(wish.what, known_[k].item);
      if (score > best_score) {
        best_score = score;
        best = k;
      }
    }
    if (best == none) return;
    auto& k = known_[best];
    if (k.made) operations_[*k.made].op.clear();
    if (!k.stored.empty()) operations_.push_back({"remove", k.category, k.stored, {}, line, wish.quote});
    known_.erase(known_.begin() + static_cast<std::ptrdiff_t>(best));
    last_.reset();
  }

  const transcript& transcript_;
  std::vector<known_item> known_;
  std::vector<found_operation> operations_;
  std::optional<size_t> last_;
};

}  // namespace

std::vector<found_operation> find_operations(const transcript& t) {
  return operation_finder{t}.run();
}

}  // namespace mw::standin
