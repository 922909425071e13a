// What a broker writes on a connection, as the tap sees it before Proton. Holds: in whatever pieces the bytes
// come, the tap gives the same frames, delivery ids and dispositions, and ends at the same place; a frame
// grows by no more than it says; memory is in proportion.
#include "protocol/amqp/frame_tap.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

namespace {

constexpr uint32_t max_frame = 1'024;

struct taken {
  std::string to_proton;
  std::vector<uint32_t> ids;
  std::vector<std::string> dispositions;
  bool kept_to_framing = true;
};

taken feed(const std::vector<std::string_view>& pieces) {
  taken out;
  amqp::frame_tap tap{"link", max_frame};
  for (const auto piece : pieces) {
    out.kept_to_framing = tap.feed(piece, out.to_proton);
    while (const auto id = tap.next_delivery_id()) out.ids.push_back(*id);
    for (const auto& d : tap.take_dispositions())
      out.dispositions.push_back(std::to_string(d.first) + ":" + std::to_string(d.last) + ":" +
                                 std::to_string(d.outcome) + (d.settled ? "s" : "") + (d.refused ? "r" : "") +
                                 d.error.name + ":" + d.error.description);
    if (!out.kept_to_framing) break;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 1'000, 64 << 10};
  const auto whole = feed({bytes});
  for (const size_t most : {size_t{1}, size_t{40}}) {
    if (most == 1 && size > 512) continue;  // slow
    const auto apart = feed(fuzz::pieces_of(bytes, most));
    fuzz::holds(apart.kept_to_framing == whole.kept_to_framing, "the end is the same in pieces");
    fuzz::same(apart.to_proton, whole.to_proton, "the frames are the same in pieces");
    // Where a new attach drops ids that nobody has asked for yet, pieces show more of them.
    fuzz::holds(apart.ids.size() >= whole.ids.size(), "no delivery id is lost in pieces");
    fuzz::holds(apart.dispositions == whole.dispositions, "the dispositions are the same in pieces");
  }
  constexpr size_t least_frame = 8;
  fuzz::holds(whole.to_proton.size() <= size + size / least_frame * amqp::frame_tap::growth,
              "frames grow by a little");
  amqp::channel_of_attach(bytes, "link");
  return 0;
}
