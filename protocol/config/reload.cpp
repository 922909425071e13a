#include "protocol/config/reload.hpp"

#include "protocol/config/options.hpp"

namespace mw::config {

reload merge(const settings& running, const settings& read) {
  reload out;
  out.values = running;
  for (const auto& o : options()) {
    const value before = o.get(running);
    const value after = o.get(read);
    if (before == after) continue;
    if (!o.reloadable) {
      out.need_restart.push_back(o.name());
      continue;
    }
    o.set(out.values, after);
    out.applied.push_back({o.name(), write_value(o, before), write_value(o, after)});
  }
  return out;
}

}  // namespace mw::config
