// SPDX-License-Identifier: BSL-1.0
// Waiters without a thread: served exactly once, whatever comes first, outside every lock.
#include <algorithm>
#include <thread>

#include "kit/bench.hpp"

using namespace behaviour;

BOOST_AUTO_TEST_SUITE(async)

POND_TEST_CASE(what_is_idle_serves_at_once_on_the_callers_thread) {
    Bench b{config};
    Pond& pool = b.start(1);
    b.fill(1);
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 1s);
    BOOST_TEST(caller.served() == 1);
    BOOST_TEST(caller.lease().id() == 1u);
    BOOST_CHECK(caller.thread() == std::this_thread::get_id());
    if (config.counts) BOOST_TEST(pool.stats().waited == (config.background ? 1u : 0u));
}

POND_TEST_CASE(an_empty_pool_opens_for_a_callback) {
    Bench b{config};
    Pond& pool = b.start(2);
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 1h);
    BOOST_TEST(caller.is_served());
    BOOST_TEST(caller.lease().id() == 1u);
}

POND_TEST_CASE(without_a_keepers_thread_maintain_opens_for_a_callback) {
    Bench b{config};
    b.setting.options.keeper_thread = false;
    Pond& pool = b.start(2);
    Caller one{pool}, two{pool};
    pool.enqueue(one.ticket(), 1h);
    pool.enqueue(two.ticket(), 1h);
    BOOST_TEST(one.served() + two.served() == 0);
    pool.maintain();
    BOOST_TEST(one.served() == 1);
    BOOST_TEST(two.served() == 1);
    BOOST_TEST(b.script.count(Hook::open) == 2u);
}

POND_TEST_CASE(a_return_serves_a_callback_on_the_returners_thread) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 1h);
    BOOST_TEST(caller.served() == 0);
    BOOST_TEST(pool.stats().waiting == 1u);
    std::thread::id returner;
    std::thread{[&] {
        returner = std::this_thread::get_id();
        held[0].end();
    }}.join();
    BOOST_TEST(caller.served() == 1);
    BOOST_TEST(caller.lease().id() == 1u);
    BOOST_CHECK(caller.thread() == returner);
}

POND_TEST_CASE_IF(what_a_callback_was_given_after_a_wait_is_a_lease_like_any_other, c.counts && c.holders) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 1h);
    held[0].end();
    BOOST_TEST(caller.is_served());
    BOOST_TEST(pool.stats().checkouts == 2u);
    BOOST_TEST(holds(pool.inspect(), "make_pond.hpp"));  // where it was asked for
    caller.lease().end();
}

POND_TEST_CASE(a_callback_is_told_of_its_deadline) {
    Bench b{config};
    b.setting.options.keeper_thread = false;
    Pond& pool = b.start(1);
    Caller opener{pool};
    pool.enqueue(opener.ticket(), 1h);
    pool.maintain();
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 3s);
    b.clock.advance(3s - 1ns);
    pool.maintain();
    BOOST_TEST(caller.served() == 0);
    b.clock.advance(1ns);
    pool.maintain();
    BOOST_TEST(caller.served() == 1);
    BOOST_CHECK(caller.code() == Code::timed_out);
    BOOST_TEST(pool.stats().waiting == 0u);
    if (config.counts) BOOST_TEST(pool.stats().timed_out == 1u);
    pool.maintain();
    BOOST_TEST(caller.served() == 1);
}

POND_TEST_CASE(the_keepers_thread_watches_the_nearest_deadline) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Caller first{pool}, far{pool}, near{pool};
    pool.enqueue(first.ticket(), 1h);  // the crew is there from now on
    BOOST_TEST(pool.withdraw(first.ticket()));
    b.clock.wait_until_parked(std::max<std::size_t>(b.crew(), 1));
    pool.enqueue(far.ticket(), 30min);
    pool.enqueue(near.ticket(), 1s);
    b.clock.advance(1s);
    BOOST_TEST(near.is_served());
    BOOST_CHECK(near.code() == Code::timed_out);
    BOOST_TEST(far.served() == 0);
    held[0].end();
    BOOST_TEST(far.is_served());
}

