// SPDX-License-Identifier: BSL-1.0
// Waiting: who is served by what, for how long anybody waits, and who is refused.
#include <thread>
#include <vector>

#include "kit/bench.hpp"

using namespace behaviour;

BOOST_AUTO_TEST_SUITE(waiting)

POND_TEST_CASE(a_waiter_is_served_by_a_return) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower waiter{pool, 10s};
    b.wait_waiting(1);
    held[0].end();
    BOOST_TEST(waiter.id() == 1u);
    BOOST_TEST(pool.stats().waiting == 0u);
    if (config.counts) BOOST_TEST(pool.stats().waited >= 1u);
}

POND_TEST_CASE(a_waiter_is_served_by_a_discard_with_a_new_resource) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower waiter{pool, 10s};
    b.wait_waiting(1);
    held[0].discard();
    BOOST_TEST(waiter.id() == 2u);
}

POND_TEST_CASE(a_waiter_is_served_when_a_resource_is_detached) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    b.script.allow_at_most(2);
    Borrower waiter{pool, 10s};
    b.wait_waiting(1);
    held[0].detach().close_detached();
    BOOST_TEST(waiter.id() == 2u);
}

POND_TEST_CASE(a_checkout_without_a_limit_waits_for_checkout_timeout) {
    Bench b{config};
    b.setting.options.checkout_timeout = 7s;
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Code code = Code::bad_option;
    Task waiter{[&] { code = code_of([&] { (void)pool.checkout(); }); }};
    b.wait_waiting(1);
    b.clock.advance(7s - 1ns);
    BOOST_TEST(pool.stats().waiting == 1u);
    b.clock.advance(1ns);
    BOOST_TEST(waiter.ends());
    BOOST_CHECK(code == Code::timed_out);
}

POND_TEST_CASE(a_zero_limit_takes_what_is_idle_and_neither_waits_nor_opens) {
    Bench b{config};
    Pond& pool = b.start(2);
    BOOST_CHECK(code_of([&] { (void)pool.checkout(0ms); }) == Code::timed_out);
    BOOST_TEST(b.script.count(Hook::open) == 0u);
    b.fill(1);
    BOOST_TEST(pool.checkout(0ms).id() == 1u);
    auto held = b.take(2);
    BOOST_CHECK(code_of([&] { (void)pool.checkout(-5s); }) == Code::timed_out);
    BOOST_CHECK(code_of([&] { (void)pool.checkout(b.clock.now() - 1s); }) == Code::timed_out);
    BOOST_TEST(pool.stats().waiting == 0u);
}

POND_TEST_CASE(a_time_point_is_a_limit) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower waiter{pool, Limit{b.clock.now() + 3s}};
    b.wait_waiting(1);
    b.clock.advance(3s);
    BOOST_CHECK(waiter.code() == Code::timed_out);
}

POND_TEST_CASE(never_waits_as_long_as_it_takes) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower waiter{pool, Limit{dewpond::never}};
    b.wait_waiting(1);
    for (int year = 0; year < 3; ++year) b.clock.advance(24h * 365);
    BOOST_TEST(pool.stats().waiting == 1u);
    held[0].end();
    BOOST_TEST(waiter.id() != 0u);
}

POND_TEST_CASE(a_waiter_looks_a_last_time_at_its_deadline) {  // R13
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower waiter{pool, 1s};
    b.wait_waiting(1);
    b.quiesce(1);
    const Gate gate = b.clock.stall();
    held[0].end();
    b.clock.advance(2s);
    gate.wait_entered(1);
    b.clock.unstall();
    BOOST_TEST(waiter.id() == 1u);
}

POND_TEST_CASE(one_more_than_max_waiting_is_refused_at_once) {
    Bench b{config};
    b.setting.options.max_waiting = 2;
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower first{pool, 10s}, second{pool, 10s};
    b.wait_waiting(2);
    BOOST_CHECK(code_of([&] { (void)pool.checkout(10s); }) == Code::too_many_waiting);
    if (config.counts) BOOST_TEST(pool.stats().refused == 1u);
    held[0].end();
    // Each of the two gets it; the order is the queue's affair.
    BOOST_TEST(eventually([&] { return first.over() || second.over(); }));
    Borrower& done = first.over() ? first : second;
    done.lease().end();
    BOOST_TEST((&done == &first ? second : first).lease().id() == 1u);
}

