// SPDX-License-Identifier: BSL-1.0
// The mixture over the default policies: nothing is asked of a resource, callers open for themselves.
#include <memory>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <dewpond/pool.hpp>
#include <stress/mix.hpp>

using namespace std::chrono_literals;
using Pool = dewpond::Pool<stress::PlainDriver>;

namespace {
const auto make = [](stress::World& w, dewpond::Options o) { return std::make_unique<Pool>(stress::PlainDriver{w}, std::move(o)); };
}

BOOST_AUTO_TEST_SUITE(mix_caller, *boost::unit_test::timeout(600))

BOOST_AUTO_TEST_CASE(everything_works) { stress::over_the_matrix<Pool>({}, true, 160ms, make); }

BOOST_AUTO_TEST_CASE(every_third_opening_fails) {
    stress::over_the_matrix<Pool>({.open_fails = 4, .open_throws = 9, .misconfigured = 50}, true, 160ms, make);
}

BOOST_AUTO_TEST_SUITE_END()
