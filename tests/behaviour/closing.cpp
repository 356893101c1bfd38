// SPDX-License-Identifier: BSL-1.0
// Closing: everybody who waits is told, what is idle goes at once, what is out goes when it comes back.
#include <thread>

#include "kit/bench.hpp"

using namespace behaviour;

BOOST_AUTO_TEST_SUITE(closing)

POND_TEST_CASE(a_closed_pool_refuses_at_once) {
    Bench b{config};
    Pond& pool = b.start(2);
    b.fill(1);
    BOOST_TEST(pool.close(0ms) == 0u);
    BOOST_CHECK(code_of([&] { (void)pool.checkout(); }) == Code::closed);
    BOOST_CHECK(code_of([&] { (void)pool.checkout(dewpond::never); }) == Code::closed);
    BOOST_CHECK(pool.try_checkout().error().code() == Code::closed);
    BOOST_CHECK(pool.try_checkout(1s).error().code() == Code::closed);
    BOOST_TEST(pool.stats().closed);
    BOOST_TEST(b.script.count(Hook::open) == 1u);
    if (config.counts) BOOST_TEST(pool.stats().refused >= 3u);
}

POND_TEST_CASE(closing_closes_what_is_idle) {
    Bench b{config};
    Pond& pool = b.start(3);
    b.fill(3);
    BOOST_TEST(pool.close(0ms) == 0u);
    BOOST_TEST(b.script.live() == 0u);
    BOOST_TEST(pool.stats().size == 0u);
    if (config.counts) BOOST_TEST(pool.stats().closed_because(CloseReason::pool_closed) == 3u);
}

POND_TEST_CASE(closing_wakes_every_waiter_once_with_closed) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    std::vector<std::unique_ptr<Borrower>> waiters;
    for (int i = 0; i < 12; ++i) waiters.push_back(std::make_unique<Borrower>(pool, dewpond::never));
    b.wait_waiting(12);
    BOOST_TEST(pool.close(0ms) == 1u);
    for (auto& w : waiters) BOOST_CHECK(w->code() == Code::closed);
    BOOST_TEST(pool.stats().waiting == 0u);
}

POND_TEST_CASE(closing_twice_is_closing) {
    Bench b{config};
    Pond& pool = b.start(2);
    auto held = b.take(2);
    BOOST_TEST(pool.close(0ms) == 2u);
    BOOST_TEST(pool.close(0ms) == 2u);
    held[0].end();
    BOOST_TEST(pool.close(0ms) == 1u);
    held[1].end();
    BOOST_TEST(pool.close(dewpond::never) == 0u);
    BOOST_TEST(pool.close(0ms) == 0u);
    BOOST_TEST(b.script.count(Hook::close) == 2u);
}

POND_TEST_CASE(closing_waits_for_leases_until_the_last_is_back) {
    Bench b{config};
    Pond& pool = b.start(2);
    auto held = b.take(2);
    std::uint32_t left = 99;
    Task closer{[&] { left = pool.close(10s); }};
    BOOST_TEST(eventually([&] { return pool.stats().closed; }));
    held[0].end();
    b.clock.advance(9s);
    BOOST_TEST(!closer.over());
    held[1].end();
    BOOST_TEST(closer.ends());
    closer.join();
    BOOST_TEST(left == 0u);
    BOOST_TEST(b.script.count(Hook::interrupt) == 0u);
}

POND_TEST_CASE(closing_waits_no_longer_than_its_limit_and_says_how_many_are_left) {
    Bench b{config};
    Pond& pool = b.start(3);
    auto held = b.take(3);
    std::uint32_t left = 99;
    Task closer{[&] { left = pool.close(10s); }};
    BOOST_TEST(eventually([&] { return pool.stats().closed; }));
    held[2].end();
    b.clock.advance(10s);
    BOOST_TEST(closer.ends());
    closer.join();
    BOOST_TEST(left == 2u);
    BOOST_TEST(b.script.live() == 2u);
    held.clear();
    BOOST_TEST(b.script.live() == 0u);
}