POND_TEST_CASE(without_a_limit_a_callback_waits_checkout_timeout) {
    Bench b{config};
    b.setting.options.checkout_timeout = 7s;
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Caller caller{pool};
    pool.enqueue(caller.ticket());
    b.clock.advance(7s);
    pool.maintain();
    BOOST_TEST(caller.is_served());
    BOOST_CHECK(caller.code() == Code::timed_out);
}

POND_TEST_CASE(closing_serves_every_callback_with_closed) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    std::vector<std::unique_ptr<Caller>> callers;
    for (int i = 0; i < 20; ++i) {
        callers.push_back(std::make_unique<Caller>(pool));
        pool.enqueue(callers.back()->ticket(), 1h);
    }
    pool.close(0ms);
    for (auto& c : callers) {
        BOOST_TEST(c->served() == 1);
        BOOST_CHECK(c->code() == Code::closed);
    }
    Caller late{pool};
    pool.enqueue(late.ticket(), 1h);
    BOOST_TEST(late.served() == 1);
    BOOST_CHECK(late.code() == Code::closed);
}

POND_TEST_CASE(a_withdrawn_callback_is_served_with_cancelled_before_withdraw_returns) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 1h);
    BOOST_TEST(pool.withdraw(caller.ticket()));
    BOOST_TEST(caller.served() == 1);
    BOOST_CHECK(caller.code() == Code::cancelled);
    BOOST_TEST(!pool.withdraw(caller.ticket()));
    BOOST_TEST(caller.served() == 1);
    held[0].end();
    BOOST_TEST(pool.stats().idle == 1u);
    if (config.counts) BOOST_TEST(pool.stats().cancelled == 1u);
}

POND_TEST_CASE(a_callback_may_withdraw_another_one_and_free_it) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    auto second = std::make_unique<Caller>(pool);
    int served = -1;
    Caller first{pool, [&](Caller&) {
                     BOOST_REQUIRE(pool.withdraw(second->ticket()));
                     served = second->served();
                     second.reset();
                 }};
    pool.enqueue(first.ticket(), 1h);
    pool.enqueue(second->ticket(), 1h);
    held[0].end();
    BOOST_TEST(first.served() == 1);
    BOOST_TEST(served == 1);
}

POND_TEST_CASE(a_served_callback_cannot_be_withdrawn) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 1h);
    held[0].end();
    BOOST_TEST(!pool.withdraw(caller.ticket()));
    BOOST_TEST(caller.served() == 1);
    BOOST_TEST(caller.outcome().has_value());
}

POND_TEST_CASE(threads_and_callbacks_stand_in_one_queue) {  // R1
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Caller a{pool};
    pool.enqueue(a.ticket(), 1h);
    b.clock.advance(2ms);
    Borrower t{pool, 1h};
    b.wait_waiting(2);
    b.clock.advance(2ms);
    Caller c{pool};
    pool.enqueue(c.ticket(), 1h);
    b.clock.advance(2ms);
    held[0].end();
    BOOST_TEST(a.is_served());
    BOOST_TEST(!t.over());
    BOOST_TEST(c.served() == 0);
    a.lease().end();
    BOOST_TEST(t.id() == 1u);
    BOOST_TEST(c.served() == 0);
    t.lease().end();
    BOOST_TEST(c.is_served());
    BOOST_TEST(c.lease().id() == 1u);
}

POND_TEST_CASE(one_more_callback_than_max_waiting_is_refused_at_once) {
    Bench b{config};
    b.setting.options.max_waiting = 1;
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Caller first{pool}, second{pool};
    pool.enqueue(first.ticket(), 1h);
    pool.enqueue(second.ticket(), 1h);
    BOOST_TEST(second.served() == 1);
    BOOST_CHECK(second.code() == Code::too_many_waiting);
    BOOST_TEST(first.served() == 0);
    held[0].end();
    BOOST_TEST(first.is_served());
}

