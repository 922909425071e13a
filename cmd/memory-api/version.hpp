// The program's version, from the build.
#pragma once

namespace mw::api {

inline constexpr const char* version = MW_VERSION;

}  // namespace mw::api
