// SPDX-License-Identifier: BSL-1.0
// One deadline covers waiting, opening, checking and resetting together.
#include "kit/bench.hpp"

using namespace behaviour;

namespace {

/// The deadlines that a hook was given.
std::vector<Deadline> given(const Script& script, Hook hook) {
    std::vector<Deadline> out;
    for (const Call& c : script.calls()) {
        if (c.hook == hook) out.push_back(c.by);
    }
    return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(deadline)

POND_TEST_CASE_IF(an_opening_in_the_caller_ends_with_the_callers_deadline, !c.background) {
    Bench b{config};
    Pond& pool = b.start(1);
    const Deadline end{b.clock.now() + 300ms};
    (void)pool.checkout(300ms);
    BOOST_CHECK(given(b.script, Hook::open) == std::vector{end});
}

POND_TEST_CASE(no_opening_lasts_longer_than_open_timeout) {
    Bench b{config};
    b.setting.options.open_timeout = 2s;
    Pond& pool = b.start(1);
    const Deadline end{b.clock.now() + 2s};
    (void)pool.checkout(dewpond::never);
    BOOST_CHECK(given(b.script, Hook::open) == std::vector{end});
}

POND_TEST_CASE_IF(what_was_waited_is_not_there_for_opening, !c.background) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    const Deadline end{b.clock.now() + 1s};
    Borrower waiter{pool, 1s};
    b.wait_waiting(1);
    b.clock.advance(700ms);
    held[0].discard();
    BOOST_TEST(waiter.id() == 2u);
    BOOST_CHECK(given(b.script, Hook::open).back() == end);
}

BOOST_AUTO_TEST_CASE(waiting_and_pinging_and_opening_share_one_deadline, *boost::unit_test::timeout(20)) {
    Bench b{"pinging"};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    b.script.forget_calls();
    b.script.on(Hook::ping, {fail().taking(b.clock, 300ms)});
    const Deadline end{b.clock.now() + 1s};
    Borrower waiter{pool, 1s};
    b.wait_waiting(1);
    b.clock.advance(400ms);
    held[0].end();
    BOOST_TEST(waiter.id() == 2u);  // the ping said no after 300 ms: 300 ms were left to open another
    BOOST_CHECK(given(b.script, Hook::ping) == std::vector{Deadline{end.at() - 300ms}});  // half of the 600 ms that were left
    BOOST_CHECK(given(b.script, Hook::open) == std::vector{end});
}

BOOST_AUTO_TEST_CASE(a_ping_may_take_half_of_what_is_left_and_two_seconds_at_most, *boost::unit_test::timeout(20)) {
    const auto first_ping = [](Limit limit) {
        Bench b{"pinging"};
        Pond& pool = b.start(1);
        b.fill(1);
        const auto now = b.clock.now();
        (void)pool.try_checkout(limit);
        const auto by = given(b.script, Hook::ping);
        return by.size() == 1 ? Duration{by[0].at() - now} : Duration{dewpond::never};
    };
    BOOST_CHECK(first_ping(1s) == Duration{500ms});
    BOOST_CHECK(first_ping(4s) == Duration{2s});
    BOOST_CHECK(first_ping(10s) == Duration{2s});
    BOOST_CHECK(first_ping(dewpond::never) == Duration{2s});
    BOOST_CHECK(first_ping(150ms) == Duration{100ms});
    BOOST_CHECK(first_ping(100ms) == Duration{100ms});
    BOOST_CHECK(first_ping(20ms) == Duration{20ms});
}

BOOST_AUTO_TEST_CASE(two_peers_that_are_mute_leave_time_for_a_third, *boost::unit_test::timeout(20)) {
    Bench b{"pinging"};
    Pond& pool = b.start(3);
    b.fill(3);
    b.script.on(Hook::ping, {fail(Fault::timed_out).taking(b.clock, 500ms), fail(Fault::timed_out).taking(b.clock, 250ms), succeed()});
    const auto now = b.clock.now();
    const auto lease = pool.try_checkout(1s);
    BOOST_TEST_REQUIRE(lease.has_value());
    BOOST_TEST(lease->id() == 3u);
    const std::vector asked{Deadline{now + 500ms}, Deadline{now + 750ms}, Deadline{now + 875ms}};
    BOOST_CHECK(given(b.script, Hook::ping) == asked);
}

BOOST_AUTO_TEST_CASE(a_check_that_used_the_time_up_leaves_none_for_opening, *boost::unit_test::timeout(20)) {
    Bench b{"pinging"};
    Pond& pool = b.start(1);
    b.fill(1);
    b.script.on(Hook::ping, {fail().taking(b.clock, 1s)});
    BOOST_CHECK(code_of([&] { (void)pool.checkout(1s); }) == Code::timed_out);
    BOOST_TEST(b.script.count(Hook::open) == 1u);
    BOOST_CHECK(b.clock.elapsed() == Duration{1s});
    BOOST_TEST(pool.stats().size == 0u);
}

BOOST_AUTO_TEST_CASE(several_checks_that_fail_share_the_callers_deadline_and_cost_no_other_resource, *boost::unit_test::timeout(20)) {
    Bench b{"pinging"};
    Pond& pool = b.start(5);
    b.fill(5);
    b.script.on(Hook::ping, {fail().taking(b.clock, 400ms)});
    (void)pool.try_checkout(1s);
    BOOST_TEST(b.script.count(Hook::ping) == 3u);  // no fourth one with no time left
    BOOST_TEST(b.script.live() == 2u);
}

BOOST_AUTO_TEST_CASE(a_zero_limit_asks_nobody, *boost::unit_test::timeout(20)) {
    Bench b{"pinging"};
    Pond& pool = b.start(1);
    b.fill(1);
    b.script.on(Hook::ping, {fail(Fault::timed_out)});  // what a driver says that is given no time
    (void)pool.try_checkout(0ms);
    BOOST_TEST(b.script.count(Hook::ping) == 0u);
    BOOST_TEST(b.script.live() == 1u);
}

BOOST_AUTO_TEST_CASE(what_a_check_left_dirty_is_reset_within_the_callers_deadline, *boost::unit_test::timeout(20)) {
    Bench b{"keeper"};
    b.setting.options.keeper_thread = false;
    Pond& pool = b.start(1);
    b.fill(1);
    pool.maintain();
    for (int i = 0; i < 40; ++i) {
        b.clock.advance(1s);
        pool.maintain();
    }
    b.script.on(Hook::ping, {succeed().doing([&] { b.script.make_dirty(1); }).taking(b.clock, 100ms)});
    const Deadline end{b.clock.now() + 1s};
    BOOST_TEST(pool.checkout(1s).id() == 1u);
    BOOST_CHECK(given(b.script, Hook::ping) == std::vector{Deadline{end.at() - 500ms}});
    BOOST_CHECK(given(b.script, Hook::reset) == std::vector{end});
}

BOOST_AUTO_TEST_CASE(hooks_are_given_the_callers_deadline, *boost::unit_test::timeout(20)) {
    Bench b{"hooked"};
    std::vector<Deadline> seen;
    b.setting.on_open = b.setting.on_checkout = [&](ScriptedResource&, Deadline by) { return seen.push_back(by), true; };
    Pond& pool = b.start(1);
    b.script.on(Hook::open, {succeed().taking(b.clock, 200ms)});
    const Deadline end{b.clock.now() + 1s};
    (void)pool.checkout(1s);
    BOOST_CHECK((seen == std::vector{end, end}));
}

POND_TEST_CASE_IF(an_opening_that_outlasts_the_deadline_is_an_error_of_opening, !c.background) {
    Bench b{config};
    Pond& pool = b.start(1);
    b.script.on(Hook::open, {fail(Fault::timed_out, "nobody answered").taking(b.clock, 500ms)});
    const auto result = pool.try_checkout(500ms);
    BOOST_TEST_REQUIRE(!result.has_value());
    BOOST_CHECK(result.error().code() == Code::open_failed);
    BOOST_TEST(holds(result.error().what(), "nobody answered"));
    BOOST_CHECK(b.clock.elapsed() == Duration{500ms});
    BOOST_TEST(b.script.count(Hook::open) == 1u);
}

BOOST_AUTO_TEST_CASE(a_hit_reads_no_clock_and_anchors_no_deadline, *boost::unit_test::timeout(20)) {
    for (const char* name : {"plain", "full", "bare", "background", "keeper"}) {
        BOOST_TEST_CONTEXT(name) {
            Bench b{name};
            b.setting.options.keeper_thread = behaviour::config(name).background;
            Pond& pool = b.start(1);
            b.fill(1);
            if (behaviour::config(name).background) b.clock.wait_until_parked(3);
            const auto reads = b.clock.reads();
            for (int i = 0; i < 10; ++i) (void)pool.checkout(1s);
            BOOST_TEST(b.clock.reads() == reads);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
