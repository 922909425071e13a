#include "protocol/config/reference.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "protocol/config/load.hpp"
#include "protocol/config/options.hpp"

namespace mw::config {

namespace {

/// "50000", "of the preset", or empty for an option that has none.
std::string default_of(const option& o) {
  if (!o.default_note.empty()) return std::string{o.default_note};
  auto text = write_value(o, o.get(settings{}));
  return text == "\"\"" ? std::string{} : text;
}

std::string cell(std::string text) {
  for (size_t i = 0; (i = text.find('|', i)) != std::string::npos; i += 2) text.insert(i, 1, '\\');
  return text;
}

std::string_view type_name(option_type type) {
  switch (type) {
    case option_type::text:
      return "string";
    case option_type::url:
      return "URL";
    case option_type::secret:
      return "secret";
    case option_type::boolean:
      return "bool";
    case option_type::integer:
      return "integer";
    case option_type::bytes:
      return "bytes";
    case option_type::real:
      return "float";
    case option_type::duration:
      return "duration";
    case option_type::choice:
      return "choice";
  }
  return "";
}

std::string type_cell(const option& o) {
  std::string out{type_name(o.type)};
  if (!o.unit.empty()) out += fmt::format(" ({})", o.unit);
  if (const auto range = write_range(o); !range.empty()) out += ", " + range;
  return out;
}

}  // namespace

std::string help_text() {
  std::string out =
      "Options (defaults < file < environment, .env below it < command line):\n"
      "  --config FILE   configuration file; else $MEMORY_WORKER_CONFIG, else ./memory-worker.conf where "
      "there is one\n";
  std::string_view section;
  for (const auto& o : options()) {
    if (o.section != section) out += fmt::format("\n[{}]\n", section = o.section);
    out += fmt::format("  --{}=<{}>", o.name(), type_name(o.type));
    if (const auto text = default_of(o); !text.empty()) out += fmt::format("  default {}", text);
    if (!o.environment.empty()) out += fmt::format("  ({})", fmt::join(o.environment, ", "));
    out += fmt::format("\n      {}\n", o.doc);
  }
  return out;
}

std::string reference_page() {
  std::string out =
      "# Configuration\n\n"
      "Made by `memory-worker config --reference` from the option table; edit `protocol/config/options.cpp`, "
      "not this page.\n\n"
      "Defaults are overridden by the file, the file by the environment, the environment by the command "
      "line. The file is the one named\n"
      "with `--config FILE`, else by `MEMORY_WORKER_CONFIG`, else `memory-worker.conf` in the working "
      "directory where there is one. A\n"
      "`.env` file in the working directory counts as environment; the process's own variables win over it. "
      "An empty variable counts as\n"
      "not set. On the command line an option is written `--section.key=VALUE`.\n\n"
      "Blanks, line breaks and a byte order mark round a value of the environment are no part of it, nor is "
      "a "
      "pair of quotes (which\n"
      "`docker --env-file` keeps); a note names the variable. A text that must keep them stands in the file. "
      "Of "
      "`.env`, which may be shared\n"
      "with other programs, only the variables below are read; values in quotes may go over several lines, "
      "and "
      "other lines are passed\n"
      "over. An `OTEL_*` value that is not supported warns and counts as not set; any other wrong value is a "
      "mistake.\n\n"
      "HTTP requests go through the proxy of `http_proxy`, `https_proxy` or `all_proxy` (or in capitals, but "
      "not "
      "`HTTP_PROXY`), unless\n"
      "`no_proxy` covers the host: a name with its subdomains, stars as `*.svc`, an address, a block as "
      "`10.0.0.0/8`, each with or without\n"
      "`:PORT`, divided by commas or blanks. `memory-worker health` and managed identities never use one.\n\n"
      "```\n"
      "; memory-worker.conf\n"
      "[dispatcher]\n"
      "preset = \"fresh\"\n"
      "max-jobs = 50\n\n"
      "[session_loader]\n"
      "host = \"redis.example.net\"\n"
      "max-conversation = \"4MiB\"\n"
      "command-timeout = 1500ms\n"
      "```\n\n"
      "Durations are whole numbers with `ns`, `us`, `ms`, `s`, `min` or `h`; sizes are bytes or strings as "
      "`\"256MiB\"`. Any mistake (unknown\n"
      "key, wrong type, out of range, something required that is missing) is reported in one line each, and "
      "the program exits with 78.\n"
      "At SIGHUP `run` reads the file and `.env` anew. Options marked *reloadable* take their new value at "
      "once; where anything is wrong nothing\n"
      "is changed, and the log says what and where. What changed and is not reloadable is named in the log "
      "and "
      "waits for a restart.\n";
  std::string_view section;
  for (const auto& o : options()) {
    if (o.section != section) {
      section = o.section;
      out += fmt::format(
          "\n## [{}]\n\n| Key | Type | Default | Environment | Reloadable | |\n|---|---|---|---|---|---|\n",
          section);
    }
    out += fmt::format("| `{}` | {} | {} | {} | {} | {}{} |\n", o.key, cell(type_cell(o)), default_of(o),
                       fmt::join(o.environment, ", "), o.reloadable ? "yes" : "", cell(std::string{o.doc}),
                       o.required.empty() ? "" : " Required.");
  }
  return out;
}

std::string print(const loaded& l) {
  std::string out;
  std::string_view section;
  for (const auto& o : options()) {
    if (o.section != section) {
      out += fmt::format("{}[{}]\n", section.empty() ? "" : "\n", o.section);
      section = o.section;
    }
    const auto at =
        std::find_if(l.origins.begin(), l.origins.end(), [&](const origin& x) { return x.what == &o; });
    const std::string from = at != l.origins.end() ? at->place : "default";
    const auto text = write_value(o, o.get(l.values));
    if (text.empty() || text == "\"\"")
      out += fmt::format("; {} is not set\n", o.key);
    else
      out += fmt::format("{} = {} ; {}\n", o.key, text, from);
  }
  return out;
}

}  // namespace mw::config
