// SPDX-License-Identifier: BSL-1.0
// Hooks of the user: what they may do, what they may refuse, and what becomes of what they leave behind.
#include <atomic>
#include <stdexcept>

#include "kit/bench.hpp"

using namespace behaviour;

namespace {

struct Hooked : Bench {
    Hooked() : Bench{"hooked"} {}
    int opened = 0, checked_out = 0, returned = 0;
    void count_all() {
        setting.on_open = [this](ScriptedResource&, Deadline) { return ++opened, true; };
        setting.on_checkout = [this](ScriptedResource&, Deadline) { return ++checked_out, true; };
        setting.on_return = [this](ScriptedResource&, Deadline) { return ++returned, true; };
    }
};

bool throws(ScriptedResource&, Deadline) { throw std::runtime_error{"scripted secret"}; }
bool refuses(ScriptedResource&, Deadline) { return false; }
bool soils(ScriptedResource& r, Deadline) { return r.make_dirty(), true; }

}  // namespace

BOOST_AUTO_TEST_SUITE(hooks, *boost::unit_test::timeout(60))

BOOST_AUTO_TEST_CASE(each_hook_runs_at_its_moment, *boost::unit_test::timeout(20)) {
    Hooked b;
    b.count_all();
    Pond& pool = b.start(1);
    for (int i = 0; i < 3; ++i) (void)pool.checkout();
    BOOST_TEST(b.opened == 1);
    BOOST_TEST(b.checked_out == 3);
    BOOST_TEST(b.returned == 3);
    (void)pool.try_checkout();
    BOOST_TEST(b.checked_out == 4);
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 1s);
    BOOST_TEST(b.checked_out == 5);
}

BOOST_AUTO_TEST_CASE(a_hook_sees_a_clean_resource_at_its_return, *boost::unit_test::timeout(20)) {
    Hooked b;
    bool dirty = true;
    b.setting.on_return = [&](ScriptedResource& r, Deadline) { return dirty = r.is_dirty(), true; };
    Pond& pool = b.start(1);
    pool.checkout()->make_dirty();
    BOOST_TEST(!dirty);
}

BOOST_AUTO_TEST_CASE(on_open_that_throws_or_refuses_makes_the_opening_fail, *boost::unit_test::timeout(20)) {
    for (const HookFunction& f : {HookFunction{throws}, HookFunction{refuses}}) {
        Hooked b;
        b.setting.options.outage_grace = 0s;
        b.setting.on_open = f;
        Pond& pool = b.start(1);
        const auto result = pool.try_checkout(1s);
        BOOST_TEST_REQUIRE(!result.has_value());
        BOOST_TEST(holds(result.error().what(), "OnOpen"));
        BOOST_TEST(!holds(result.error().what(), "secret"));
        BOOST_TEST(b.script.live() == 0u);
        BOOST_TEST(b.script.count(Hook::close) == 1u);
        BOOST_TEST(pool.stats().size == 0u);
        BOOST_TEST(pool.stats().open_failures == 1u);
    }
}

BOOST_AUTO_TEST_CASE(on_open_that_leaves_it_dirty_costs_one_reset, *boost::unit_test::timeout(20)) {
    Hooked b;
    b.setting.on_open = soils;
    Pond& pool = b.start(1);
    BOOST_TEST(!pool.checkout()->is_dirty());
    BOOST_TEST(b.script.count(Hook::reset) == 1u);
    BOOST_TEST(b.script.live() == 1u);
    BOOST_TEST_REQUIRE(b.told(EventKind::hook_left_dirty).size() == 1u);
    BOOST_TEST(holds(b.told(EventKind::hook_left_dirty)[0].text, "OnOpen"));
}

