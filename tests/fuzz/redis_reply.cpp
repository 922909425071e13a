// What a Redis writes. Holds: in whatever pieces the bytes come, the same replies are read and the same end
// is met; a reply that is written anew reads the same; memory is bounded by the cap of a reply.
#include "protocol/redis/reply_reader.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

namespace {

constexpr size_t cap = 2'048;

void write(std::string& out, const redis::reply& r, bool is_error) {
  switch (r.type) {
    case redis::reply::kind::nil:
      out += "$-1\r\n";
      break;
    case redis::reply::kind::integer:
      out += ":" + std::to_string(r.integer) + "\r\n";
      break;
    case redis::reply::kind::text:
      if (is_error)
        out += "-" + r.text + "\r\n";
      else
        out += "$" + std::to_string(r.text.size()) + "\r\n" + r.text + "\r\n";
      break;
    case redis::reply::kind::array:
      out += "*" + std::to_string(r.items.size()) + "\r\n";
      for (const auto& item : r.items) write(out, item, false);
      break;
  }
}

struct read {
  std::string replies;
  std::string end;
};

read feed(const std::vector<std::string_view>& pieces, bool look_at_errors) {
  read out;
  redis::reply_reader reader{cap, [&](const redis::raw_reply& r) {
                               write(out.replies, r.value, r.is_error);
                               if (r.is_error && look_at_errors)
                                 fuzz::has_words(redis::meaning_of(r.value.text, "GET", "GET", "session:*"));
                               return true;
                             }};
  for (const auto piece : pieces) {
    const auto received = reader.receive(piece);
    if (received) continue;
    fuzz::has_words(received.error());
    out.end = to_string(received.error().code);
    break;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 200, 256 << 10};
  const auto whole = feed({bytes}, true);
  const auto apart = feed(fuzz::pieces_of(bytes, 30), false);
  // The cap is looked at when bytes come: in one piece more may be complete by then.
  if (size <= cap) {
    fuzz::same(whole.replies, apart.replies, "the replies are the same in pieces");
    fuzz::same(whole.end, apart.end, "the end is the same in pieces");
  }
  const auto again = feed({whole.replies}, false);
  if (whole.replies.size() <= cap)
    fuzz::same(again.replies, whole.replies, "what was written reads the same");
  return 0;
}
