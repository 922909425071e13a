#include "protocol/base/folding.hpp"

#include <doctest/doctest.h>

using mw::fold_for_search;
using mw::fold_item_text;
using mw::fold_text;

TEST_CASE("plain text is folded in case, white space and the grave accent only") {
  CHECK(fold_text("  I   `like`\tTea.\n") == "i 'like' tea.");
  CHECK(fold_text("\x01"
                  "a\x7F") == "a");
  CHECK(fold_text("").empty());
}

TEST_CASE("spellings of one text fold alike") {
  CHECK(fold_text("Ka\u0308se") == fold_text("KÄSE"));
  CHECK(fold_text("Straße") == "strasse");
  CHECK(fold_text("İI\u0307ıi\u0307") == "iiii");
  CHECK(fold_text("\ufb01les \u00b5m") == "files \u03bcm");
  CHECK(fold_text("ﾋﾟｱﾉ") == "ピアノ");
  CHECK(fold_text("Ｒｕｓｔ　６") == "rust 6");
  CHECK(fold_text("「a」『b』“c”«d»") == "\"a\"\"b\"\"c\"\"d\"");
  CHECK(fold_text("a\u2011b – c…") == "a-b - c...");
  CHECK(fold_text("\u1112\u1161\u11ab") == "한");
  CHECK(fold_text("a\u00adb\u200dc\ufe0f") == "abc");
}

TEST_CASE("what means something else stays another text") {
  CHECK(fold_text("resume") != fold_text("résumé"));
  CHECK(fold_text("か") != fold_text("が"));
  CHECK(fold_text("10²") != fold_text("102"));
  CHECK(fold_text("1½") != fold_text("11/2"));
  CHECK(fold_text("\U0001F3F4\U000E0067\U000E007F") != fold_text("\U0001F3F4\U000E0068\U000E007F"));
}

TEST_CASE("marks fold alike in any order, and a long run of them takes no time") {
  CHECK(fold_text("a\u0323\u0302") == fold_text("a\u0302\u0323"));
  std::string run = "a";
  for (int i = 0; i < 200'000; ++i) run += i % 2 == 0 ? "\u0302" : "\u0323";
  CHECK(fold_text(run).size() > 100'000);
}

TEST_CASE("bytes that are no text fold to the replacement character") {
  CHECK(fold_text("a\xff"
                  "b") ==
        "a\ufffd"
        "b");
}

TEST_CASE("a full stop at an item's end says nothing, unless there is nothing else") {
  CHECK(fold_item_text("tea.") == "tea");
  CHECK(fold_item_text("お茶。") == "お茶");
  CHECK(fold_item_text("tea ...") == "tea");
  CHECK(fold_item_text("...") == "...");
}

TEST_CASE("search leaves out the marks that people leave out") {
  CHECK(fold_for_search("Thônes Καβάλα Ёлкино") == "thones καβαλα елкино");
  CHECK(fold_for_search("הִיא") == "היא");
  CHECK(fold_for_search("طَنْجَة") == "طنجة");
  CHECK(fold_for_search("ผึ้ง") == "ผง");
  CHECK(fold_for_search("ピアノ 한") == "ピアノ 한");
}
