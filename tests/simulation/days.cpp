// SPDX-License-Identifier: BSL-1.0
// Three days and nights in which everything goes wrong now and then. The books are balanced after every step: see
// World::check().
#include <cmath>
#include <numbers>

#include <boost/test/unit_test.hpp>

#include "simulation/world.hpp"

using namespace simulation;

namespace {

double by_daylight(TimePoint t) {
    const double hours = std::chrono::duration<double, std::ratio<3600>>(t.time_since_epoch()).count();
    return 0.51 - 0.49 * std::cos(hours / 24 * 2 * std::numbers::pi);
}

/// Ages, faults of every kind, outages short and long, waiters that change their minds.
struct Life {
    explicit Life(std::uint64_t seed) : world{plan(seed)}, dice{~seed} {
        Weather& x = world.server.weather;
        x.open_from = 1ms, x.open_to = 80ms;
        x.open_fails = 0.02;
        x.open_hangs = 0.005;
        x.ping_fails = 0.02;
        x.dies_at_rest = 0.001;
        x.reset_breaks = 0.02;
        x.reset_unfinished = 0.1;
        x.stays_dirty = 0.01;
        world.traffic = {.most_per_second = 3,
                         .share = by_daylight,
                         .hold_from = 1ms,
                         .hold_to = 4s,
                         .limit = 5s,
                         .held_long = 0.0002,
                         .left_dirty = 0.05,
                         .found_broken = 0.003,
                         .discarded = 0.003,
                         .reported = 0.002,
                         .detached = 0.001,
                         .tried_only = 0.05,
                         .opened_in_caller = 0.3,
                         .withdrawn = 0.01};
    }
    static Plan plan(std::uint64_t seed) {
        Plan p;
        p.seed = seed;
        p.options.max_size = 8;
        p.options.min_idle = 1;
        p.options.max_waiting = 40;
        p.lifetime = {.max_idle = 200s, .max_lifetime = 900s};
        return p;
    }
    void run(Duration span) {
        const TimePoint end = world.now() + span.ns();
        while (world.now() < end) {
            world.run_until(std::min(end, world.now() + dice.between(10min, 3h)));
            if (world.now() < end) trouble();
        }
    }
    void trouble() {
        Weather& x = world.server.weather;
        world.server.faults += 1;
        switch (dice.below(5)) {
            case 0:  // an outage; the connections go with it
            case 1:
                x.up = false;
                x.when_down = dice.chance(0.2) ? Fault::configuration : dice.chance(0.5) ? Fault::starting : Fault::unreachable;
                world.server.break_all();
                world.run(dice.between(1s, 20min));
                x.up = true;
                break;
            case 2:  // a failover: the connections go, new ones can be had
                world.server.break_all();
                break;
            case 3:  // nothing new can be had, what is there goes on
                x.open_fails = 1;
                world.run(dice.between(1s, 5min));
                x.open_fails = 0.02;
                break;
            default:  // a rush
                for (std::uint64_t n = dice.below(60); n != 0; --n) world.ask();
                break;
        }
    }
    World world;
    Dice dice;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(days, *boost::unit_test::timeout(120))

BOOST_AUTO_TEST_CASE(three_days_of_faults_lose_no_request_and_no_resource) {  // I1, I4, I6, I10, I11, I14
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        Life life{seed};
        life.run(24h * 3);
        const Stats s = life.world.stats();
        for (const CloseReason why : {CloseReason::max_idle, CloseReason::max_lifetime, CloseReason::check_failed, CloseReason::reset_failed, CloseReason::discarded}) {
            BOOST_TEST(s.closed_because(why) > 0u, dewpond::to_string(why) << " never happened");
        }
        BOOST_TEST(s.timed_out > 0u);
        BOOST_TEST(s.refused > 0u);
        BOOST_TEST(s.cancelled > 0u);
        BOOST_TEST(s.dirty_returns > 0u);
        BOOST_TEST(s.waited > 0u);
        BOOST_TEST(life.world.server.most_live == 8u);
        life.world.finish(seed % 2 == 0);
    }
}

BOOST_AUTO_TEST_CASE(a_seed_tells_the_same_story_twice) {
    const auto story = [](std::uint64_t seed) {
        Life life{seed};
        life.run(6h);
        return life.world.fingerprint();
    };
    const std::uint64_t first = story(7);
    BOOST_TEST(story(7) == first);
    BOOST_TEST(story(8) != first);
}

BOOST_AUTO_TEST_SUITE_END()
