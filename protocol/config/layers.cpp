#include "protocol/config/layers.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>

#include "protocol/base/bare_text.hpp"
#include "protocol/config/dotenv.hpp"
#include "protocol/config/otel.hpp"
#include "protocol/config/suggest.hpp"

namespace mw::config {

namespace {

constexpr std::string_view see_reference = "; `memory-worker config --reference` lists all";

std::vector<std::string_view> sections() {
  std::vector<std::string_view> out;
  for (const auto& o : options())
    if (out.empty() || out.back() != o.section) out.push_back(o.section);
  return out;
}

std::vector<std::string_view> keys_of(std::string_view section) {
  std::vector<std::string_view> out;
  for (const auto& o : options())
    if (o.section == section) out.push_back(o.key);
  return out;
}

std::set<std::string_view> names_of_variables() {
  std::set<std::string_view> out;
  for (const auto& o : options()) out.insert(o.environment.begin(), o.environment.end());
  return out;
}

/// How to say it right, for a key that `section` doesn't have.
std::string hint(std::string_view section, std::string_view key) {
  const auto all = sections();
  if (std::find(all.begin(), all.end(), section) == all.end()) {
    const auto near = nearest(section, all);
    if (near.empty()) return fmt::format("unknown section{}", see_reference);
    return fmt::format("unknown section; did you mean {}?", near);
  }
  if (const auto near = nearest(key, keys_of(section)); !near.empty())
    return fmt::format("unknown key; did you mean {}?", near);
  for (const auto& o : options())
    if (o.key == key) return fmt::format("unknown key; {} belongs to section {}", key, o.section);
  return fmt::format("unknown key{}", see_reference);
}

}  // namespace

void layers::problem(std::string line) {
  out_.problems.push_back(fail(errc::misconfigured, std::move(line)));
}

const layers::setting* layers::find(std::string_view section, std::string_view key) const {
  const auto at = found_.find(find_option(section, key));
  if (at == found_.end()) return nullptr;
  for (auto one = at->second.rbegin(); one != at->second.rend(); ++one)
    if (*one) return &**one;
  return nullptr;
}

void layers::take(const option& o, layer from, std::string place, result<value> v) {
  if (!v) {
    problem(fmt::format("{}: {}: {}", place, o.name(), v.error().detail));
    return;
  }
  found_[&o][static_cast<size_t>(from)] = setting{*std::move(v), from, std::move(place)};
}

void layers::unknown(const file_entry& e, const std::string& name) {
  problem(fmt::format("{}:{}: {}.{}: {}", name, e.key_at.line, e.section, e.key, hint(e.section, e.key)));
}

void layers::add_file(std::string_view text, const std::string& name) {
  const auto entries = parse_file(text, name);
  if (!entries) {
    problem(entries.error().detail);
    return;
  }
  std::map<const option*, uint32_t> seen;
  for (const auto& e : *entries) {
    const auto* const o = find_option(e.section, e.key);
    if (o == nullptr) {
      unknown(e, name);
      continue;
    }
    const auto [at, first] = seen.emplace(o, e.key_at.line);
    if (first) {
      take(*o, layer::file, fmt::format("{}:{}", name, e.key_at.line), check(*o, e.content));
    } else {
      problem(fmt::format("{}:{}: {}: set before on line {}; keep one of the two", name, e.key_at.line,
                          o->name(), at->second));
    }
  }
}

void layers::warn(std::string_view cause, std::string line) {
  out_.warnings.push_back({cause, std::move(line)});
}

bool layers::take_otel(const option& o, layer from, const variable& v) {
  // What is said to a sampler that we do not have is not for another one.
  if (o.key == "sampler-arg" && sampler_refused_) return false;
  auto read = read_otel(o, v.value);
  if (read.grpc) {
    grpc_ = setting{{}, from, v.place};
    return true;
  }
  if (!read.cause.empty()) warn(read.cause, fmt::format("{}: {}: {}", v.place, o.name(), read.words));
  if (!read.taken) {
    sampler_refused_ = sampler_refused_ || o.key == "sampler";
    return false;
  }
  take(o, from, v.place, std::move(*read.taken));
  return true;
}

bool layers::take_variable(const option& o, layer from, std::string_view name, const variable& v) {
  if (is_otel(name)) return take_otel(o, from, v);
  take(o, from, v.place, check_text(o, v.value));
  return true;
}

void layers::take_variables(const variables& all, layer from) {
  sampler_refused_ = false;
  for (const auto& o : options()) {
    const variable* taken = nullptr;
    for (const auto name : o.environment) {
      const auto at = all.find(name);
      if (at == all.end() || at->second.value.empty()) continue;
      if (taken == nullptr) {
        if (take_variable(o, from, name, at->second)) taken = &at->second;
      } else if (taken->value != at->second.value) {
        out_.notes.push_back(
            fmt::format("{} is taken for {}; {} is not used", taken->place, o.name(), at->second.place));
      }
    }
  }
}

void layers::switch_grpc_off() {
  if (!grpc_) return;
  const auto* const protocol = find("telemetry", "otlp-protocol");
  if (protocol != nullptr && protocol->from > grpc_->from) return;
  warn("unsupported-value", fmt::format("{}: {}", grpc_->place, grpc_words));
  const auto* const exporter = find_option("telemetry", "traces-exporter");
  found_[exporter][static_cast<size_t>(grpc_->from)] =
      setting{std::string{"none"}, grpc_->from, grpc_->place};
}

std::string layers::meant(std::string_view name, std::string_view content) {
  const auto bare = bare_text(content);
  if (bare.empty() && !content.empty()) {
    out_.notes.push_back(fmt::format("{} holds nothing but blanks or quotes: it counts as not set", name));
  } else if (bare.size() != content.size()) {
    out_.notes.push_back(
        fmt::format("{} was trimmed: blanks, a line break or quotes stood round its value", name));
  }
  return std::string{bare};
}

void layers::note_passed_over(const std::vector<uint32_t>& lines, const std::string& name) {
  constexpr size_t shown = 10;
  if (lines.empty()) return;
  const size_t count = std::min(lines.size(), shown);
  out_.notes.push_back(
      fmt::format("{}: passed over what is not KEY=VALUE: line {}{}", name,
                  fmt::join(lines.begin(), lines.begin() + static_cast<ptrdiff_t>(count), ", "),
                  lines.size() > shown ? fmt::format(" and {} more", lines.size() - shown) : ""));
}

void layers::add_dotenv(std::string_view text, const std::string& name) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    return problem(fmt::format("{}: is UTF-16; save it as UTF-8", name));
  const auto ours = names_of_variables();
  auto read = parse_dotenv(text);
  variables all;
  for (auto& e : read.entries) {
    const auto place = fmt::format("{}:{}: {}", name, e.line, e.key);
    const bool known = ours.contains(e.key);
    if (!e.trouble.empty()) {
      if (known) problem(fmt::format("{}: expected {}", place, e.trouble));
      if (!known) read.passed_over.push_back(e.line);
      continue;
    }
    // Quotes are taken off already: those that are left are meant.
    const auto bare = without_blanks(e.value);
    if (known && bare.size() != e.value.size())
      out_.notes.push_back(
          fmt::format("{} was trimmed: blanks or a line break stood round its value", place));
    if (known) all[std::move(e.key)] = {std::string{bare}, place};
  }
  std::sort(read.passed_over.begin(), read.passed_over.end());
  note_passed_over(read.passed_over, name);
  take_variables(all, layer::dotenv);
}

