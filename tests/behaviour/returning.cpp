// SPDX-License-Identifier: BSL-1.0
// Returning: what is dirty is reset before anybody else sees it, within a budget, and never at a waiter's cost.
#include <thread>

#include "kit/bench.hpp"

using namespace behaviour;

BOOST_AUTO_TEST_SUITE(returning)

POND_TEST_CASE_IF(what_a_borrower_left_is_gone_for_the_next, c.resets) {
    Bench b{config};
    Pond& pool = b.start(1);
    pool.checkout()->make_dirty();
    const AnyLease lease = pool.checkout();
    BOOST_TEST(lease.id() == 1u);
    BOOST_TEST(!lease->is_dirty());
}

POND_TEST_CASE_IF(a_waiter_never_sees_what_the_holder_left, c.resets) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower waiter{pool, 1h};
    b.wait_waiting(1);
    held[0]->make_dirty();
    held[0].end();
    BOOST_TEST(waiter.id() == 1u);
    BOOST_TEST(!waiter.lease()->is_dirty());
}

POND_TEST_CASE(a_return_that_serves_a_waiter_says_what_any_other_says) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 1h);
    b.wait_waiting(1);
    BOOST_CHECK(held[0].give_back() == ReturnReport::clean);
    BOOST_TEST(caller.is_served());
    BOOST_TEST(caller.lease().id() == 1u);
    caller.lease().end();
}

POND_TEST_CASE_IF(without_a_reset_it_comes_back_as_it_was, !c.resets) {
    Bench b{config};
    Pond& pool = b.start(1);
    pool.checkout()->make_dirty();
    BOOST_TEST(pool.checkout()->is_dirty());
    BOOST_TEST(b.script.count(Hook::reset) == 0u);
}

BOOST_AUTO_TEST_CASE(reset_if_dirty_resets_nothing_that_is_clean, *boost::unit_test::timeout(20)) {
    Bench b{"full"};
    Pond& pool = b.start(1);
    for (int i = 0; i < 10; ++i) (void)pool.checkout();
    BOOST_TEST(b.script.count(Hook::reset) == 0u);
    BOOST_TEST(b.script.count(Hook::dirty) == 10u);
    BOOST_CHECK(pool.checkout().give_back() == ReturnReport::clean);
    BOOST_TEST(b.script.count(Hook::reset) == 0u);
}

BOOST_AUTO_TEST_CASE(reset_always_resets_at_every_return, *boost::unit_test::timeout(20)) {
    for (const char* name : {"strict", "pinging"}) {
        Bench b{name};
        Pond& pool = b.start(1);
        for (int i = 0; i < 10; ++i) BOOST_CHECK(pool.checkout().give_back() == ReturnReport::clean);
        BOOST_TEST(b.script.count(Hook::reset) == 10u);
        BOOST_TEST(b.told(EventKind::dirty_return).empty());
    }
}

POND_TEST_CASE_IF(what_cannot_be_reset_is_closed, c.resets) {  // Sec2
    Bench b{config};
    Pond& pool = b.start(1);
    b.script.on(Hook::reset, {fail()});
    const AnyLease lease = pool.checkout();
    lease->make_dirty();
    BOOST_CHECK(lease.give_back() == ReturnReport::closed);
    BOOST_TEST(b.script.live() == 0u);
    if (config.counts) BOOST_TEST(pool.stats().closed_because(CloseReason::reset_failed) == 1u);
    b.script.on(Hook::reset, {});
    BOOST_TEST(pool.checkout(1s).id() == 2u);
}

BOOST_AUTO_TEST_CASE(what_was_clean_and_cannot_be_reset_is_closed_and_no_dirty_return, *boost::unit_test::timeout(20)) {
    Bench b{"strict"};
    Pond& pool = b.start(1);
    b.script.on(Hook::reset, {fail()});
    BOOST_CHECK(pool.checkout().give_back() == ReturnReport::closed);
    BOOST_TEST(b.told(EventKind::dirty_return).empty());
    BOOST_TEST(pool.stats().dirty_returns == 0u);
    BOOST_TEST(pool.stats().closed_because(CloseReason::reset_failed) == 1u);
}

POND_TEST_CASE_IF(what_is_still_dirty_after_a_reset_is_closed, c.knows_dirty) {
    Bench b{config};
    Pond& pool = b.start(1);
    const AnyLease lease = pool.checkout();
    b.script.on(Hook::dirty, {fail()});  // dirty, whatever is done about it
    BOOST_CHECK(lease.give_back() == ReturnReport::closed);
    BOOST_TEST(b.script.count(Hook::reset) == 1u);
    BOOST_TEST(b.script.live() == 0u);
    BOOST_TEST(b.told(EventKind::hook_left_dirty).empty());  // no hook did it
}