BOOST_AUTO_TEST_CASE(on_open_whose_dirt_cannot_be_reset_makes_the_opening_fail, *boost::unit_test::timeout(20)) {
    Hooked b;
    b.setting.options.outage_grace = 0s;
    b.setting.on_open = soils;
    b.script.on(Hook::reset, {fail()});
    Pond& pool = b.start(1);
    const auto result = pool.try_checkout(1s);
    BOOST_TEST_REQUIRE(!result.has_value());
    BOOST_TEST(holds(result.error().what(), "OnOpen"));
    BOOST_TEST(b.script.live() == 0u);
}

BOOST_AUTO_TEST_CASE(on_open_runs_again_after_a_reset_that_leaves_a_resource_blank, *boost::unit_test::timeout(20)) {
    for (const bool in_background : {false, true}) {
        Hooked b;
        std::vector<Deadline> seen;
        b.setting.on_open = [&](ScriptedResource&, Deadline by) { return seen.push_back(by), true; };
        b.setting.on_return = [&](ScriptedResource& r, Deadline) { return !r.is_dirty() && seen.size() == 2; };  // before it
        b.setting.options.return_budget = in_background ? 0ms : 20ms;
        b.setting.options.keeper_thread = false;
        b.script.on(Hook::reset, {blank(), succeed()});
        Pond& pool = b.start(1);
        AnyLease lease = pool.checkout();
        lease->make_dirty();
        BOOST_CHECK(lease.give_back() == (in_background ? ReturnReport::deferred : ReturnReport::reset));
        pool.maintain();
        BOOST_TEST(seen.size() == 2u);
        BOOST_TEST(!seen.back().is_never());
        BOOST_TEST(seen.back().remaining(b.clock.now()) == (in_background ? b.setting.options.reset_timeout : b.setting.options.return_budget).ns());
        BOOST_TEST(pool.checkout(1s).id() == 1u);
        pool.checkout()->make_dirty();  // clean is not blank
        pool.maintain();
        BOOST_TEST(seen.size() == 2u);
        BOOST_TEST(b.script.count(Hook::reset) == 2u);
    }
}

BOOST_AUTO_TEST_CASE(on_open_that_refuses_throws_or_soils_a_blank_resource_costs_the_resource, *boost::unit_test::timeout(20)) {
    for (const HookFunction& f : {HookFunction{throws}, HookFunction{refuses}, HookFunction{soils}}) {
        for (const bool in_background : {false, true}) {
            Hooked b;
            bool angry = false;
            b.setting.on_open = [&](ScriptedResource& r, Deadline by) { return angry ? f(r, by) : true; };
            b.setting.options.return_budget = in_background ? 0ms : 20ms;
            b.setting.options.keeper_thread = false;
            b.script.on(Hook::reset, {blank()});
            Pond& pool = b.start(1);
            AnyLease lease = pool.checkout();
            lease->make_dirty();
            angry = true;
            lease.end();
            pool.maintain();
            BOOST_TEST(b.script.live() == 0u);
            BOOST_TEST(b.script.count(Hook::reset) == 1u);
            BOOST_TEST(pool.stats().closed_because(CloseReason::hook_left_dirty) == 1u);
            const auto* const which = f.target<bool (*)(ScriptedResource&, Deadline)>();
            BOOST_TEST(b.told(EventKind::hook_left_dirty).size() == (which != nullptr && *which == soils ? 1u : 0u));
            for (const Told& t : b.told()) BOOST_TEST(!holds(t.text, "secret"));
            angry = false;
            BOOST_TEST(pool.checkout(1s).id() == 2u);
        }
    }
}

BOOST_AUTO_TEST_CASE(on_open_whose_dirt_only_a_blank_reset_clears_makes_the_opening_fail, *boost::unit_test::timeout(20)) {
    Hooked b;  // else its work would be done and undone for ever
    b.setting.options.outage_grace = 0s;
    b.setting.on_open = soils;
    b.script.on(Hook::reset, {blank()});
    Pond& pool = b.start(1);
    const auto result = pool.try_checkout(1s);
    BOOST_TEST_REQUIRE(!result.has_value());
    BOOST_TEST(holds(result.error().what(), "OnOpen"));
    BOOST_TEST(b.script.live() == 0u);
}

