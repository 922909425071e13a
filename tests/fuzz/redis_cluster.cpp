// What a node of a Redis cluster says of others: a redirect in an error line, the answer of CLUSTER SLOTS.
// Holds: a slot is one of 16,384, a node has a host and a port; every slot that is known has such a node.
#include "protocol/redis/cluster.hpp"
#include "protocol/redis/command_bytes.hpp"
#include "protocol/redis/reply_reader.hpp"
#include "tests/fuzz/common.hpp"

using namespace mw;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = fuzz::text_of(data, size);
  const fuzz::heap_bound bound{size, 400, 512 << 10};
  fuzz::holds(redis::slot_of(bytes) < redis::slot_count, "a key has a slot");
  redis::key_pattern(bytes);
  auto line = bytes;
  redis::slot_map map;
  if (const auto to = redis::parse_redirect(fuzz::take_line(line), "seed")) {
    fuzz::holds(to->slot < redis::slot_count && to->to.port > 0 && !to->to.host.empty(),
                "a redirect names a node");
    redis::name_to_verify(to->to.host, "name");
    map.learn(to->slot, to->to);
    fuzz::holds(map.owner(to->slot) != nullptr && *map.owner(to->slot) == to->to, "what was learnt is known");
  }
  redis::reply_reader reader{1 << 20, [&](const redis::raw_reply& r) {
                               map.learn_all(r.value, "seed");
                               return true;
                             }};
  static_cast<void>(reader.receive(bytes));
  for (uint16_t slot = 0; slot < redis::slot_count; slot += 97)
    if (const auto* node = map.owner(slot))
      fuzz::holds(node->port > 0 && !node->host.empty(), "a slot's node can be met");
  return 0;
}