POND_TEST_CASE_IF(a_reset_at_the_return_is_given_the_return_budget, c.resets) {
    Bench b{config};
    b.setting.options.return_budget = 35ms;
    Pond& pool = b.start(1);
    pool.checkout()->make_dirty();
    const auto calls = b.script.calls();
    for (const Call& c : calls) {
        if (c.hook == Hook::reset) BOOST_CHECK(c.by == Deadline{b.clock.now() + 35ms});
    }
    BOOST_TEST(b.script.count(Hook::reset) == 1u);
}

POND_TEST_CASE_IF(a_reset_that_meets_another_role_is_no_dirty_return, c.resets && c.knows_dirty) {
    for (const Fault why : {Fault::broken, Fault::wrong_role}) {
        Bench b{config};
        Pond& pool = b.start(1);
        auto lease = pool.checkout();
        lease->make_dirty();
        b.script.on(Hook::reset, {fail(why)});
        BOOST_CHECK(lease.give_back() == ReturnReport::closed);
        BOOST_TEST(b.told(EventKind::dirty_return).size() == (why == Fault::broken ? 1u : 0u));
        if (config.counts) BOOST_TEST(pool.stats().dirty_returns == (why == Fault::broken ? 1u : 0u));
        const CloseReason reason = why == Fault::broken || b.script.count(Hook::last_fault) == 0 ? CloseReason::reset_failed : CloseReason::wrong_role;
        BOOST_TEST(pool.stats().closed_because(reason) == (config.counts ? 1u : 0u));
    }
}

POND_TEST_CASE_IF(what_was_reported_is_closed_and_not_reset, c.resets) {
    for (const bool given : {true, false}) {
        Bench b{config};
        Pond& pool = b.start(1);
        AnyLease lease = pool.checkout();
        lease->make_dirty();
        lease.report(Fault::broken);
        if (given) BOOST_CHECK(lease.give_back() == ReturnReport::closed);
        else lease.end();
        BOOST_TEST(b.script.count(Hook::reset) == 0u);
        BOOST_TEST(b.told(EventKind::dirty_return).empty());
        BOOST_TEST(b.script.live() == 0u);
    }
}

POND_TEST_CASE_IF(an_unfinished_reset_is_finished_by_the_keeper_while_the_slot_counts, c.resets) {
    Bench b{config};
    b.setting.options.keeper_thread = false;
    b.setting.options.min_idle = 1;
    b.setting.options.reset_timeout = 3s;
    Pond& pool = b.start(1);
    pool.maintain();
    auto lease = pool.try_checkout();
    (*lease)->make_dirty();
    b.script.on(Hook::reset, {unfinished(), succeed()});
    BOOST_CHECK(lease->give_back() == ReturnReport::deferred);
    BOOST_TEST(pool.stats().retiring == 1u);
    BOOST_TEST(pool.stats().size == 1u);
    BOOST_CHECK(pool.try_checkout().error().code() == Code::none_idle);
    Borrower waiter{pool, 1h};
    b.wait_waiting(1);
    pool.maintain();
    BOOST_TEST(waiter.id() == 1u);
    BOOST_TEST(!waiter.lease()->is_dirty());
    BOOST_TEST(pool.stats().retiring == 0u);
    BOOST_CHECK(b.script.calls().size() > 0);
    Deadline last;
    for (const Call& c : b.script.calls()) {
        if (c.hook == Hook::reset) last = c.by;
    }
    BOOST_CHECK(last == Deadline{b.clock.now() + 3s});
    waiter.lease().end();
}

POND_TEST_CASE_IF(a_deferred_reset_that_fails_closes_the_resource_and_serves_the_waiter_with_another, c.resets) {
    Bench b{config};
    b.setting.options.keeper_thread = false;
    b.setting.options.min_idle = 1;
    Pond& pool = b.start(1);
    pool.maintain();
    for (const bool broken : {false, true}) {
        auto lease = pool.try_checkout();
        BOOST_TEST_REQUIRE(lease.has_value());
        const auto id = lease->id();
        (*lease)->make_dirty();
        b.script.on(Hook::reset, {unfinished(), broken ? fail() : unfinished()});
        BOOST_CHECK(lease->give_back() == ReturnReport::deferred);
        Borrower waiter{pool, 1h};
        b.wait_waiting(1);
        pool.maintain();
        BOOST_TEST(waiter.id() == id + 1);
        b.script.on(Hook::reset, {});
        waiter.lease().end();
    }
    BOOST_TEST(b.script.live() == 1u);
}

