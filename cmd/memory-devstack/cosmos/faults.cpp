#include "cmd/memory-devstack/cosmos/faults.hpp"

#include <array>

#include "protocol/memory/json_fields.hpp"

namespace mw::cosmos_standin {
namespace {

constexpr std::array<std::string_view, 4> kinds{"answer", "lost-response", "cut", "lag"};

fault_rule read_rule(const memory::json_fields& f) {
  fault_rule r;
  const std::string kind = f.required_text("kind");
  bool known = false;
  for (size_t i = 0; i < kinds.size(); ++i)
    if (kinds.at(i) == kind) {
      r.kind = static_cast<fault_kind>(i);
      known = true;
    }
  if (!known) f.complain("kind", "is not answer, lost-response, cut or lag");
  r.on = f.text("on");
  r.container = f.text("container");
  r.skip = f.number("skip");
  r.next = f.number("next");
  if (f.has("status")) r.status = static_cast<int>(f.number("status"));
  r.substatus = static_cast<int>(f.number("substatus"));
  if (f.has("retry_after_ms")) r.retry_after_ms = static_cast<int64_t>(f.number("retry_after_ms"));
  if (f.has("cut_after")) r.cut_after = static_cast<int64_t>(f.number("cut_after"));
  if (f.has("behind")) r.behind = static_cast<int64_t>(f.number("behind"));
  return r;
}

}  // namespace

result<fault_settings> parse_fault_settings(std::string_view json) {
  fault_settings s;
  const auto done = memory::json_fields::parse(json, "faults", [&](const memory::json_fields& f) {
    s.clear = f.flag("clear");
    f.each("faults", [&](const memory::json_fields& rule) { s.rules.push_back(read_rule(rule)); });
  });
  if (!done) return fail(errc::rejected, done.error().detail);
  return s;
}

std::optional<fault_rule> fault_plan::pick(std::string_view operation, std::string_view container) {
  for (auto& r : rules_) {
    if (!r.on.empty() && r.on != operation) continue;
    if (!r.container.empty() && r.container != container) continue;
    if (r.spent()) continue;
    if (++r.seen > r.skip) return r;
  }
  return std::nullopt;
}

}  // namespace mw::cosmos_standin