POND_TEST_CASE_IF(with_max_waiting_0_nobody_queues, !c.background) {
    Bench b{config};
    b.setting.options.max_waiting = 0;
    Pond& pool = b.start(1);
    auto held = b.take(1);
    BOOST_CHECK(code_of([&] { (void)pool.checkout(10s); }) == Code::too_many_waiting);
    BOOST_CHECK(code_of([&] { (void)pool.checkout(dewpond::never); }) == Code::too_many_waiting);
    held[0].end();
    BOOST_TEST(pool.checkout(10s).id() == 1u);
}

POND_TEST_CASE(a_stop_that_was_requested_before_refuses_without_waiting_or_opening) {
    Bench b{config};
    Pond& pool = b.start(1);
    std::stop_source stop;
    stop.request_stop();
    BOOST_CHECK(code_of([&] { (void)pool.checkout(Wish{10s, stop.get_token()}); }) == Code::cancelled);
    BOOST_CHECK(code_of([&] { (void)pool.checkout(Wish{{}, stop.get_token()}); }) == Code::cancelled);
    BOOST_CHECK(pool.try_checkout(Wish{{}, stop.get_token()}).error().code() == Code::cancelled);
    BOOST_TEST(b.script.count(Hook::open) == 0u);
    if (config.counts) BOOST_TEST(pool.stats().cancelled == 3u);
}

POND_TEST_CASE(a_stop_ends_the_wait) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    std::stop_source stop;
    Borrower waiter{pool, Wish{10s, stop.get_token()}};
    b.wait_waiting(1);
    stop.request_stop();
    BOOST_CHECK(waiter.code() == Code::cancelled);
    BOOST_TEST(pool.stats().waiting == 0u);
    held[0].end();
    BOOST_TEST(pool.stats().idle == 1u);
}

POND_TEST_CASE(a_stop_at_the_same_time_as_a_grant_leaves_the_lease_with_the_waiter) {  // I4
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    std::stop_source stop;
    Borrower waiter{pool, Wish{10s, stop.get_token()}};
    b.wait_waiting(1);
    b.quiesce(1);
    const Gate gate = b.clock.stall();
    held[0].end();
    gate.wait_entered(1);
    stop.request_stop();
    b.clock.unstall();
    BOOST_TEST(waiter.id() == 1u);
    waiter.lease().end();
    BOOST_TEST(pool.stats().idle == 1u);
}

POND_TEST_CASE(a_stop_of_one_waiter_disturbs_no_other) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    std::stop_source stop;
    Borrower first{pool, Wish{10s, stop.get_token()}};
    b.wait_waiting(1);
    Borrower second{pool, 10s};
    b.wait_waiting(2);
    stop.request_stop();
    BOOST_CHECK(first.code() == Code::cancelled);
    held[0].end();
    BOOST_TEST(second.id() == 1u);
}

POND_TEST_CASE(waiters_are_served_in_the_order_of_their_coming) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    std::vector<std::unique_ptr<Borrower>> waiters;
    for (std::uint32_t i = 0; i < 5; ++i) {
        waiters.push_back(std::make_unique<Borrower>(pool, 1h));
        b.wait_waiting(i + 1);
    }
    AnyLease* turn = &held[0];
    for (auto& w : waiters) {
        turn->end();
        BOOST_TEST(w->ends());
        BOOST_TEST(w->id() == 1u);
        turn = &w->lease();
    }
}

POND_TEST_CASE(n_waiters_and_n_returns_back_to_back_are_all_served) {  // B6
    constexpr std::uint32_t n = 6;
    Bench b{config};
    Pond& pool = b.start(n);
    auto held = b.take(n);
    std::vector<std::unique_ptr<Borrower>> waiters;
    for (std::uint32_t i = 0; i < n; ++i) waiters.push_back(std::make_unique<Borrower>(pool, 1h));
    b.wait_waiting(n);
    b.quiesce(n);
    const Gate gate = b.clock.stall();
    held.clear();  // all of them, before any waiter runs
    gate.wait_entered(1);
    b.clock.unstall();
    for (auto& w : waiters) BOOST_TEST(w->id() != 0u);
    BOOST_TEST(b.script.count(Hook::open) == n);
}

POND_TEST_CASE(a_waiter_that_leaves_late_passes_the_wake_up_on) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower late{pool, 1s};
    b.wait_waiting(1);
    Borrower next{pool, 1h};
    b.wait_waiting(2);
    b.quiesce(2);
    const Gate gate = b.clock.stall();
    held[0].end();                    // wakes the first, or is given to it
    gate.wait_entered(1);
    auto barger = pool.try_checkout();  // somebody is faster
    b.clock.advance(2s);
    b.clock.unstall();
    if (barger) {
        BOOST_CHECK(late.code() == Code::timed_out);
        barger->end();
    } else {
        late.lease().end();
    }
    BOOST_TEST(next.id() == 1u);
}