POND_TEST_CASE_IF(with_a_return_budget_of_0_nothing_is_reset_on_the_returners_thread, c.resets) {
    Bench b{config};
    b.setting.options.keeper_thread = false;
    b.setting.options.min_idle = 1;
    b.setting.options.return_budget = 0ms;
    Pond& pool = b.start(1);
    pool.maintain();
    auto lease = pool.try_checkout();
    (*lease)->make_dirty();
    BOOST_CHECK(lease->give_back() == ReturnReport::deferred);
    BOOST_TEST(b.script.count(Hook::reset) == 0u);
    pool.maintain();
    BOOST_TEST(b.script.count(Hook::reset) == 1u);
    BOOST_TEST(pool.stats().idle == 1u);
}

POND_TEST_CASE_IF(the_keepers_thread_finishes_what_a_return_could_not, c.resets && (c.background || c.keeps)) {
    Bench b{config};
    b.setting.options.return_budget = 0ms;
    Pond& pool = b.start(1);
    const AnyLease lease = pool.checkout();
    lease->make_dirty();
    b.quiesce(0);
    BOOST_CHECK(lease.give_back() == ReturnReport::deferred);
    b.script.wait_finished(Hook::reset, 1);
    BOOST_TEST(eventually([&] { return pool.stats().idle == 1; }));
    for (const Call& c : b.script.calls()) {
        if (c.hook == Hook::reset) BOOST_CHECK(c.thread != std::this_thread::get_id());
    }
}

POND_TEST_CASE_IF(a_reset_that_hangs_in_the_background_delays_no_other, c.resets && c.background) {  // rule 9
    Bench b{config};
    b.setting.options.return_budget = 0ms;
    Pond& pool = b.start(2);
    auto held = b.take(2);
    Gate gate;
    b.script.on(Hook::reset, {block(gate)});
    held[0]->make_dirty();
    held[1]->make_dirty();
    b.quiesce(0);
    const Gate stall = b.clock.stall();
    held.clear();  // two jobs before anybody has looked
    stall.wait_entered(1);
    b.clock.unstall();
    BOOST_TEST(eventually([&] { return gate.entered() == 2; }));
    gate.open();
    BOOST_TEST(eventually([&] { return pool.stats().idle == 2; }));
}

POND_TEST_CASE_IF(a_dirty_return_is_counted_and_told_with_its_place, c.knows_dirty) {
    Bench b{config};
    Pond& pool = b.start(1);
    static constexpr dewpond::PlaceName orders{"orders"};
    pool.checkout(1s, orders)->make_dirty();
    BOOST_TEST_REQUIRE(b.told(EventKind::dirty_return).size() == 1u);
    if (config.holders) BOOST_TEST(b.told(EventKind::dirty_return)[0].place == "orders");
    if (config.counts) BOOST_TEST(pool.stats().dirty_returns == 1u);
}

POND_TEST_CASE(a_return_to_a_closed_pool_is_closed_and_not_reset) {
    Bench b{config};
    Pond& pool = b.start(1);
    AnyLease lease = pool.checkout();
    lease->make_dirty();
    pool.close(0ms);
    lease.end();
    BOOST_TEST(b.script.count(Hook::reset) == 0u);
    BOOST_TEST(b.script.live() == 0u);
}

POND_TEST_CASE_IF(a_reset_that_is_unfinished_when_the_pool_closes_is_not_finished, c.resets) {
    Bench b{config};
    b.setting.options.keeper_thread = false;
    b.setting.options.min_idle = 2;
    Pond& pool = b.start(2);
    pool.maintain();
    auto lease = pool.try_checkout();
    const auto other = pool.try_checkout();
    (*lease)->make_dirty();
    b.script.on(Hook::reset, {unfinished().doing([&] { pool.close(0ms); })});
    BOOST_CHECK(lease->give_back() == ReturnReport::closed);
    BOOST_TEST(b.script.count(Hook::reset) == 1u);
    BOOST_TEST(b.script.live() == 1u);
    BOOST_TEST(pool.stats().in_use == 1u);
    BOOST_TEST(pool.stats().retiring == 0u);
    if (config.counts) BOOST_TEST(pool.stats().closed_because(CloseReason::pool_closed) == 1u);
}

POND_TEST_CASE(closing_a_pool_closes_what_waits_for_its_reset) {
    Bench b{config};
    if (!config.resets) return;
    b.setting.options.keeper_thread = false;
    b.setting.options.min_idle = 1;
    b.setting.options.return_budget = 0ms;
    Pond& pool = b.start(1);
    pool.maintain();
    auto lease = pool.try_checkout();
    (*lease)->make_dirty();
    BOOST_CHECK(lease->give_back() == ReturnReport::deferred);
    BOOST_TEST(pool.close(0ms) == 0u);
    BOOST_TEST(b.script.live() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