POND_TEST_CASE(a_callback_may_use_the_pool_and_is_not_called_inside_another) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    int depth = 0, deepest = 0;
    std::vector<std::unique_ptr<Caller>> chain;
    for (int i = 0; i < 50; ++i) {
        chain.push_back(std::make_unique<Caller>(pool, [&](Caller& self) {
            deepest = std::max(deepest, ++depth);
            BOOST_REQUIRE(self.outcome().has_value());
            self.lease().end();  // serves the next one: behind this one, not inside it
            --depth;
        }));
        pool.enqueue(chain.back()->ticket(), 1h);
    }
    held[0].end();
    for (auto& c : chain) BOOST_TEST(c->is_served());
    BOOST_TEST(deepest == 1);
}

POND_TEST_CASE(a_callback_may_enqueue_again) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    int rounds = 0;
    Caller again{pool};
    Caller first{pool, [&](Caller& self) {
                     ++rounds;
                     self.lease().end();
                     pool.enqueue(again.ticket(), 1h);
                 }};
    pool.enqueue(first.ticket(), 1h);
    held[0].end();
    BOOST_TEST(again.is_served());
    BOOST_TEST(again.lease().id() == 1u);
    BOOST_TEST(rounds == 1);
}

POND_TEST_CASE(a_callback_that_is_told_closed_may_use_the_pool) {  // R3
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Code inner = Code::bad_option;
    Caller caller{pool, [&](Caller&) {
                      inner = pool.try_checkout(1s).error().code();
                      (void)pool.stats();
                      (void)pool.close(0ms);
                  }};
    pool.enqueue(caller.ticket(), 1h);
    pool.close(0ms);
    BOOST_TEST(caller.served() == 1);
    BOOST_CHECK(inner == Code::closed);
}

POND_TEST_CASE_IF(a_callback_that_is_given_something_dead_is_served_with_something_alive, c.checks) {
    Bench b{config};
    Pond& pool = b.start(2);
    auto held = b.take(2);
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 1h);
    held[0]->break_it();
    held[0].end();
    held[1].end();
    BOOST_TEST(caller.is_served());
    BOOST_TEST(caller.outcome().has_value());
    BOOST_TEST(!caller.lease()->is_broken());
}

POND_TEST_CASE(an_opening_that_fails_serves_callbacks_with_the_error) {
    Bench b{config};
    b.setting.options.outage_grace = 0s;
    Pond& pool = b.start(1);
    b.script.on(Hook::open, {fail(Fault::configuration, "no such database")});
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 1h);
    BOOST_TEST(caller.is_served());
    BOOST_CHECK(caller.code() == Code::open_failed);
    BOOST_CHECK(caller.outcome().error().fault() == Fault::configuration);
}

POND_TEST_CASE(the_destructor_serves_every_callback) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 1h);
    b.destroy();
    BOOST_TEST(caller.served() == 1);
    BOOST_CHECK(caller.code() == Code::closed);
}

POND_TEST_CASE(the_destructor_waits_for_no_callback) {  // rule 9
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Gate gate;
    Caller caller{pool, [&](Caller&) { gate.pass(); }};
    pool.enqueue(caller.ticket(), 1s);
    b.clock.wait_until_parked(std::max<std::size_t>(b.crew(), 1));
    b.clock.advance(1s);
    gate.wait_entered(1);  // the keeper tells it of its deadline
    Task destroyer{[&] { b.destroy(); }};
    const bool ended = destroyer.ends();
    BOOST_TEST(ended);
    gate.open();
    destroyer.join();
    BOOST_TEST(caller.is_served());
    BOOST_CHECK(caller.code() == Code::timed_out);
}

POND_TEST_CASE(a_lease_that_a_callback_keeps_outlives_the_pool) {
    Bench b{config};
    Pond& pool = b.start(1);
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 1h);
    BOOST_TEST(caller.is_served());
    b.destroy();
    BOOST_TEST(b.script.live() == 1u);
    caller.lease().end();
    BOOST_TEST(b.script.live() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
