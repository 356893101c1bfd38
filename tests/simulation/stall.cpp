// SPDX-License-Identifier: BSL-1.0
// The whole process stood still (SIGSTOP, a virtual machine that moved): the clock jumped, and nobody did anything
// meanwhile. Ages that grew while nobody could use anything are no reason to close it. The keeper's own thread is at
// work here, as only that has a pace to be late by; this thread and that one take turns.
#include <vector>

#include <boost/test/unit_test.hpp>

#include "simulation/world.hpp"

using namespace simulation;

namespace {

/// A hundred resources, fifty of them leased.
struct Half {
    explicit Half(dewpond::Lifetime life, Duration pinged_after = 24h * 365) : pool{Driver{server}, options(), life, dewpond::PingAfterIdle{pinged_after}, clock} {
        take(100);
        leases.resize(50);
        clock.wait_until_parked(1);
    }
    static dewpond::Options options() {
        dewpond::Options o;
        o.max_size = 100;
        return o;
    }
    void take(std::size_t n) {
        for (std::size_t i = 0; i < n; ++i) leases.push_back(pool.checkout(1h));
    }
    /// The keeper comes when it should.
    void pass(Duration span, Duration step = 1s) {
        for (Duration done{}; done < span; done = done.ns() + step.ns()) stop(step);
    }
    /// Nobody runs for so long; then the keeper does.
    void stop(Duration span) {
        clock.advance(span);
        clock.wait_until_parked(1);
    }
    ManualClock clock;
    Server server{clock, 1};
    Pool pool;
    std::vector<Pool::Lease> leases;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(stall, *boost::unit_test::timeout(60))

BOOST_AUTO_TEST_CASE(sixty_seconds_stopped_with_50_leases_and_50_idle_closes_no_healthy_resource) {  // bug 20, brettwooldridge/HikariCP#354
    Half h{{.max_idle = 300s, .max_lifetime = dewpond::never}};
    h.pass(280s);
    BOOST_TEST(h.server.closes == 0u);
    h.stop(60s);
    BOOST_TEST(h.server.closes == 0u);
    h.take(50);  // the users are back
    h.leases.clear();
    h.pass(20s);
    BOOST_TEST(h.server.closes == 0u);
    BOOST_TEST(h.pool.stats().idle == 100u);
    BOOST_TEST(h.server.attempts.size() == 100u);
}

BOOST_AUTO_TEST_CASE(a_jump_of_a_day_evicts_nothing_in_that_round) {  // bug 20, brettwooldridge/HikariCP#745
    Half h{{}};
    h.pass(10s);
    h.stop(24h);
    BOOST_TEST(h.server.closes == 0u);
    // From then on the limits hold again, spaced as ever.
    std::uint32_t before = h.pool.stats().size;
    for (int i = 0; i < 60; ++i) {
        h.stop(1s);
        const std::uint32_t size = h.pool.stats().size;
        BOOST_TEST(before - size <= before / 10 + 1);
        before = size;
    }
    BOOST_TEST(h.pool.stats().in_use == 50u);
    BOOST_TEST(h.pool.stats().idle == 0u);  // they are too old, after all
}

BOOST_AUTO_TEST_CASE(several_stalls_in_a_row_evict_nothing) {
    Half h{{.max_idle = 300s, .max_lifetime = dewpond::never}};
    for (int i = 0; i < 20; ++i) h.stop(10min);
    BOOST_TEST(h.server.closes == 0u);
    BOOST_TEST(h.pool.stats().size == 100u);
}

BOOST_AUTO_TEST_CASE(what_died_meanwhile_is_found_by_the_round_after_a_stall) {
    Half h{{.max_idle = dewpond::never, .max_lifetime = dewpond::never}};
    h.pass(10s);
    h.server.break_all();
    h.stop(10min);
    BOOST_TEST(h.pool.stats().idle == 0u);
    BOOST_TEST(h.pool.stats().in_use == 50u);
    BOOST_TEST(h.pool.stats().closed_because(CloseReason::check_failed) == 50u);
}

BOOST_AUTO_TEST_CASE(what_rested_through_a_stall_is_pinged_before_it_is_lent) {
    // A peer that went away while this machine stood still is silent: no look at this host can tell.
    Half h{{.max_idle = dewpond::never, .max_lifetime = dewpond::never}, 30s};
    h.stop(1h);
    h.server.weather.ping_fails = 1;
    h.take(1);
    BOOST_TEST(h.pool.stats().closed_because(CloseReason::check_failed) > 0u);
}

BOOST_AUTO_TEST_CASE(a_keeper_that_comes_a_little_late_does_its_work) {
    Half h{{.max_idle = 300s, .max_lifetime = dewpond::never}};
    h.pass(480s, 1200ms);
    BOOST_TEST(h.pool.stats().idle == 0u);
    BOOST_TEST(h.pool.stats().closed_because(CloseReason::max_idle) == 50u);
}

BOOST_AUTO_TEST_SUITE_END()