void layers::add_environment(const std::vector<std::pair<std::string, std::string>>& environment) {
  const auto ours = names_of_variables();
  variables all;
  for (const auto& [name, content] : environment)
    if (ours.contains(name)) all[name] = {meant(name, content), name};
  take_variables(all, layer::environment);
}

/// `name` and, where there is one, the text behind '='.
void layers::take_argument(std::string_view name, std::optional<std::string_view> content, size_t number) {
  // What isn't an option's name may be a secret: it is not shown.
  const size_t dot = name.find('.');
  if (name.substr(0, 2) != "--" || dot == std::string_view::npos) {
    const auto shown = name.substr(0, 2) == "--" ? std::string{name} : fmt::format("argument {}", number);
    problem(fmt::format("command line: {}: expected --section.key=VALUE{}", shown, see_reference));
    return;
  }
  const auto section = name.substr(2, dot - 2);
  const auto key = name.substr(dot + 1);
  const auto* const o = find_option(section, key);
  if (o == nullptr) {
    problem(fmt::format("command line: {}: {}", name, hint(section, key)));
  } else if (!content && o->type != option_type::boolean) {
    problem(fmt::format("command line: {}: expected a value, as {}=VALUE", name, name));
  } else {
    take(*o, layer::command_line, std::string{name},
         check_text(*o, without_blanks(content.value_or("true"))));
  }
}

std::string layers::add_arguments(const std::vector<std::string>& arguments) {
  std::string file;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view name = arguments[i];
    std::optional<std::string_view> content;
    if (const size_t equals = name.find('='); equals != std::string_view::npos) {
      content = name.substr(equals + 1);
      name = name.substr(0, equals);
    }
    if (name != "--config") {
      take_argument(name, content, i + 1);
      continue;
    }
    if (!content && i + 1 < arguments.size()) content = arguments[++i];
    if (content) file = *content;
    if (file.empty())
      problem("command line: --config: expected the name of a file, as --config memory-worker.conf");
  }
  return file;
}

void layers::apply() {
  switch_grpc_off();
  for (const auto& o : options()) {
    const auto* const taken = find(o.section, o.key);
    if (taken == nullptr) continue;
    o.set(out_.values, taken->content);
    out_.origins.push_back({&o, taken->from, taken->place});
    const auto& in_file = found_[&o][static_cast<size_t>(layer::file)];
    if (in_file && (taken->from == layer::environment || taken->from == layer::dotenv))
      out_.notes.push_back(fmt::format("{} overrides {} of {}", taken->place, o.name(), in_file->place));
  }
}

}  // namespace mw::config
