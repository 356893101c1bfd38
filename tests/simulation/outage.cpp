// SPDX-License-Identifier: BSL-1.0
// An hour without a server: how often the pool tries, what its users are told and when, and what the end of it is like.
#include <algorithm>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "simulation/world.hpp"

using namespace simulation;

namespace {

Plan twenty(std::uint64_t seed) {
    Plan p;
    p.seed = seed;
    p.options.max_size = 20;
    p.options.min_idle = 2;
    return p;
}

/// The time between attempts, from the third second of the outage on, when the back-off has grown to its cap.
struct Pauses {
    Pauses(const World& w, TimePoint from) {
        const auto& all = w.server.attempts;
        for (auto at = std::lower_bound(all.begin(), all.end(), from); at != all.end() && at + 1 != all.end(); ++at) {
            const Duration pause{*(at + 1) - *at};
            shortest = std::min(shortest, pause);
            longest = std::max(longest, pause);
            ++count;
        }
    }
    Duration shortest = dewpond::never, longest{};
    std::uint64_t count = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(outage, *boost::unit_test::timeout(60))

BOOST_AUTO_TEST_CASE(with_nobody_waiting_an_hour_costs_one_attempt_in_two_seconds) {  // bug 17, porsager/postgres#1179
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        Plan plan = twenty(seed);
        plan.rest = 50ms;  // a thread of the pool's own would come when the pause is over
        World w{plan};
        const TimePoint start = w.now();
        w.server.weather.up = false;
        w.look = [&](const Stats& s) { w.expect(s.opening <= 1, "more than one prober"); };
        w.run(1h);
        // Full jitter: a pause is a tenth of the cap of 5 s at least, and 2.75 s on the average.
        const Pauses p{w, start + 30s};
        BOOST_CHECK(p.shortest >= Duration{500ms});
        BOOST_CHECK(p.longest <= Duration{5s + 50ms});
        BOOST_TEST(p.count <= 1450u, "seed " << seed);
        BOOST_TEST(p.count >= 3570u / 5, "seed " << seed);
        BOOST_TEST(w.server.attempts_since(start) <= p.count + 30);  // the ramp
        BOOST_TEST(w.stats().down);
        BOOST_TEST_MESSAGE("seed " << seed << ": " << w.server.attempts.size() << " attempts in an hour with nobody waiting");
    }
}

BOOST_AUTO_TEST_CASE(with_a_crowd_waiting_an_hour_costs_one_attempt_a_second_and_nobody_waits_beyond_the_grace) {  // bugs 4, 17
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        Plan plan = twenty(seed);
        plan.rest = 50ms;
        World w{plan};
        w.traffic = {.most_per_second = 20, .hold_to = 200ms};
        w.run(1min);
        w.server.weather.up = false;
        w.server.break_all();
        const TimePoint start = w.now();
        Duration longest{}, longest_once_down{};
        std::uint64_t served = 0;
        w.answered = [&](TimePoint asked, std::optional<Code> refusal) {
            const Duration took{w.now() - asked};
            longest = std::max(longest, took);
            if (asked > start + 5s) longest_once_down = std::max(longest_once_down, took);
            served += !refusal ? 1 : 0;
        };
        w.look = [&](const Stats& s) { w.expect(s.opening <= 1 || w.server.weather.up, "more than one prober"); };
        w.run(1h);
        // Nobody is in the queue, as all are refused at once: the pause is drawn for a cap of 5 s, a tenth of it at
        // least, and whoever asks next brings its end near: a second from then on.
        const Pauses p{w, start + 5s};
        BOOST_CHECK(p.shortest >= Duration{500ms});
        BOOST_CHECK(p.longest <= Duration{1800ms});  // users come twenty times a second, sometimes not for half of one
        BOOST_TEST(p.count <= 4500u, "seed " << seed);
        BOOST_TEST(p.count >= 3000u, "seed " << seed);
        BOOST_TEST(served == 0u);
        BOOST_CHECK(longest <= Duration{3s + 1s + 50ms});  // the grace, one pause, one turn
        BOOST_CHECK(longest_once_down == Duration{});
        BOOST_TEST_MESSAGE("seed " << seed << ": " << w.server.attempts_since(start) << " attempts in an hour with a crowd; the longest wait was "
                                   << std::chrono::duration<double>(longest.ns()).count() << " s");
    }
}

