// SPDX-License-Identifier: BSL-1.0
// What can be seen of a pool: demand, times, ages, reports of old leases.
#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <dewpond/pool.hpp>
#include <dewpond/testing/manual_clock.hpp>
#include <dewpond/testing/scripted_driver.hpp>

#include "kit/bench.hpp"

using namespace behaviour;
using dewpond::WarnAfter;
using dewpond::testing::ManualClock;
using dewpond::testing::ScriptedDriver;

namespace {

constexpr dewpond::PlaceName orders{"orders"}, report{"report"};

/// A pool that is timed and warns after ten seconds; its keeper is the test.
struct Watched {
    using Pool = dewpond::Pool<ScriptedDriver, ManualClock, WarnAfter, dewpond::Timings>;
    Script script;
    ManualClock clock;
    std::vector<Told> told;
    std::unique_ptr<Pool> pool;

    explicit Watched(std::size_t n, bool thread = false, Duration after = 10s) {
        dewpond::Options o{.name = "watched", .max_size = n, .min_idle = 0};
        o.keeper_thread = thread;
        o.on_event = [this](const dewpond::Event& e) noexcept {
            const auto place = e.place.name() != nullptr ? std::string{e.place.name()} : std::string{};
            told.push_back({e.kind, std::string{e.pool}, place, std::string{e.text}, e.slot, e.age, e.fault, e.reason, e.suppressed});
        };
        pool = std::make_unique<Pool>(ScriptedDriver{script}, std::move(o), clock, WarnAfter{after}, dewpond::Timings{});
    }
    ~Watched() {
        pool.reset();
        BOOST_TEST(script.live() == 0u);
        for (const std::string& v : script.violations()) BOOST_ERROR(v);
    }
    void keep_house(Duration span) {
        const auto end = clock.now() + span.ns();
        while (clock.now() < end) {
            clock.advance(500ms);
            pool->maintain();
        }
    }
    [[nodiscard]] std::vector<Told> of(EventKind kind) const {
        std::vector<Told> some;
        std::copy_if(told.begin(), told.end(), std::back_inserter(some), [kind](const Told& t) { return t.kind == kind; });
        return some;
    }
};

template <class Shape>
std::vector<std::uint64_t> filled(const Shape& h) {
    return {std::begin(h.buckets), std::end(h.buckets)};
}
/// All nothing, but `n` in the bucket of `d`.
template <class Shape>
std::vector<std::uint64_t> only(const Shape&, std::vector<Duration> values) {
    std::vector<std::uint64_t> all(Shape::bounds + 1);
    for (const Duration d : values) ++all[Shape::bucket_of(d)];
    return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(observing, *boost::unit_test::timeout(20))

// ---- times ----

BOOST_AUTO_TEST_CASE(a_lease_is_timed_from_its_checkout_to_its_end_however_it_ends) {
    Watched w{4};
    const auto lease_of = [&](Duration d, auto end) {
        auto lease = w.pool->checkout();
        w.clock.advance(d);
        end(lease);
    };
    lease_of(2ms, [](auto& lease) { auto gone = std::move(lease); });
    lease_of(7ms, [](auto& lease) { lease.give_back(); });
    lease_of(70ms, [](auto& lease) { lease.discard(); });
    lease_of(2s, [](auto& lease) { lease->make_dirty(), lease.give_back(); });
    lease_of(20s, [](auto& lease) { lease.report(Fault::broken), lease.give_back(); });
    lease_of(1h, [](auto& lease) { lease.detach().close_detached(); });
    const Stats s = w.pool->stats();
    BOOST_TEST(s.timed);
    BOOST_TEST(filled(s.lease) == only(s.lease, {2ms, 7ms, 70ms, 2s, 20s, 1h}), boost::test_tools::per_element());
    BOOST_CHECK(s.lease.sum == Duration{2ms + 7ms + 70ms + 2s + 20s + 1h});
    BOOST_TEST(s.lease.count() == s.checkouts);
    BOOST_TEST(s.detached == 1u);
}

BOOST_AUTO_TEST_CASE(a_wait_is_timed_and_who_found_something_idle_is_in_the_first_bucket) {
    Watched w{1};
    w.script.on(Hook::open, {succeed().taking(w.clock, 30ms)});
    { auto opened = w.pool->checkout(); }                     // 30 ms: it opened
    for (int i = 0; i < 5; ++i) auto idle = w.pool->checkout();
    auto held = w.pool->checkout();                           // 6 of something idle
    {
        Task late{[&] { BOOST_CHECK(w.pool->try_checkout(20s).error().code() == Code::timed_out); }};
        w.clock.wait_until_parked(1);
        w.clock.advance(20s);                                 // gave up above 10 s
    }
    {
        Task served{[&] { auto lease = w.pool->try_checkout(1h); }};
        w.clock.wait_until_parked(1);
        w.clock.advance(2s);
        held.give_back();                                     // served after 2 s
    }
    BOOST_CHECK(w.pool->try_checkout(0ms).has_value());
    w.pool->close(0ms);
    BOOST_CHECK(w.pool->try_checkout(1s).error().code() == Code::closed);  // refused at once: no wait
    const Stats s = w.pool->stats();
    BOOST_TEST(filled(s.wait) == only(s.wait, {0s, 0s, 0s, 0s, 0s, 0s, 0s, 30ms, 20s, 2s}), boost::test_tools::per_element());
    BOOST_CHECK(s.wait.sum == Duration{30ms + 20s + 2s});
    BOOST_TEST(s.wait.buckets[s.wait.bounds] == 1u);          // what timed out is above the last bound
    BOOST_TEST(s.served_idle() == 7u);
    BOOST_TEST(s.opened_for_caller == 1u);
    BOOST_TEST(s.waited == 1u);
    BOOST_TEST(filled(s.open) == only(s.open, {30ms}), boost::test_tools::per_element());
    BOOST_CHECK(s.open.sum == Duration{30ms});
}

BOOST_AUTO_TEST_CASE(a_clock_that_ticks_puts_a_lease_where_it_may_have_been_at_most) {
    dewpond::Timings timings;
    dewpond::Timings::per_slot slot;
    timings.clock_ticks(4ms);
    const dewpond::TimePoint then{1h};
    timings.lent(slot, then);
    timings.back(slot, then);        // less than a tick: up to 4 ms
    timings.lent(slot, then);
    timings.back(slot, then + 8ms);  // up to 12 ms
    Stats s;
    timings.read(s, slot);
    BOOST_TEST(filled(s.lease) == only(s.lease, {4ms, 12ms}), boost::test_tools::per_element());
    BOOST_CHECK(s.lease.sum == Duration{8ms});
}

BOOST_AUTO_TEST_CASE(the_machine_has_a_coarse_clock_that_is_not_ahead) {
    using dewpond::detail::RealSync;
    BOOST_CHECK(RealSync::coarse_tick() > Duration{});
    BOOST_CHECK(RealSync::coarse_tick() <= Duration{10ms});
    const auto coarse = RealSync::coarse_now();
    const auto exact = RealSync::now();
    BOOST_CHECK(coarse <= exact);
    BOOST_CHECK(exact - coarse < 5s);
}

// ---- old leases ----

BOOST_AUTO_TEST_CASE(a_lease_that_is_out_too_long_is_told_once_and_again_when_it_is_back) {
    Watched w{3};
    auto held = w.pool->checkout(orders);
    auto brief = w.pool->checkout(report);
    w.keep_house(9s);
    brief.give_back();
    w.keep_house(500ms);
    BOOST_TEST(w.told.empty());
    w.keep_house(2s);
    BOOST_TEST_REQUIRE(w.of(EventKind::lease_too_old).size() == 1u);
    const Told told = w.told[0];
    BOOST_TEST(told.place == "orders");
    BOOST_TEST(told.text == "r1");
    BOOST_TEST(told.slot == 0u);
    BOOST_CHECK(told.age >= Duration{10s} && told.age <= Duration{11s});
    w.keep_house(60s);
    BOOST_TEST(w.told.size() == 1u);
    BOOST_TEST(w.pool->stats().overdue == 1u);
    BOOST_TEST(w.pool->stats().leaks_suspected == 1u);
    held.give_back();
    w.keep_house(1s);
    BOOST_TEST_REQUIRE(w.told.size() == 2u);
    BOOST_CHECK(w.told[1].kind == EventKind::old_lease_back);
    BOOST_TEST(w.told[1].place == "orders");
    BOOST_TEST(w.told[1].text == "r1");
    BOOST_CHECK(w.told[1].age >= Duration{70s} && w.told[1].age <= Duration{72s});
    BOOST_TEST(w.pool->stats().overdue == 0u);
    BOOST_TEST(w.pool->stats().leaks_suspected == 1u);
    w.keep_house(60s);
    BOOST_TEST(w.told.size() == 2u);  // what rests is not out
}

BOOST_AUTO_TEST_CASE(an_old_lease_that_is_followed_by_another_at_once_is_back_all_the_same) {
    Watched w{1};
    auto held = w.pool->checkout(orders);
    w.keep_house(12s);
    held.give_back();
    held = w.pool->checkout(report);
    w.keep_house(1s);
    BOOST_TEST(w.of(EventKind::old_lease_back).size() == 1u);
    BOOST_TEST(w.of(EventKind::old_lease_back)[0].place == "orders");
    w.keep_house(11s);
    BOOST_TEST_REQUIRE(w.of(EventKind::lease_too_old).size() == 2u);
    BOOST_TEST(w.of(EventKind::lease_too_old)[1].place == "report");
    BOOST_TEST(w.pool->stats().leaks_suspected == 2u);
}

BOOST_AUTO_TEST_CASE(many_brief_leases_are_no_old_one) {
    Watched w{1};
    for (int i = 0; i < 60; ++i) {
        auto lease = w.pool->checkout(orders);
        w.keep_house(500ms);
    }
    BOOST_TEST(w.told.empty());
    BOOST_TEST(w.pool->stats().leaks_suspected == 0u);
}

BOOST_AUTO_TEST_CASE(an_old_lease_that_is_closed_or_detached_has_ended_too) {
    Watched w{2};
    auto closed = w.pool->checkout(orders);
    auto taken = w.pool->checkout(report);
    w.keep_house(12s);
    BOOST_TEST(w.pool->stats().overdue == 2u);
    closed.discard();
    taken.detach().close_detached();
    w.keep_house(1s);
    BOOST_TEST(w.of(EventKind::old_lease_back).size() == 2u);
    BOOST_TEST(w.pool->stats().overdue == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_being_closed_for_long_is_nobodys_lease) {
    Watched w{1};
    auto lease = w.pool->checkout(orders);
    Gate gate;
    w.script.on(Hook::close, {block(gate)});
    Task closer{[&] { lease.discard(); }};
    gate.wait_entered(1);
    w.keep_house(30s);
    BOOST_TEST(w.of(EventKind::lease_too_old).empty());
    gate.open();
}

BOOST_AUTO_TEST_CASE(the_time_in_which_all_was_stopped_is_not_held_against_a_lease) {
    Watched w{1, true};
    auto lease = w.pool->checkout(orders);
    w.clock.wait_until_parked(1);
    w.clock.advance(100ms);
    (void)w.pool->stats();      // a look
    w.clock.advance(5s);        // the keeper is late by 4 s: stopped
    BOOST_TEST(eventually([&] { return w.pool->stats().stalls == 1; }));
    w.clock.wait_until_parked(1);
    for (int i = 0; i < 8; ++i) {
        w.clock.advance(1s);
        w.clock.wait_until_parked(1);
    }
    BOOST_TEST(w.pool->stats().leaks_suspected == 0u);  // 13 s by the clock
    for (int i = 0; i < 4; ++i) {
        w.clock.advance(1s);
        w.clock.wait_until_parked(1);
    }
    BOOST_TEST(eventually([&] { return w.pool->stats().leaks_suspected == 1; }));
    lease.give_back();
}

BOOST_AUTO_TEST_CASE(a_span_too_short_to_be_seen_is_refused) {
    BOOST_CHECK_EXCEPTION((Watched{1, false, 99ms}), PoolError, [](const PoolError& e) {
        return e.code() == Code::bad_option && holds(e.what(), "WarnAfter is 99 ms: it must be at least 100 ms, or never");
    });
    Watched never{1, false, dewpond::never};
    auto lease = never.pool->checkout();
    never.keep_house(120s);
    BOOST_TEST(never.told.empty());
    BOOST_TEST(holds(never.pool->describe(), "watch: WarnAfter{never} (chosen)"));
    BOOST_CHECK(never.pool->stats().settings.warn_after.is_never());
}

BOOST_AUTO_TEST_SUITE_END()
