// What people read about the configuration, made from the option table: --help, the reference page
// (docs/configuration.md) and the printed configuration (config::print, declared in load.hpp).
#pragma once

#include <string>

namespace mw::config {

/// One line an option, for a terminal.
std::string help_text();
/// Markdown; docs/configuration.md is exactly this.
std::string reference_page();

}  // namespace mw::config