BOOST_AUTO_TEST_CASE(the_end_of_an_outage_is_noticed_soon_and_is_no_storm) {  // vertx-sql-client#1496
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Plan plan = twenty(seed);
        plan.turn = plan.rest = 5ms;
        World w{plan};
        w.server.weather.open_from = w.server.weather.open_to = 60ms;
        w.traffic = {.most_per_second = 200, .hold_from = 20ms, .hold_to = 80ms};
        w.look = [&](const Stats& s) {
            w.expect(s.opening <= 2, "more are being opened than opens_at_once");
            w.expect(w.server.live + w.server.opening <= 20, "more than max_size exist");
        };
        w.run(10s);
        w.server.weather.up = false;
        w.server.break_all();
        w.run(1min);
        w.server.weather.up = true;
        const TimePoint back = w.now();
        TimePoint first = TimePoint::max();
        w.answered = [&](TimePoint, std::optional<Code> refusal) {
            if (!refusal) first = std::min(first, w.now());
        };
        w.run(15s);
        // Two at a time, 60 ms each.
        const auto in_second = [&](TimePoint from) { return w.server.attempts_since(from) - w.server.attempts_since(from + 1s); };
        std::uint64_t in_one_second = 0;
        for (TimePoint t = back; t < first + 1s; t += 50ms) in_one_second = std::max(in_one_second, in_second(t));
        BOOST_TEST(in_one_second <= 2u * 1000 / 60 + 2, "seed " << seed << ": " << in_one_second);
        // The cap of the back-off from the next request on; two openings, as the prober may have begun too early.
        BOOST_CHECK_MESSAGE(first <= back + 1s + 50ms + 2 * 60ms, "seed " << seed << ": back after " << std::chrono::duration<double>(first - back).count() << " s");
        BOOST_TEST(w.server.most_opening <= 2u);
        BOOST_TEST(w.server.most_live <= 20u);
        BOOST_TEST(!w.stats().down);
        BOOST_TEST(w.server.attempts_since(back) <= 25u, "seed " << seed);  // what the traffic needs, and no more
        BOOST_TEST_MESSAGE("seed " << seed << ": back after " << std::chrono::duration<double>(first - back).count() << " s, " << in_one_second
                                   << " openings in the busiest second");
    }
}

BOOST_AUTO_TEST_CASE(a_pool_that_keeps_nothing_idle_and_that_nobody_asks_finds_the_end_by_itself) {  // HikariCP#1256, psycopg/psycopg#1315
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Plan plan = twenty(seed);
        plan.options.min_idle = 0;
        World w{plan};
        w.server.weather.up = false;
        w.ask();
        w.run(10min);
        BOOST_TEST(w.stats().down);
        w.server.weather.up = true;
        w.run(5s + 1s);  // the cap of the back-off, and the keeper's second
        BOOST_TEST(!w.stats().down, "seed " << seed);
        BOOST_TEST(w.server.opens == 1u);
    }
}

BOOST_AUTO_TEST_CASE(while_anything_lives_nobody_is_refused) {
    World w{twenty(1)};
    w.traffic = {.most_per_second = 30, .hold_to = 100ms, .limit = 30s};
    w.run(1min);
    w.server.weather.up = false;  // no new ones; those that are open go on
    w.answered = [&](TimePoint, std::optional<Code> refusal) { w.expect(!refusal, "refused, although resources live"); };
    w.run(25min);
    BOOST_TEST(!w.stats().down);
}

BOOST_AUTO_TEST_CASE(an_hour_of_openings_that_hang_keeps_every_limit) {  // psycopg/psycopg#1275: nobody is handed anything late
    World w{twenty(1)};
    w.server.weather.open_hangs = 1;
    w.traffic = {.most_per_second = 5, .limit = 2s};
    w.answered = [&](TimePoint asked, std::optional<Code>) { w.expect(w.now() - asked <= 2s + 50ms, "a limit was not kept"); };
    w.run(1h);
    w.look = [](const Stats&) {};
    BOOST_TEST(w.server.attempts.size() <= 3600u / 5 + 10);  // one at a time, open_timeout each
}

BOOST_AUTO_TEST_SUITE_END()
