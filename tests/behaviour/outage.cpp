// SPDX-License-Identifier: BSL-1.0
// An outage: back-off, down, refusals that cost microseconds, one prober, and the end of it.
#include <algorithm>
#include <thread>

#include "kit/bench.hpp"

using namespace behaviour;

namespace {

/// Everything is down: one caller tried in vain until the grace was over.
void go_down(Bench& b) {
    b.script.on(Hook::open, {fail(Fault::unreachable, "connection refused")});
    Borrower waiter{b.pool(), 1h};
    BOOST_TEST(eventually([&] { return waiter.over() || (b.clock.advance(50ms), false); }));
    BOOST_CHECK(waiter.code() == Code::server_down);
    BOOST_TEST_REQUIRE(b.pool().stats().down);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(outage)

POND_TEST_CASE(failing_for_the_grace_with_nothing_live_is_down) {
    Bench b{config};
    b.setting.options.outage_grace = 3s;
    Pond& pool = b.start(2);
    b.script.on(Hook::open, {fail(Fault::unreachable, "connection refused")});
    Borrower waiter{pool, 1h};
    b.script.wait_finished(Hook::open, 1);
    b.quiesce(1);
    while (b.clock.elapsed() < Duration{2900ms}) {
        b.clock.advance(100ms);
        b.quiesce(1);
        BOOST_TEST(!pool.stats().down);
    }
    BOOST_TEST(pool.stats().waiting == 1u);
    BOOST_TEST(eventually([&] { return waiter.over() || (b.clock.advance(100ms), false); }));
    BOOST_CHECK(waiter.code() == Code::server_down);
    BOOST_TEST(pool.stats().down);
    BOOST_CHECK(pool.stats().open_fault == Fault::unreachable);
}

POND_TEST_CASE(while_down_everybody_is_refused_at_once_with_reason_since_and_retry_after) {
    Bench b{config};
    b.setting.options.keeper_thread = config.background;
    b.setting.options.backoff_min = b.setting.options.backoff_max_waiting = b.setting.options.backoff_max = 1h;
    b.setting.options.outage_grace = 0s;
    Pond& pool = b.start(2);
    b.script.on(Hook::open, {fail(Fault::unreachable, "connection refused")});
    BOOST_CHECK(Borrower(pool, 1h).code() == Code::server_down);
    const auto opens = b.script.count(Hook::open);
    b.clock.advance(40s);
    for (int i = 0; i < 5; ++i) {
        const auto result = pool.try_checkout(1h);
        BOOST_TEST_REQUIRE(!result.has_value());
        const PoolError& e = result.error();
        BOOST_CHECK(e.code() == Code::server_down);
        BOOST_CHECK(e.fault() == Fault::unreachable);
        BOOST_CHECK(e.retry_after() > Duration{});
        BOOST_CHECK(e.retry_after() <= Duration{1h});
        BOOST_TEST(holds(e.what(), "40 s"));
        BOOST_TEST(holds(e.what(), "unreachable"));
        BOOST_TEST(holds(e.what(), "connection refused"));
    }
    BOOST_TEST(b.script.count(Hook::open) == opens);
    BOOST_CHECK(pool.stats().down_for == Duration{40s});
    if (config.counts) BOOST_TEST(pool.stats().refused == 6u);
}

POND_TEST_CASE(one_prober_at_a_time_while_it_fails) {
    Bench b{config};
    b.setting.options.opens_at_once = 4;
    b.setting.options.outage_grace = 0s;
    Pond& pool = b.start(8);
    go_down(b);
    Gate gate;
    b.script.on(Hook::open, {fail().after(gate)});
    b.clock.advance(10s);  // the next attempt is due
    std::vector<std::unique_ptr<Borrower>> all;
    if (!config.background) all.push_back(std::make_unique<Borrower>(pool, 1h));
    // A crew's attempt that was under way when the clock moved may fail late, and then the next one is due later.
    BOOST_TEST_REQUIRE(eventually([&] { return gate.entered() == 1 || (b.clock.advance(1s), false); }));
    for (int i = 0; i < 4; ++i) all.push_back(std::make_unique<Borrower>(pool, 1h));
    for (std::size_t i = config.background ? 0 : 1; i < all.size(); ++i) BOOST_CHECK(all[i]->code() == Code::server_down);
    BOOST_TEST(gate.waiting() == 1u);
    BOOST_TEST(gate.entered() == 1u);
    gate.open();
    for (auto& w : all) BOOST_CHECK(w->code() == Code::server_down);
}

POND_TEST_CASE(one_opens_at_a_time_once_opening_has_failed) {
    Bench b{config};
    b.setting.options.opens_at_once = 4;
    b.setting.options.outage_grace = 1h;
    Pond& pool = b.start(8);
    Gate gate;
    b.script.on(Hook::open, {fail(), block(gate)});
    Borrower first{pool, 1h};
    b.script.wait_finished(Hook::open, 1);
    b.quiesce(1);
    std::vector<std::unique_ptr<Borrower>> others;
    for (int i = 0; i < 3; ++i) others.push_back(std::make_unique<Borrower>(pool, 1h));
    b.wait_waiting(4);
    b.clock.advance(1s);
    gate.wait_entered(1);
    b.wait_waiting(config.background ? 4 : 3);
    BOOST_TEST(gate.entered() == 1u);
    BOOST_TEST(pool.stats().opening == 1u);
    gate.open();  // its success ends the rule: the others open, too
    BOOST_TEST(first.outcome().has_value());
    for (auto& w : others) BOOST_TEST(w->outcome().has_value());
}

POND_TEST_CASE(the_first_success_ends_the_outage) {
    Bench b{config};
    b.setting.options.outage_grace = 1s;
    Pond& pool = b.start(2);
    go_down(b);
    b.script.on(Hook::open, {succeed()});
    BOOST_TEST(eventually([&] {
        b.clock.advance(1s);
        return pool.try_checkout(1s).has_value();
    }));
    BOOST_TEST(!pool.stats().down);
    BOOST_CHECK(pool.stats().open_fault == Fault::none);
    BOOST_CHECK(pool.stats().down_for == Duration{});
    BOOST_TEST(b.told(EventKind::down).size() == 1u);
    BOOST_TEST_REQUIRE(eventually([&] { return b.told(EventKind::up).size() == 1u; }));  // told after the slot was given
    BOOST_CHECK(b.told(EventKind::up)[0].age > Duration{});
    BOOST_CHECK(b.told(EventKind::down)[0].fault == Fault::unreachable);
}

POND_TEST_CASE_IF(without_a_thread_of_its_own_the_next_caller_is_the_prober, !c.background) {
    Bench b{config};
    b.setting.options.keeper_thread = false;
    b.setting.options.outage_grace = 1s;
    Pond& pool = b.start(2);
    go_down(b);
    b.script.on(Hook::open, {succeed()});
    b.clock.advance(5s);
    BOOST_TEST(pool.checkout(1s).id() == 1u);
    BOOST_TEST(!pool.stats().down);
}

POND_TEST_CASE_IF(the_keeper_ends_an_outage_that_nobody_asks_about, c.background) {
    Bench b{config};
    b.setting.options.outage_grace = 1s;
    Pond& pool = b.start(2);
    go_down(b);
    b.script.on(Hook::open, {succeed()});
    BOOST_TEST(eventually([&] { return !pool.stats().down || (b.clock.advance(1s), false); }));
    BOOST_TEST_REQUIRE(eventually([&] { return b.told(EventKind::up).size() == 1u; }));  // told after the slot was given
}

POND_TEST_CASE(an_outage_shorter_than_the_grace_is_told_when_it_ends) {
    Bench b{config};
    b.setting.options.outage_grace = 1h;
    Pond& pool = b.start(1);
    b.script.on(Hook::open, {fail(Fault::starting).times(3), succeed()});
    Borrower waiter{pool, 1h};
    BOOST_TEST(eventually([&] { return waiter.over() || (b.clock.advance(100ms), false); }));
    BOOST_TEST(waiter.outcome().has_value());
    BOOST_TEST(b.told(EventKind::down).empty());
    BOOST_TEST(b.told(EventKind::up).empty());
    BOOST_TEST_REQUIRE(eventually([&] { return b.told(EventKind::opened_after_outage).size() == 1u; }));  // told after the slot was given
    BOOST_TEST_REQUIRE(!b.told(EventKind::open_failed).empty());
    BOOST_CHECK(b.told(EventKind::open_failed)[0].fault == Fault::starting);
    if (config.counts) BOOST_TEST(pool.stats().open_failures == 3u);
}

POND_TEST_CASE(a_death_of_everything_goes_down_and_comes_back_without_a_word_of_the_users) {
    if (!config.checks) return;
    Bench b{config};
    b.setting.options.outage_grace = 1s;
    Pond& pool = b.start(3);
    b.take(3);
    b.script.break_all();
    go_down(b);
    BOOST_TEST(b.script.live() == 0u);
    b.script.on(Hook::open, {});
    BOOST_TEST(eventually([&] {
        b.clock.advance(1s);
        return pool.try_checkout(1s).has_value();
    }));
    BOOST_TEST(b.take(3).size() == 3u);
}

POND_TEST_CASE(the_back_off_is_bounded_above_and_below) {  // bug 17: the connect storm
    Bench b{config};
    b.setting.options.outage_grace = 1h;
    Pond& pool = b.start(4);
    b.script.on(Hook::open, {fail()});
    std::vector<std::unique_ptr<Borrower>> all;
    for (int i = 0; i < 4; ++i) all.push_back(std::make_unique<Borrower>(pool, 2min));
    b.quiesce(4);
    std::size_t longest = 0, since = 0, seen = b.script.count(Hook::open);
    for (int step = 0; step < 6000; ++step) {
        b.clock.advance(10ms);
        b.quiesce(4);
        const auto now = b.script.count(Hook::open);
        since = now == seen ? since + 1 : 0;
        seen = now;
        longest = std::max(longest, since);
    }
    BOOST_TEST(b.script.count(Hook::open) <= 610u);  // each pause has a tenth of its span at least
    BOOST_TEST(b.script.count(Hook::open) >= 50u);
    BOOST_TEST(longest <= 101u);                     // and never more than a second while somebody waits
    pool.close(0ms);
    for (auto& w : all) BOOST_CHECK(w->code() == Code::closed);
}

POND_TEST_CASE_IF(somebody_who_begins_to_wait_shortens_the_pause, !c.background) {
    Bench b{config};
    b.setting.options.backoff_min = b.setting.options.backoff_max_waiting = 1s;
    b.setting.options.backoff_max = 1000s;
    b.setting.options.outage_grace = 1h * 24;
    Pond& pool = b.start(1);
    b.script.on(Hook::open, {fail().taking(b.clock, 10ms).times(12), succeed()});
    for (int i = 0; i < 12; ++i) {  // callers that do not wait: the pause grows
        b.clock.advance(1000s);
        BOOST_CHECK(code_of([&] { (void)pool.checkout(10ms); }) == Code::open_failed);
    }
    BOOST_TEST(b.script.count(Hook::open) == 12u);
    Borrower waiter{pool, 1h};
    b.quiesce(1);
    b.clock.advance(1s);
    BOOST_TEST(waiter.ends());
    BOOST_TEST(waiter.id() == 1u);
}

POND_TEST_CASE(a_closed_pool_that_is_down_says_closed) {
    Bench b{config};
    b.setting.options.outage_grace = 0s;
    Pond& pool = b.start(1);
    go_down(b);
    pool.close(0ms);
    BOOST_CHECK(code_of([&] { (void)pool.checkout(); }) == Code::closed);
    BOOST_CHECK(pool.try_checkout().error().code() == Code::closed);
}

BOOST_AUTO_TEST_SUITE_END()
