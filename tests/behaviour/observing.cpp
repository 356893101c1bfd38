// SPDX-License-Identifier: BSL-1.0
// What can be seen of a pool: times, reports of old leases, what the recorder remembers.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <dewpond/pool.hpp>
#include <dewpond/testing/manual_clock.hpp>
#include <dewpond/testing/scripted_driver.hpp>

#include "kit/bench.hpp"

using namespace behaviour;
using dewpond::PastEvent;
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

/// A pool that is timed and asks the other side at each checkout; one resource is idle.
struct Pinged {
    Script script;
    ManualClock clock;
    dewpond::Pool<ScriptedDriver, ManualClock, dewpond::PingAlways, dewpond::Timings> pool;

    explicit Pinged(std::size_t n) : pool{ScriptedDriver{script}, options(n), clock, dewpond::PingAlways{}, dewpond::Timings{}} {
        auto filled = pool.checkout();
    }
    static dewpond::Options options(std::size_t n) {
        dewpond::Options o{.max_size = n, .min_idle = 0};
        o.keeper_thread = false;
        return o;
    }
    /// The last that is remembered of this kind.
    [[nodiscard]] PastEvent last(EventKind kind) {
        PastEvent found;
        for (const PastEvent& e : pool.events()) {
            if (e.kind == kind) found = e;
        }
        return found;
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

BOOST_AUTO_TEST_CASE(what_a_check_took_before_it_said_no_is_part_of_the_wait) {
    {
        Pinged p{1};
        p.script.on(Hook::ping, {fail().taking(p.clock, 600ms)});
        p.script.on(Hook::open, {fail().taking(p.clock, 400ms)});
        const auto refused = p.pool.try_checkout(1s);
        BOOST_TEST_REQUIRE(!refused.has_value());
        BOOST_CHECK(refused.error().code() == Code::open_failed);
        BOOST_TEST(holds(refused.error().what(), "(waited 1 s)"), refused.error().what());
        BOOST_CHECK(p.last(EventKind::failed).age == Duration{1s});
        BOOST_CHECK(p.pool.stats().wait.sum == Duration{1s});
    }
    {
        Pinged p{1};
        p.script.on(Hook::ping, {fail().taking(p.clock, 300ms)});
        p.script.on(Hook::open, {succeed().taking(p.clock, 100ms)});
        BOOST_TEST(p.pool.try_checkout(1s).has_value());
        BOOST_CHECK(p.pool.stats().wait.sum == Duration{400ms});
    }
    {
        Pinged p{1};
        p.script.on(Hook::ping, {fail().taking(p.clock, 300ms), succeed()});
        p.script.on(Hook::open, {succeed().taking(p.clock, 100ms)});
        static bool served;
        served = false;
        decltype(p.pool)::Waiter waiter{[](auto&, auto lease) noexcept { served = lease.has_value(); }};
        p.pool.enqueue(waiter, 1s);
        p.clock.advance(200ms);
        p.pool.maintain();
        BOOST_TEST(served);
        BOOST_CHECK(p.pool.stats().wait.sum == Duration{600ms});
        BOOST_CHECK(p.last(EventKind::waited).age == Duration{600ms});
    }
}

BOOST_AUTO_TEST_CASE(who_finds_something_idle_after_a_failure_is_counted_with_what_it_took) {
    {
        Watched w{2};
        auto held = w.pool->checkout();
        w.script.on(Hook::open, {fail().doing([&] { held.give_back(); }).taking(w.clock, 3s)});
        BOOST_TEST(w.pool->try_checkout(10s).has_value());
        const Stats s = w.pool->stats();
        BOOST_TEST(filled(s.wait) == only(s.wait, {0s, 3s}), boost::test_tools::per_element());
        BOOST_CHECK(s.wait.sum == Duration{3s});
        BOOST_TEST(s.served_idle() == 1u);
    }
    {
        Pinged p{3};
        { auto a = p.pool.checkout(), b = p.pool.checkout(), c = p.pool.checkout(); }
        p.script.on(Hook::ping, {fail().taking(p.clock, 200ms), fail().taking(p.clock, 200ms), succeed()});
        const std::uint64_t before = p.pool.stats().wait.buckets[0];
        BOOST_TEST(p.pool.try_checkout(1s).has_value());
        const Stats s = p.pool.stats();
        BOOST_TEST(s.wait.buckets[0] == before);
        BOOST_CHECK(s.wait.sum == Duration{400ms});
        BOOST_TEST(s.wait.count() == s.checkouts);
    }
    {
        Pinged p{1};
        p.script.on(Hook::ping, {fail().taking(p.clock, 1s)});
        BOOST_TEST(!p.pool.try_checkout(1s).has_value());
        BOOST_CHECK(p.pool.stats().wait.sum == Duration{1s});
    }
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

BOOST_AUTO_TEST_CASE(a_sum_that_no_span_can_hold_is_the_longest_span) {
    const Duration two_hundred_years = std::chrono::hours{24 * 365 * 200};
    const auto sum_of = [&](auto& buckets, auto histogram) {
        for (int i = 0; i < 5; ++i) buckets.add(two_hundred_years);  // thrice what fits, and once what a word holds
        buckets.add_to(histogram);
        buckets.add_to(histogram);  // as the slots of a pool add up
        BOOST_TEST(histogram.count() == 10u);
        return histogram.sum;
    };
    dewpond::detail::Buckets<dewpond::WaitBounds, true> shared;
    dewpond::detail::Buckets<dewpond::LeaseBounds, false> single;
    BOOST_CHECK(sum_of(shared, dewpond::Histogram<dewpond::WaitBounds>{}) == Duration{dewpond::never});
    BOOST_CHECK(sum_of(single, dewpond::Histogram<dewpond::LeaseBounds>{}) == Duration{dewpond::never});
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

BOOST_AUTO_TEST_CASE(the_keeper_looks_ten_times_while_a_lease_grows_old_and_once_a_second_at_least) {
    for (const auto& [after, period] : {std::pair<Duration, Duration>{2s, 200ms}, {10s, 1s}, {60s, 1s}, {dewpond::never, 1s}}) {
        Watched w{1, false, after};
        BOOST_CHECK(w.pool->stats().keeper_period == period);
    }
}

BOOST_AUTO_TEST_CASE(the_slot_of_an_old_lease_is_told) {
    Watched w{2};
    auto brief = w.pool->checkout(orders), old = w.pool->checkout(report);
    brief.give_back();
    w.keep_house(12s);
    BOOST_TEST_REQUIRE(w.of(EventKind::lease_too_old).size() == 1u);
    BOOST_TEST(w.of(EventKind::lease_too_old)[0].slot == 1u);
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

// ---- the recorder ----

BOOST_AUTO_TEST_CASE(what_happened_is_remembered_in_order_with_its_place_and_age) {
    Watched w{1};
    w.script.on(Hook::open, {fail(Fault::unreachable).taking(w.clock, 1s), succeed().taking(w.clock, 2s)});
    BOOST_TEST(!w.pool->try_checkout(1s, orders).has_value());
    w.clock.advance(10s);
    auto held = w.pool->checkout(report);
    {
        Task late{[&] { BOOST_TEST(!w.pool->try_checkout(3s, orders).has_value()); }};
        w.clock.wait_until_parked(1);
        w.clock.advance(3s);
    }
    {
        Task served{[&] { auto lease = w.pool->try_checkout(1h, orders); }};
        w.clock.wait_until_parked(1);
        w.clock.advance(1ms);
        held->make_dirty();
        held.give_back();
    }
    w.pool->resize(2);
    w.script.break_it(1);
    auto anew = w.pool->checkout(orders);
    anew.discard();
    w.clock.advance(4s);
    std::vector<std::string> lines;
    std::uint64_t number = 0;
    for (const PastEvent& e : w.pool->events()) {
        BOOST_TEST(e.number == ++number);
        lines.push_back(to_string(e));
    }
    const std::vector<std::string> expected{
        "21 s ago: open failed, slot 0, unreachable",
        "21 s ago: failed (no resource could be opened) at orders, 1 s",
        "9 s ago: opened, slot 0, 2 s",
        "9 s ago: opened after outage, slot 0, 12 s",
        "6 s ago: failed (no slot came free before the deadline) at orders, 3 s",
        "6 s ago: dirty return, slot 0 at report",
        "6 s ago: waited, slot 0 at orders, 1 ms",
        "6 s ago: resized to 2",
        "6 s ago: closed, slot 0 (check failed) at orders, broken",
        "4 s ago: opened, slot 0, 2 s",
        "4 s ago: closed, slot 0 (discarded) at orders",
    };
    BOOST_TEST(lines == expected, boost::test_tools::per_element());
    const std::string text = w.pool->inspect();
    BOOST_TEST(holds(text, "events:\n  21 s ago: open failed"), text);
    BOOST_TEST(holds(text, "closed, slot 0 (discarded) at orders\n"), text);
}

BOOST_AUTO_TEST_CASE(what_a_hit_does_is_not_remembered) {
    Watched w{2};
    { auto opened = w.pool->checkout(); }
    const auto before = w.pool->events().size();
    for (int i = 0; i < 100; ++i) {
        auto lease = w.pool->checkout();
        auto none = w.pool->try_checkout();
        lease.give_back();
    }
    BOOST_TEST(w.pool->events().size() == before);
}

BOOST_AUTO_TEST_CASE(a_storm_of_requests_does_not_wash_away_what_led_to_it) {
    Watched w{1};
    auto held = w.pool->checkout();
    for (int i = 0; i < 1000; ++i) BOOST_TEST(!w.pool->try_checkout(0ms).has_value());
    const auto past = w.pool->events();
    BOOST_TEST(past.size() == 129u);
    BOOST_CHECK(past.front().kind == EventKind::opened);
    BOOST_CHECK(past.back().kind == EventKind::failed);
    BOOST_TEST(past.back().number == 2001u);  // each of them met a thread that waits for itself, too
    held.give_back();
    for (int i = 0; i < 200; ++i) w.pool->checkout().discard();
    BOOST_TEST(w.pool->events().size() == 256u);
}

BOOST_AUTO_TEST_CASE(a_wait_that_failed_has_its_history_in_the_long_form) {
    Watched w{1};
    auto held = w.pool->checkout(report);
    w.pool->resize(2);
    w.pool->resize(1);
    Task late{[&] {
        const auto error = w.pool->try_checkout(5s, orders).error();
        BOOST_TEST(holds(error.long_form(), std::string{error.what()} + "\n  5 s ago: opened, slot 0\n  5 s ago: resized to 2\n"), error.long_form());
        BOOST_TEST(!holds(error.what(), "resized"));
    }};
    w.clock.wait_until_parked(1);
    w.clock.advance(5s);
    late.join();
    held.give_back();
    const PoolError plain{Code::closed};
    BOOST_TEST(plain.long_form() == plain.what());
}

BOOST_AUTO_TEST_CASE(the_words_of_an_entry_hold_what_was_put_in) {
    using dewpond::detail::RecordWords;
    const dewpond::TimePoint now{100h};
    for (const Duration age : {Duration{0s}, Duration{1us}, Duration{35min}, Duration{36min}, Duration{24h * 20}}) {
        PastEvent in{.number = 1ull << 55, .kind = EventKind::closed, .place = orders, .slot = 65'534, .age = age, .fault = Fault::broken, .reason = CloseReason::excess};
        PastEvent out = RecordWords::of(in, now).event(now + 5s);
        BOOST_TEST(out.number == in.number);
        BOOST_CHECK(out.kind == in.kind && out.place == in.place && out.slot == in.slot && out.age == age && out.fault == in.fault && out.reason == in.reason);
        BOOST_CHECK(out.ago == Duration{5s});
        in.kind = EventKind::failed;
        in.code = Code::cancelled;
        out = RecordWords::of(in, now).event(now);
        BOOST_CHECK(out.code == Code::cancelled && out.reason == CloseReason::count_);
    }
    BOOST_CHECK(RecordWords::unpack_age(RecordWords::pack_age(dewpond::never)) == Duration{std::chrono::milliseconds{0x7fffffff}});
    BOOST_CHECK(RecordWords::unpack_age(RecordWords::pack_age(-5s)) == Duration{});
}

BOOST_AUTO_TEST_CASE(whoever_reads_while_others_write_sees_whole_entries) {
    using dewpond::detail::Recorder;
    static constexpr dewpond::PlaceName names[4] = {{"a"}, {"b"}, {"c"}, {"d"}};
    const std::unique_ptr<Recorder> recorder{new Recorder{"many"}};
    std::atomic<bool> enough{false};
    std::vector<std::unique_ptr<Task>> writers;
    for (std::uint32_t t = 0; t < 4; ++t) {
        writers.push_back(std::make_unique<Task>([&, t] {
            for (std::uint32_t i = 0; !enough; ++i) {
                const auto kind = i % 2 == 0 ? EventKind::waited : EventKind::opened;
                recorder->note({.kind = kind, .place = names[t], .slot = t, .age = std::chrono::microseconds{i * 4 + t}}, dewpond::TimePoint{1us * (i * 4 + t)});
            }
        }));
    }
    std::size_t torn = 0, unordered = 0;
    const auto end = std::chrono::steady_clock::now() + 1s;  // long enough where a sanitizer makes it slow
    for (int looks = 0; looks == 0 || (looks < 8000 && std::chrono::steady_clock::now() < end);) {
        std::uint64_t last = 0;
        const auto past = recorder->read(dewpond::TimePoint{1h});
        if (past.size() >= 200) ++looks;
        else std::this_thread::yield();  // they have hardly begun
        for (const PastEvent& e : past) {
            const auto us = std::chrono::duration_cast<std::chrono::microseconds>(e.age.ns()).count();
            const bool whole = e.slot < 4 && e.place == Place{names[e.slot]} && us % 4 == e.slot && e.ago == Duration{1h - 1us * us} &&
                               (e.kind == (us / 4 % 2 == 0 ? EventKind::waited : EventKind::opened));
            torn += whole ? 0 : 1;
            unordered += e.number > last ? 0 : 1;
            last = e.number;
        }
    }
    enough = true;
    for (auto& w : writers) w->join();
    BOOST_TEST(torn == 0u);
    BOOST_TEST(unordered == 0u);
    BOOST_TEST(recorder->read(dewpond::TimePoint{1h}).size() <= 256u);
}

BOOST_AUTO_TEST_CASE(a_writer_that_was_overtaken_keeps_its_entry_to_itself) {
    using dewpond::detail::Recorder;
    const std::unique_ptr<Recorder> recorder{new Recorder{"one"}};
    constexpr std::size_t header = 96;
    const std::uint64_t being_written = 1;
    std::memcpy(reinterpret_cast<char*>(recorder.get()) + header, &being_written, sizeof being_written);
    for (std::uint32_t i = 0; i < 3 * 128; ++i) recorder->note({.kind = EventKind::opened, .slot = i}, dewpond::TimePoint{1s});
    const auto past = recorder->read(dewpond::TimePoint{2s});
    BOOST_TEST(past.size() == 127u);
    BOOST_TEST(past.front().number == 2u * 128 + 2);
    BOOST_TEST(past.back().number == 3u * 128);
}

BOOST_AUTO_TEST_SUITE_END()
