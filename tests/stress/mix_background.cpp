// SPDX-License-Identifier: BSL-1.0
// The mixture over a pool with a busy crew: it opens, resets, refills and retires what is hardly born.
#include <memory>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <dewpond/pool.hpp>
#include <stress/mix.hpp>

using namespace std::chrono_literals;
using Pool = dewpond::Pool<stress::MoodyDriver, dewpond::OpenInBackground, dewpond::Lifetime>;

namespace {
const auto make = [](stress::World& w, dewpond::Options o) {
    return std::make_unique<Pool>(stress::MoodyDriver{w}, std::move(o), dewpond::OpenInBackground{},
                                  dewpond::Lifetime{.max_idle = 15ms, .max_lifetime = 40ms, .jitter = 50});
};
}  // namespace

BOOST_AUTO_TEST_SUITE(mix_background, *boost::unit_test::timeout(600))

BOOST_AUTO_TEST_CASE(hardly_born_already_retired) { stress::over_the_matrix<Pool>({.comes_back_dirty = 4, .reset_unfinished = 3}, true, 160ms, make); }

BOOST_AUTO_TEST_CASE(nothing_is_reliable) {
    stress::over_the_matrix<Pool>({.open_fails = 4, .open_throws = 9, .misconfigured = 60, .check_fails = 10, .comes_back_dirty = 3, .reset_breaks = 6, .reset_unfinished = 4},
                                  true, 160ms, make);
}

BOOST_AUTO_TEST_SUITE_END()
