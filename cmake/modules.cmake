# mw_module(NAME deps...)  one static library mw_NAME from protocol/NAME/*.cpp; a slash in NAME becomes _
# mw_tests(NAME deps...)   one doctest program test_NAME from tests/unit/NAME/*.cpp
# mw_test_program(NAME SOURCES deps...)  the same from these sources
# mw_warnings(TARGET)      our warnings, as errors
# mw_code(TARGET)          the same for what is no test; compiles its files in batches
# mw_headers(TARGET OWNER) parses the headers that most files need once: OWNER's, or its own where OWNER is TARGET
# mw_allocator(TARGET)     mimalloc instead of glibc's malloc (bench/README.md says what it is worth); not under sanitizers
# GCC 12 sees restrict and stringop-overflow troubles in plain std::string code that are none (GCC PR 105329, 105651).
set(MW_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
    -Wno-missing-field-initializers -Wno-restrict -Wno-stringop-overflow)

if(MW_DELIBERATE_FAULTS)
  add_compile_definitions(MW_DELIBERATE_FAULTS)
endif()

if(MW_SANITIZE)
  # -fno-sanitize=null: CAF 0.17's spawn code forms null references on purpose of its own (docs/design.md 9).
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=null -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
  # Enough for stacks with lines; twice as fast to build as -O2 -g. GCC warns of initialised variables under sanitizers.
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
  list(APPEND MW_WARNINGS -Wno-maybe-uninitialized)
endif()

if(MW_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1")
  list(APPEND MW_WARNINGS -Wno-unknown-warning-option)  # those above that only GCC knows
endif()

function(mw_warnings target)
  target_compile_options(${target} PRIVATE ${MW_WARNINGS} -Werror)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
endfunction()

# Several files are compiled as one: most of the time goes into what they include, and is spent once for all. So few that
# an edit of one stays cheap and that two processors end together; names of one file must be new to its whole library.
set(MW_BATCH 6)

function(mw_code target)
  mw_warnings(${target})
  get_target_property(sources ${target} SOURCES)
  list(LENGTH sources count)
  if(MW_UNITY AND count GREATER 1)
    math(EXPR batches "(${count} + ${MW_BATCH} - 1) / ${MW_BATCH}")
    math(EXPR size "(${count} + ${batches} - 1) / ${batches}")
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${size})
  endif()
endfunction()

function(mw_allocator target)
  if(NOT MW_SANITIZE AND NOT MW_FUZZ)
    target_link_libraries(${target} PRIVATE mimalloc)
  endif()
endfunction()

# What nearly every file reads. One owner for all: parsing them anew for each library was a tenth of the build. Only the
# standard's: with simdjson among them GCC 12 warns of code that is well (array-bounds), and gains little.
set(MW_HEADERS <chrono> <functional> <map> <memory> <string> <string_view> <unordered_map> <vector> <optional> <variant>)

function(mw_headers target owner)
  if(target STREQUAL owner)
    target_precompile_headers(${target} PRIVATE ${MW_HEADERS} ${ARGN})
  else()
    target_precompile_headers(${target} REUSE_FROM ${owner})
  endif()
endfunction()

function(mw_module folder)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/protocol/${folder}/*.cpp)
  string(REPLACE / _ name ${folder})
  if(sources)
    add_library(mw_${name} STATIC ${sources})
    target_link_libraries(mw_${name} PUBLIC ${ARGN})
    mw_code(mw_${name})
    mw_headers(mw_${name} mw_base)
  else()
    add_library(mw_${name} INTERFACE)
    target_link_libraries(mw_${name} INTERFACE ${ARGN})
  endif()
endfunction()

function(mw_tests name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${name}/*.cpp)
  if(sources)
    mw_test_program(${name} "${sources}" ${ARGN})
  endif()
endfunction()

# For doctest_main too, which owns the headers of all test programs.
function(mw_test_options target)
  if(NOT MW_SANITIZE)
    # A third less to build; GCC 12 then sees array-bounds troubles of the same kind as above.
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1> -Wno-array-bounds)
  endif()
  mw_warnings(${target})
  mw_headers(${target} doctest_main <doctest/doctest.h>)
endfunction()

function(mw_test_program name sources)
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE doctest_main ${ARGN})
  mw_test_options(test_${name})
  set_property(GLOBAL APPEND PROPERTY MW_TEST_TARGETS test_${name})
endfunction()
