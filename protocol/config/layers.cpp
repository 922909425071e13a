#include "protocol/config/layers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "protocol/config/dotenv.hpp"
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

void layers::take_variables(const variables& all, layer from) {
  for (const auto& o : options()) {
    const variable* taken = nullptr;
    for (const auto name : o.environment) {
      const auto at = all.find(name);
      if (at == all.end() || at->second.value.empty()) continue;
      if (taken == nullptr) {
        taken = &at->second;
        take(o, from, taken->place, check_text(o, taken->value));
      } else if (taken->value != at->second.value) {
        out_.notes.push_back(
            fmt::format("{} is taken for {}; {} is not used", taken->place, o.name(), at->second.place));
      }
    }
  }
}

void layers::add_dotenv(std::string_view text, const std::string& name) {
  const auto entries = parse_dotenv(text, name);
  if (!entries) {
    problem(entries.error().detail);
    return;
  }
  variables all;
  for (const auto& e : *entries) all[e.key] = {e.value, fmt::format("{}:{}: {}", name, e.line, e.key)};
  take_variables(all, layer::dotenv);
}

void layers::add_environment(const std::vector<std::pair<std::string, std::string>>& environment) {
  variables all;
  for (const auto& [name, content] : environment) all[name] = {content, name};
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
    take(*o, layer::command_line, std::string{name}, check_text(*o, content.value_or("true")));
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
