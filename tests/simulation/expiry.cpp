// SPDX-License-Identifier: BSL-1.0
// Expiry over hours: what was opened together goes apart, in time, spaced, and is replaced.
#include <algorithm>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "simulation/world.hpp"

using namespace simulation;

namespace {

/// What closes, by the second in which it does.
struct Closes {
    explicit Closes(World& w) : world{w} {
        w.server.on_close = [this](const Link& l) {
            ++in_second[static_cast<std::size_t>((world.now() - from) / 1s)];
            youngest = std::min(youngest, Duration{world.now() - l.born});
            oldest = std::max(oldest, Duration{world.now() - l.born});
        };
    }
    [[nodiscard]] std::uint32_t most() const {
        std::uint32_t n = 0;
        for (const std::uint32_t closes : in_second) n = std::max(n, closes);
        return n;
    }
    [[nodiscard]] std::ptrdiff_t seconds() const { return std::count_if(in_second.begin(), in_second.end(), [](std::uint32_t n) { return n != 0; }); }
    World& world;
    TimePoint from = world.now();
    std::vector<std::uint32_t> in_second = std::vector<std::uint32_t>(100'000);  // made before: a return must not allocate
    Duration youngest = dewpond::never, oldest{};
};

/// A tenth of what there is, and one: what a keeper's tick may retire.
constexpr std::uint32_t budget(std::uint32_t size) { return size / 10 + 1; }

Plan all_idle(std::uint64_t seed, std::size_t n, dewpond::Lifetime life) {
    Plan p;
    p.seed = seed;
    p.options.max_size = n;
    p.options.min_idle = n;
    p.lifetime = life;
    p.pinged_after = 24h * 365;
    return p;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(expiry, *boost::unit_test::timeout(60))

BOOST_AUTO_TEST_CASE(what_was_opened_together_goes_apart_and_is_replaced_at_once) {  // bug 18, PostHog/posthog#49745, transact-rs/sqlx#2854
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        World w{all_idle(seed, 100, {.max_idle = dewpond::never})};
        w.server.weather.open_from = 1us, w.server.weather.open_to = 1ms;  // the jitter is drawn from the moment of opening
        w.maintain();
        BOOST_TEST(w.stats().idle == 100u);
        Closes closes{w};
        w.look = [&](const Stats& s) { w.expect(s.opening != 0 || s.idle == 100, "not refilled to min_idle"); };
        w.run(5h);
        BOOST_TEST(w.server.opens >= 1000u);                       // ten generations at least
        BOOST_TEST(closes.most() <= 5u, "seed " << seed << ": " << closes.most() << " in one second: half of what a tick may retire");
        BOOST_TEST(closes.seconds() >= 800);                       // mostly one alone
        BOOST_CHECK(closes.youngest >= Duration{1800s - 180s});    // jitter is 10 % downwards
        BOOST_CHECK(closes.oldest <= Duration{1802s});
    }
}

BOOST_AUTO_TEST_CASE(without_jitter_a_generation_goes_a_tenth_at_a_time) {
    World w{all_idle(1, 100, {.max_idle = dewpond::never, .jitter = 0})};
    w.maintain();
    Closes closes{w};
    w.run(5h);
    BOOST_TEST(closes.most() <= budget(100));
    BOOST_TEST(closes.most() >= budget(100) - 1);  // the jitter of the test above is what made the difference
    BOOST_CHECK(closes.oldest <= Duration{1800s + 12s});
}

BOOST_AUTO_TEST_CASE(after_a_peak_the_pool_shrinks_a_tenth_at_a_time_to_min_idle) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        Plan p = all_idle(seed, 60, {.max_lifetime = dewpond::never});
        p.options.min_idle = 5;
        World w{p};
        for (int i = 0; i < 60; ++i) w.ask();
        w.run(2s);
        w.return_all();
        BOOST_TEST(w.stats().size == 60u);
        Closes closes{w};
        std::uint32_t before = 60;
        w.look = [&](const Stats& s) {
            w.expect(before - s.size <= budget(before), "more retired in one tick than the budget");
            before = s.size;
        };
        w.run(298s);
        BOOST_TEST(w.stats().size == 60u);
        w.run(60s);  // 60, 53, 47, ... : some thirty ticks
        BOOST_TEST(w.stats().idle == 5u);
        w.run(1h);
        BOOST_TEST(w.stats().idle == 5u);
        BOOST_TEST(w.server.closes == 55u);
        BOOST_TEST(w.server.attempts.size() == 60u);
    }
}

BOOST_AUTO_TEST_CASE(under_traffic_nothing_lives_longer_and_what_nobody_needs_goes) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        Plan p = all_idle(seed, 50, {});
        p.options.min_idle = 3;
        World w{p};
        w.server.weather.open_from = 5ms, w.server.weather.open_to = 40ms;
        w.traffic = {.most_per_second = 40, .share = [&w](TimePoint t) { return (t - TimePoint{}) / 1h % 2 == 0 ? 1.0 : 0.02; }, .hold_from = 10ms, .hold_to = 900ms};
        Closes closes{w};
        std::uint32_t most = 0, least = 50;
        w.look = [&](const Stats& s) { most = std::max(most, s.size), least = std::min(least, s.size); };
        w.run(10s);
        least = 50;
        w.run(8h);
        BOOST_TEST(most >= 20u);                       // the peak of the busy hour
        BOOST_TEST(least >= 3u);
        BOOST_TEST(least <= 8u);                       // of the quiet one
        BOOST_TEST(closes.most() <= budget(50));
        BOOST_CHECK(closes.oldest <= Duration{1803s});  // two ticks, and what a lease lasts
    }
}

BOOST_AUTO_TEST_SUITE_END()
