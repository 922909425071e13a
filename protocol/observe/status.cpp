#include "protocol/observe/status.hpp"

#include <algorithm>
#include <utility>

namespace mw::observe {

namespace {

constexpr std::string_view not_tried = "not tried yet";

bool well(state s) {
  return s == state::ok || s == state::degraded;
}

}  // namespace

std::string_view to_string(state s) {
  switch (s) {
    case state::starting:
      return "starting";
    case state::ok:
      return "ok";
    case state::degraded:
      return "degraded";
    case state::down:
      return "down";
    case state::stopping:
      return "stopping";
  }
  return "unknown";
}

status_board::status_board(board_options options) : options_(std::move(options)), started_(clock()) {
  for (const auto& part : options_.required)
    parts_[part] = {state::starting, std::string{not_tried}, started_};
}

wall_time status_board::clock() const {
  return options_.now ? options_.now()
                      : std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

void status_board::set(std::string_view part, state s, std::string_view detail) {
  const std::lock_guard lock{mutex_};
  auto at = parts_.find(part);
  if (at == parts_.end()) at = parts_.emplace(part, part_state{s, {}, clock()}).first;
  auto& p = at->second;
  if (p.now != s) p.since = clock();
  p.now = s;
  if (p.detail != detail) p.detail = detail;
}

void status_board::remove(std::string_view part) {
  const std::lock_guard lock{mutex_};
  const auto at = parts_.find(part);
  if (at == parts_.end()) return;
  const bool required =
      std::find(options_.required.begin(), options_.required.end(), part) != options_.required.end();
  if (required)
    at->second = {state::starting, std::string{not_tried}, clock()};
  else
    parts_.erase(at);
}

void status_board::fact(std::string_view name, std::string_view text) {
  const std::lock_guard lock{mutex_};
  facts_.insert_or_assign(std::string{name}, std::string{text});
}

void status_board::fact(std::string_view name, double number) {
  const std::lock_guard lock{mutex_};
  const auto at = facts_.find(name);
  if (at != facts_.end())
    at->second = number;
  else
    facts_.emplace(name, number);
}

void status_board::list(std::string_view name, std::string json) {
  const std::lock_guard lock{mutex_};
  lists_.insert_or_assign(std::string{name}, std::move(json));
}

bool status_board::ready_locked() const {
  return std::all_of(parts_.begin(), parts_.end(), [](const auto& p) { return well(p.second.now); });
}

bool status_board::ready() const {
  const std::lock_guard lock{mutex_};
  return ready_locked();
}

void status_board::write_parts(json_writer& w) const {
  w.key("ready").value(ready_locked()).key("parts").begin_object();
  for (const auto& [name, p] : parts_) {
    w.key(name).begin_object();
    w.key("state").value(to_string(p.now)).key("detail").value(p.detail);
    w.key("since").value(format_iso_time(p.since)).end_object();
  }
  w.end_object();
}

status_board::readiness status_board::report() const {
  readiness out;
  json_writer w{out.json};
  const std::lock_guard lock{mutex_};
  out.ready = ready_locked();
  w.begin_object();
  write_parts(w);
  w.end_object();
  return out;
}

std::string status_board::status_json() const {
  std::string out;
  json_writer w{out};
  const auto now = clock();
  const std::lock_guard lock{mutex_};
  w.begin_object();
  w.key("service")
      .value(options_.service)
      .key("node")
      .value(options_.node)
      .key("version")
      .value(options_.version);
  w.key("started").value(format_iso_time(started_));
  w.key("uptime_s").value(int64_t{std::chrono::floor<std::chrono::seconds>(now - started_).count()});
  write_parts(w);
  w.key("facts").begin_object();
  for (const auto& [name, content] : facts_) {
    w.key(name);
    if (const auto* const text = std::get_if<std::string>(&content))
      w.value(*text);
    else
      w.value(std::get<double>(content));
  }
  w.end_object();
  for (const auto& [name, json] : lists_) w.key(name).raw(json);
  w.end_object();
  return out;
}

}  // namespace mw::observe
