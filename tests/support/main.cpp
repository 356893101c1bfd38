// SPDX-License-Identifier: BSL-1.0
// The main function of every test program; each suite names itself in its own file.
#define BOOST_TEST_MODULE dewpond
#include <boost/test/unit_test.hpp>