BOOST_AUTO_TEST_CASE(on_open_does_not_run_again_for_dirt_of_its_own, *boost::unit_test::timeout(20)) {
    Hooked b;
    b.setting.options.outage_grace = 0s;
    b.setting.on_open = [&](ScriptedResource& r, Deadline) {
        if (++b.opened == 1) r.make_dirty();
        return true;
    };
    b.script.on(Hook::reset, {blank()});
    Pond& pool = b.start(1);
    BOOST_TEST(!pool.try_checkout(1s).has_value());
    BOOST_TEST(b.opened == 1);
}

BOOST_AUTO_TEST_CASE(the_slot_that_a_hook_left_dirty_is_told, *boost::unit_test::timeout(20)) {
    Hooked b;
    b.setting.on_return = soils;
    b.start(2);
    auto held = b.take(2);
    held[1].end();
    const auto told = b.told(EventKind::hook_left_dirty);
    BOOST_TEST_REQUIRE(told.size() == 1u);
    BOOST_TEST(told[0].slot == 1u);
}

BOOST_AUTO_TEST_CASE(on_checkout_whose_dirt_a_blank_reset_clears_costs_on_open_once_more, *boost::unit_test::timeout(20)) {
    Hooked b;
    b.count_all();
    b.setting.on_checkout = soils;
    b.script.on(Hook::reset, {blank()});
    Pond& pool = b.start(1);
    BOOST_TEST(!pool.checkout(1s)->is_dirty());
    BOOST_TEST(b.opened == 2);
    BOOST_TEST(b.script.live() == 1u);
}

BOOST_AUTO_TEST_CASE(on_checkout_that_refuses_closes_and_the_search_goes_on, *boost::unit_test::timeout(20)) {
    Hooked b;
    b.setting.on_checkout = [](ScriptedResource& r, Deadline) { return r.id() != 1; };
    Pond& pool = b.start(1);
    BOOST_TEST(pool.checkout(1s).id() == 2u);
    BOOST_TEST(pool.stats().closed_because(CloseReason::hook_left_dirty) == 1u);
    BOOST_TEST(pool.checkout(1s).id() == 2u);
}

BOOST_AUTO_TEST_CASE(on_checkout_that_refuses_everything_is_no_reason_to_open_in_a_hot_loop, *boost::unit_test::timeout(20)) {  // bug 17
    Hooked b;
    b.setting.on_checkout = [&](ScriptedResource&, Deadline) { return b.clock.advance(1ms), false; };
    Pond& pool = b.start(1);
    Borrower waiter{pool, 1s};
    BOOST_TEST(eventually([&] { return waiter.over() || (pool.stats().waiting == 1 && (b.clock.advance(1ms), false)); }));
    BOOST_TEST(!waiter.outcome().has_value());
    BOOST_TEST(b.script.count(Hook::open) <= 100u);
}

BOOST_AUTO_TEST_CASE(on_checkout_that_refuses_everything_doubles_the_pause_from_the_least_one, *boost::unit_test::timeout(20)) {
    Hooked b;
    b.setting.options.backoff_min = 1s;
    b.setting.options.backoff_max_waiting = b.setting.options.backoff_max = 1h;
    std::atomic<int> refused{0};
    b.setting.on_checkout = [&](ScriptedResource&, Deadline) { return ++refused, false; };
    Pond& pool = b.start(1);
    Borrower waiter{pool, 24h};
    while (refused < 10 && b.clock.elapsed() < Duration{1h}) {
        b.quiesce(1);
        b.clock.advance(250ms);
    }
    BOOST_TEST(refused == 10);
    BOOST_CHECK(b.clock.elapsed() <= Duration{258s});  // at most 1 + 2 + ... + 128 s, and a step each
    BOOST_CHECK(b.clock.elapsed() >= Duration{25s});   // a tenth of it at least
    pool.close(0ms);
    BOOST_CHECK(waiter.code() == Code::closed);
}

