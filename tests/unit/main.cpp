// Both, since doctest's declarations come precompiled: only a first reading would derive the one from the
// other.
#define DOCTEST_CONFIG_IMPLEMENT
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
