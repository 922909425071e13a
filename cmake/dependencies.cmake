# Every library comes from Debian by package name (deploy/local/packages lists them). Targets: dep::NAME.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(ZLIB REQUIRED)
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
pkg_check_modules(FMT REQUIRED IMPORTED_TARGET fmt)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core)
find_package(mimalloc CONFIG REQUIRED)

# Debian's .pc files and CMake packages of the following are absent or unusable: find the files.
function(mw_import name header)
  find_path(${name}_INCLUDE ${header} REQUIRED)
  find_library(${name}_LIBRARY NAMES ${ARGN} REQUIRED)
  add_library(dep_${name} INTERFACE IMPORTED GLOBAL)
  target_include_directories(dep_${name} SYSTEM INTERFACE ${${name}_INCLUDE})
  target_link_libraries(dep_${name} INTERFACE ${${name}_LIBRARY})
  add_library(dep::${name} ALIAS dep_${name})
endfunction()

mw_import(caf_core caf/all.hpp caf_core)
mw_import(proton proton/connection_driver.h libqpid-proton-core.so.10)
mw_import(hiredis hiredis/hiredis.h hiredis)
mw_import(civetweb civetweb.h civetweb)

# Clock readings in the zones of the system's zone files.
find_library(ABSL_TIME absl_time REQUIRED)
find_library(ABSL_TIME_ZONE absl_time_zone REQUIRED)
add_library(dep_absl_time INTERFACE IMPORTED GLOBAL)
target_link_libraries(dep_absl_time INTERFACE ${ABSL_TIME} ${ABSL_TIME_ZONE})
add_library(dep::absl_time ALIAS dep_absl_time)