POND_TEST_CASE(a_timed_out_waiter_leaves_no_trace) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    for (int i = 0; i < 3; ++i) {
        Borrower waiter{pool, 1s};
        b.wait_waiting(1);
        b.clock.advance(1s);
        BOOST_CHECK(waiter.code() == Code::timed_out);
    }
    BOOST_TEST(pool.stats().waiting == 0u);
    BOOST_CHECK(pool.stats().oldest_wait == Duration{});
    held[0].end();
    BOOST_TEST(pool.stats().idle == 1u);
    if (config.counts) BOOST_TEST(pool.stats().timed_out == 3u);
}

POND_TEST_CASE_IF(strictly_nobody_overtakes_the_queue, c.strict) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower waiter{pool, 1h};
    b.wait_waiting(1);
    b.quiesce(1);
    const Gate gate = b.clock.stall();
    held[0].end();
    gate.wait_entered(1);
    BOOST_CHECK(pool.try_checkout().error().code() == Code::none_idle);
    b.clock.unstall();
    BOOST_TEST(waiter.id() == 1u);
}

POND_TEST_CASE_IF(adaptively_a_newcomer_may_take_what_a_young_head_was_woken_for, !c.strict) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower waiter{pool, 1h};
    b.wait_waiting(1);
    b.quiesce(1);
    const Gate gate = b.clock.stall();
    held[0].end();
    gate.wait_entered(1);
    auto newcomer = pool.try_checkout();
    BOOST_TEST(newcomer.has_value());
    b.clock.unstall();
    newcomer->end();
    BOOST_TEST(waiter.id() == 1u);
}

POND_TEST_CASE_IF(adaptively_a_head_older_than_the_patience_is_served_directly, !c.strict) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower waiter{pool, 1h};
    b.wait_waiting(1);
    b.quiesce(1);
    const Gate gate = b.clock.stall();
    b.clock.advance(b.setting.patience);
    held[0].end();
    gate.wait_entered(1);
    BOOST_CHECK(pool.try_checkout().error().code() == Code::none_idle);
    b.clock.unstall();
    BOOST_TEST(waiter.id() == 1u);
}

POND_TEST_CASE_IF(a_woken_head_that_is_slow_is_overtaken_by_sixteen_returns_at_most, !c.strict) {  // I9, S8
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower waiter{pool, 1h};
    b.wait_waiting(1);
    b.quiesce(1);
    const Gate gate = b.clock.stall();
    held[0].end();  // wakes it
    gate.wait_entered(1);
    b.clock.advance(b.setting.patience);
    int overtaken = 0;
    for (; overtaken < 100; ++overtaken) {
        auto newcomer = pool.try_checkout();
        if (!newcomer) break;
    }
    BOOST_TEST(overtaken <= 16);
    b.clock.unstall();
    BOOST_TEST(waiter.id() == 1u);
}

POND_TEST_CASE(try_checkout_without_a_limit_never_waits_or_opens) {
    Bench b{config};
    Pond& pool = b.start(2);
    BOOST_CHECK(pool.try_checkout().error().code() == Code::none_idle);
    BOOST_TEST(b.script.count(Hook::open) == 0u);
    b.fill(1);
    const auto pings = b.script.count(Hook::ping);
    auto lease = pool.try_checkout();
    BOOST_TEST_REQUIRE(lease.has_value());
    BOOST_TEST(lease->id() == 1u);
    BOOST_CHECK(pool.try_checkout().error().code() == Code::none_idle);
    BOOST_TEST(b.script.count(Hook::open) == 1u);
    BOOST_TEST(b.script.count(Hook::ping) == pings);
    BOOST_TEST(pool.stats().waiting == 0u);
}

POND_TEST_CASE(wait_ready_opens_one_resource_or_says_why_not) {
    Bench b{config};
    Pond& pool = b.start(2);
    BOOST_TEST(pool.wait_ready(5s).has_value());
    BOOST_TEST(pool.stats().ready);
    BOOST_TEST(pool.stats().idle == 1u);
    BOOST_TEST(b.script.count(Hook::open) == 1u);
    pool.close(0ms);
    BOOST_CHECK(pool.wait_ready(5s).error().code() == Code::closed);
}

BOOST_AUTO_TEST_SUITE_END()