BOOST_AUTO_TEST_CASE(on_checkout_that_refuses_everything_is_not_blamed_on_an_old_error_of_opening, *boost::unit_test::timeout(20)) {
    Hooked b;
    b.setting.on_checkout = [&](ScriptedResource&, Deadline) { return false; };
    b.script.on(Hook::open, {fail(Fault::unreachable, "connection refused"), succeed()});
    Pond& pool = b.start(1);
    Borrower waiter{pool, 10s};
    for (int i = 0; i < 99; ++i) {
        b.quiesce(1);
        b.clock.advance(100ms);
    }
    b.quiesce(1);
    b.clock.advance(200ms);
    BOOST_TEST_REQUIRE(!waiter.outcome().has_value());
    BOOST_TEST(b.script.count(Hook::open) > 2u);
    BOOST_TEST(!holds(waiter.outcome().error().what(), "connection refused"));
}

BOOST_AUTO_TEST_CASE(on_checkout_that_throws_fails_the_checkout_and_closes_the_resource, *boost::unit_test::timeout(20)) {  // B7
    Hooked b;
    bool angry = true;
    b.setting.on_checkout = [&](ScriptedResource& r, Deadline d) { return angry ? throws(r, d) : true; };
    Pond& pool = b.start(2);
    for (int i = 0; i < 5; ++i) {
        const auto result = pool.try_checkout(1s);
        BOOST_TEST_REQUIRE(!result.has_value());
        BOOST_CHECK(result.error().code() == Code::hook_failed);
        BOOST_TEST(!holds(result.error().what(), "secret"));
        BOOST_TEST(pool.stats().size == 0u);
    }
    angry = false;
    b.fill(1);
    angry = true;
    auto opened = b.script.count(Hook::open);
    BOOST_CHECK(code_of([&] { (void)pool.checkout(); }) == Code::hook_failed);      // of a hit
    BOOST_TEST(b.script.count(Hook::open) == opened);
    angry = false;
    b.fill(1);
    angry = true;
    BOOST_CHECK(pool.try_checkout().error().code() == Code::hook_failed);
    angry = false;
    b.fill(1);
    angry = true;
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 1s);
    BOOST_CHECK(caller.code() == Code::hook_failed);
    angry = false;
    BOOST_TEST(b.take(2).size() == 2u);
    BOOST_TEST(b.script.live() == 2u);
}

BOOST_AUTO_TEST_CASE(a_hook_that_throws_leaves_the_others_idle_and_the_error_says_so, *boost::unit_test::timeout(20)) {
    Hooked b;
    bool angry = false;
    b.setting.on_checkout = [&](ScriptedResource& r, Deadline d) { return angry ? throws(r, d) : true; };
    Pond& pool = b.start(3);
    b.fill(3);
    auto held = b.take(1);
    angry = true;
    const auto result = pool.try_checkout(1s);
    BOOST_TEST_REQUIRE(!result.has_value());
    BOOST_TEST(holds(result.error().what(), "of 3 slots 1 in use, 1 idle, 0 opening"), result.error().what());
}

BOOST_AUTO_TEST_CASE(on_checkout_that_throws_at_a_waiter_serves_the_next_waiter, *boost::unit_test::timeout(20)) {
    Hooked b;
    std::atomic<int> turn{0};
    b.setting.on_checkout = [&](ScriptedResource& r, Deadline d) { return turn.fetch_add(1) == 1 ? throws(r, d) : true; };
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower first{pool, 1h};
    b.wait_waiting(1);
    Borrower second{pool, 1h};
    b.wait_waiting(2);
    held[0].end();
    BOOST_CHECK(first.code() == Code::hook_failed);
    BOOST_TEST(second.id() == 2u);
}

