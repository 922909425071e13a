#include "tests/unit/memory/fixtures.hpp"

#include <fmt/format.h>

namespace mw::memory {

watermark msg(int n) {
  return {fmt::format("m{}", n), fmt::format("2026-11-23T11:{:02}:00.000000+00:00", n)};
}

commit make_commit(int base, int through) {
  commit c;
  c.user_id = std::string{"u"};
  c.session_id = std::string{"s"};
  if (base > 0) c.base = msg(base);
  c.through = msg(through);
  for (int i = base + 1; i <= through; ++i) c.span.push_back(msg(i));
  c.summary = fmt::format("They talked up to {}.", through);
  c.themes = {"talk"};
  c.model = "model-1";
  c.used.calls = 1;
  return c;
}

operation op_add(std::string item, int evidence, category in) {
  return {op_kind::add, in, std::move(item), "", "quote", msg(evidence)};
}
operation op_remove(std::string item, int evidence, category in) {
  return {op_kind::remove, in, std::move(item), "", "quote", msg(evidence)};
}
operation op_replace(std::string old, std::string item, int evidence, category in) {
  return {op_kind::replace, in, std::move(item), std::move(old), "quote", msg(evidence)};
}

const std::vector<std::string>& interests(const profile& p) {
  return p.lists.at(static_cast<size_t>(category::interests));
}

}  // namespace mw::memory
