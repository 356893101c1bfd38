// SPDX-License-Identifier: BSL-1.0
// The mixture over a strict queue and a moody driver, without threads of the pool's own: checks fail, resets break or
// are put off for maintain().
#include <memory>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <dewpond/pool.hpp>
#include <stress/mix.hpp>

using namespace std::chrono_literals;
using Pool = dewpond::Pool<stress::MoodyDriver, dewpond::StrictFifo>;

BOOST_AUTO_TEST_SUITE(mix_strict, *boost::unit_test::timeout(600))

BOOST_AUTO_TEST_CASE(nothing_is_reliable) {
    stress::over_the_matrix<Pool>(
        {.open_fails = 8, .check_fails = 10, .comes_back_dirty = 3, .reset_breaks = 6, .reset_unfinished = 4}, false, 200ms,
        [](stress::World& w, dewpond::Options o) { return std::make_unique<Pool>(stress::MoodyDriver{w}, std::move(o)); });
}

BOOST_AUTO_TEST_SUITE_END()
