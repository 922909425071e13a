#include "protocol/observe/log.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "protocol/base/utf8.hpp"

namespace mw::observe {

namespace {

void write_stderr(std::string_view line) {
  while (!line.empty()) {
    const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    line.remove_prefix(static_cast<size_t>(n));
  }
}

}  // namespace

std::string_view to_string(level l) {
  switch (l) {
    case level::debug:
      return "debug";
    case level::info:
      return "info";
    case level::warning:
      return "warning";
    case level::error:
      return "error";
  }
  return "unknown";
}

log_line::log_line(logger* target, level l, std::string_view event) : target_(target), level_(l) {
  if (target_ == nullptr) return;
  const auto permit = target_->admit(l, event);
  if (!permit) {
    target_ = nullptr;
    return;
  }
  text_ = target_->head(l, event);
  // The head opened the object by hand: its end is the writer's, and so is the comma before the next field.
  writer_.end_object();
  text_.pop_back();
  if (permit->suppressed > 0) field("suppressed", permit->suppressed);
  if (permit->last) field("limited", true);
}

log_line::~log_line() {
  if (target_ == nullptr) return;
  text_ += "}\n";
  target_->write(level_, text_);
}

log_line& log_line::field(std::string_view name, std::string_view text) {
  if (target_ == nullptr) return *this;
  const auto cut = text.substr(0, max_field_bytes);
  writer_.key(name).value(cut.size() == text.size() ? text : utf8_prefix(text, max_field_bytes));
  return *this;
}

log_line& log_line::failed(const failure& f) {
  if (target_ == nullptr) return *this;
  field("error", mw::to_string(f.code)).field("from", mw::to_string(f.from));
  return f.detail.empty() ? *this : field("detail", f.detail);
}

logger::logger(logger_options options)
    : options_(std::move(options)),
      least_(options_.least),
      sink_(options_.sink ? options_.sink : write_stderr) {}

void logger::set_common(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string text;
  for (const auto& [name, content] : fields) {
    text.push_back(',');
    append_json_string(text, name);
    text.push_back(':');
    append_json_string(text, content);
  }
  const std::lock_guard lock{mutex_};
  common_ = std::move(text);
}

void logger::set_sink(std::function<void(std::string_view)> sink) {
  const std::lock_guard lock{mutex_};
  sink_ = sink ? std::move(sink) : write_stderr;
}

void logger::set_tap(std::function<void(std::string_view)> tap) {
  const std::lock_guard lock{mutex_};
  tap_ = std::move(tap);
}

std::optional<logger::permit> logger::admit(level l, std::string_view event) {
  if (l < level::warning) return permit{};
  const auto now = options_.now
                       ? options_.now()
                       : std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  const std::lock_guard lock{mutex_};
  auto at = repeated_.find(event);
  if (at == repeated_.end()) at = repeated_.emplace(event, repeats{now, 0, 0}).first;
  auto& r = at->second;
  // A clock set back starts a new period, too.
  if (now - r.since >= options_.period || now < r.since) {
    r.since = now;
    r.written = 0;
  }
  if (r.written >= options_.repeats) {
    ++r.suppressed;
    suppressed_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  ++r.written;
  return permit{r.written == options_.repeats, std::exchange(r.suppressed, 0)};
}

std::string logger::head(level l, std::string_view event) {
  const auto now = options_.now
                       ? options_.now()
                       : std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  std::string out;
  out.reserve(256);
  out += R"({"time":")";
  out += format_iso_time(now);
  out += R"(","level":")";
  out += to_string(l);
  out += R"(","event":)";
  append_json_string(out, event);
  const std::lock_guard lock{mutex_};
  out += common_;
  return out;
}

void logger::write(level l, std::string_view line) {
  const std::lock_guard lock{mutex_};
  sink_(line);
  if (tap_ && l >= level::warning) tap_(line);
}

logger& process_logger() {
  // Never destroyed: threads may log while the process exits.
  static auto* const instance = new logger{{}};
  return *instance;
}

}  // namespace mw::observe