BOOST_AUTO_TEST_CASE(on_checkout_that_throws_at_a_callback_that_waited_is_its_answer, *boost::unit_test::timeout(20)) {
    Hooked b;
    bool angry = false;
    b.setting.options.keeper_thread = false;
    b.setting.on_checkout = [&](ScriptedResource& r, Deadline d) { return angry ? throws(r, d) : true; };
    Pond& pool = b.start(2);
    auto held = b.take(2);
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 1h);
    angry = true;
    held[0].end();
    BOOST_TEST(caller.served() == 1);
    BOOST_CHECK(caller.code() == Code::hook_failed);
    BOOST_TEST(pool.stats().size == 1u);
    BOOST_TEST(pool.stats().waiting == 0u);
}

BOOST_AUTO_TEST_CASE(on_checkout_that_leaves_it_dirty_costs_one_reset_else_the_resource, *boost::unit_test::timeout(20)) {
    Hooked b;
    b.setting.on_checkout = [](ScriptedResource& r, Deadline d) { return r.id() <= 2 ? soils(r, d) : true; };
    Pond& pool = b.start(1);
    BOOST_TEST(!pool.checkout(1s)->is_dirty());
    BOOST_TEST(b.script.count(Hook::reset) == 1u);
    BOOST_TEST_REQUIRE(b.told(EventKind::hook_left_dirty).size() == 1u);
    BOOST_TEST(holds(b.told(EventKind::hook_left_dirty)[0].text, "OnCheckout"));
    b.script.on(Hook::reset, {fail()});
    BOOST_TEST(pool.checkout(1s).id() == 3u);
    BOOST_TEST(b.script.count(Hook::close) == 2u);
}

BOOST_AUTO_TEST_CASE(on_return_that_throws_or_refuses_closes_the_resource, *boost::unit_test::timeout(20)) {
    for (const HookFunction& f : {HookFunction{throws}, HookFunction{refuses}}) {
        Hooked b;
        b.setting.on_return = f;
        Pond& pool = b.start(1);
        const AnyLease lease = pool.checkout();
        BOOST_CHECK(lease.give_back() == ReturnReport::closed);
        BOOST_TEST(b.script.live() == 0u);
        BOOST_TEST(pool.checkout(1s).id() == 2u);
        BOOST_TEST(pool.stats().closed_because(CloseReason::hook_left_dirty) == 2u);
    }
}

BOOST_AUTO_TEST_CASE(on_return_that_leaves_it_dirty_costs_one_reset_else_the_resource, *boost::unit_test::timeout(20)) {
    Hooked b;
    b.setting.on_return = soils;
    Pond& pool = b.start(1);
    (void)pool.checkout();
    BOOST_TEST(b.script.count(Hook::reset) == 1u);
    BOOST_TEST(!pool.checkout()->is_dirty());
    BOOST_TEST_REQUIRE(!b.told(EventKind::hook_left_dirty).empty());
    BOOST_TEST(holds(b.told(EventKind::hook_left_dirty)[0].text, "OnReturn"));
    b.script.on(Hook::reset, {fail()});
    (void)pool.checkout();
    BOOST_TEST(b.script.live() == 0u);
}

BOOST_AUTO_TEST_CASE(on_return_is_not_called_by_a_closed_pool_or_a_discard, *boost::unit_test::timeout(20)) {
    Hooked b;
    b.count_all();
    Pond& pool = b.start(2);
    auto held = b.take(2);
    held[0].discard();
    pool.close(0ms);
    held[1].end();
    BOOST_TEST(b.returned == 0);
}

BOOST_AUTO_TEST_CASE(a_waiter_is_served_when_on_return_throws, *boost::unit_test::timeout(20)) {
    Hooked b;
    b.setting.on_return = throws;
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower waiter{pool, 1h};
    b.wait_waiting(1);
    held[0].end();
    BOOST_TEST(waiter.id() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
