// A value as an operator meant it: environment variables come with the line break of a mounted secret, with a
// byte order mark, or in the quotes that `docker --env-file` keeps. Pure.
#pragma once

#include <string>
#include <string_view>

namespace mw {

/// Without blanks, line breaks, no-break spaces and byte order marks at both ends.
std::string_view without_blanks(std::string_view text);
/// The same, and without one pair of quotes where both ends have the same kind; blanks within them go too.
std::string_view bare_text(std::string_view text);

/// Kubernetes sets NAME_PORT=tcp://10.0.0.1:6379 in every pod of a namespace that has a Service of that name.
/// What to do where `variable` holds such a link; empty where it holds none.
std::string service_link_words(std::string_view variable, std::string_view text);

}  // namespace mw