POND_TEST_CASE(two_may_close_at_once) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    std::uint32_t left[2] = {99, 99};
    Task one{[&] { left[0] = pool.close(10s); }}, two{[&] { left[1] = pool.close(10s); }};
    BOOST_TEST(eventually([&] { return pool.stats().closed; }));
    held[0].end();
    BOOST_TEST(one.ends());
    BOOST_TEST(two.ends());
    BOOST_TEST(left[0] + left[1] == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_still_out_at_the_limit_is_interrupted_and_closes_at_its_return, *boost::unit_test::timeout(20)) {
    for (const char* name : {"full", "strict_background", "keeper"}) {
        Bench b{name};
        Pond& pool = b.start(2);
        auto held = b.take(2);
        BOOST_TEST(pool.close(0ms) == 2u);
        BOOST_TEST(b.script.count(Hook::interrupt) == 2u);
        BOOST_TEST(b.script.count(Hook::close) == 0u);
        BOOST_TEST(held[0].id() == 1u);  // still good to look into
        held.clear();
        BOOST_TEST(b.script.count(Hook::close) == 2u);
    }
}

BOOST_AUTO_TEST_CASE(a_return_in_the_middle_of_an_interrupt_waits_for_nobody_and_is_closed_once, *boost::unit_test::timeout(20)) {
    Bench b{"full"};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Gate gate;
    b.script.on(Hook::interrupt, {block(gate)});
    Task closer{[&] { (void)pool.close(0ms); }};
    gate.wait_entered(1);
    Task returner{[&] { held[0].end(); }};
    BOOST_TEST(returner.ends());
    BOOST_TEST(b.script.count(Hook::close) == 0u);
    gate.open();
    BOOST_TEST(closer.ends());
    BOOST_TEST(b.script.live() == 0u);
    BOOST_TEST(b.script.count(Hook::close) == 1u);
}

POND_TEST_CASE(what_is_opened_while_the_pool_closes_is_closed) {
    Bench b{config};
    Pond& pool = b.start(1);
    Gate gate;
    b.script.on(Hook::open, {block(gate)});
    Borrower opener{pool, 1h};
    gate.wait_entered(1);
    BOOST_TEST(pool.close(0ms) == 1u);
    gate.open();
    BOOST_CHECK(opener.code() == Code::closed);
    BOOST_TEST(pool.close(dewpond::never) == 0u);
    BOOST_TEST(b.script.live() == 0u);
}

POND_TEST_CASE(the_destructor_waits_for_no_lease) {
    Bench b{config};
    b.start(2);
    auto held = b.take(2);
    b.destroy();
    BOOST_TEST(b.script.live() == 2u);
    held.clear();
    BOOST_TEST(b.script.live() == 0u);
}

POND_TEST_CASE_IF(the_destructor_waits_for_no_thread_that_is_inside_the_driver, c.background) {  // rule 9
    Bench b{config};
    b.setting.options.min_idle = 1;
    Gate gate;
    b.script.on(Hook::open, {block(gate)});
    b.start(1);
    gate.wait_entered(1);
    Task destroyer{[&] { b.destroy(); }};
    const bool ended = destroyer.ends();
    BOOST_TEST(ended);
    gate.open();
    destroyer.join();
    b.script.wait_finished(Hook::close, 1);
}

POND_TEST_CASE_IF(the_destructor_waits_for_the_pools_threads_that_are_at_rest, c.background || c.keeps) {
    Bench b{config};
    b.start(1);
    b.quiesce(0);
    const Gate stall = b.clock.stall();
    Task destroyer{[&] { b.destroy(); }};
    stall.wait_entered(b.crew());  // woken, but not yet running
    for (int i = 0; i < 1'000; ++i) std::this_thread::yield();
    BOOST_TEST(!destroyer.over());
    b.clock.unstall();
    BOOST_TEST(destroyer.ends());
}

POND_TEST_CASE(a_pool_may_be_destroyed_while_many_return) {
    for (int round = 0; round < 20; ++round) {
        Bench b{config};
        b.start(4);
        auto held = b.take(4);
        std::vector<std::unique_ptr<Task>> returners;
        for (AnyLease& l : held) returners.push_back(std::make_unique<Task>([mine = std::make_shared<AnyLease>(std::move(l))] { mine->end(); }));
        b.destroy();
        returners.clear();
        BOOST_TEST(b.script.live() == 0u);
    }
}

BOOST_AUTO_TEST_SUITE_END()
