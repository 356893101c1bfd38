// SPDX-License-Identifier: BSL-1.0
// Opening: who opens, how many at once, and what a failure means for those who wait.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include "kit/bench.hpp"

using namespace behaviour;

BOOST_AUTO_TEST_SUITE(opening)

POND_TEST_CASE_IF(in_the_caller_means_on_the_callers_thread, !c.background) {
    Bench b{config};
    Pond& pool = b.start(1);
    (void)pool.checkout();
    const auto calls = b.script.calls();
    const auto open = std::find_if(calls.begin(), calls.end(), [](const Call& c) { return c.hook == Hook::open; });
    BOOST_TEST_REQUIRE((open != calls.end()));
    BOOST_CHECK(open->thread == std::this_thread::get_id());
}

POND_TEST_CASE_IF(in_the_background_means_on_a_thread_of_the_pools, c.background) {
    Bench b{config};
    Pond& pool = b.start(1);
    (void)pool.checkout();
    for (const Call& c : b.script.calls()) {
        if (c.hook == Hook::open) BOOST_CHECK(c.thread != std::this_thread::get_id());
    }
}

POND_TEST_CASE(no_more_than_max_size_exist_whatever_the_demand) {
    Bench b{config};
    Pond& pool = b.start(3);
    std::vector<std::unique_ptr<Borrower>> all;
    for (int i = 0; i < 8; ++i) all.push_back(std::make_unique<Borrower>(pool, 1h));
    b.script.wait_live(3);
    b.wait_waiting(5);
    BOOST_TEST(b.script.live() == 3u);
    // Whoever has been served returns; so everybody is.
    BOOST_TEST(eventually([&] {
        for (auto& w : all) {
            if (w->over() && w->outcome()) w->lease().end();
        }
        return std::all_of(all.begin(), all.end(), [](auto& w) { return w->over(); });
    }));
    for (auto& w : all) BOOST_TEST(w->outcome().has_value());
    BOOST_TEST(b.script.max_live() == 3u);
}

POND_TEST_CASE_IF(no_more_open_at_once_than_allowed, !c.background) {
    Bench b{config};
    b.setting.options.opens_at_once = 2;
    Pond& pool = b.start(5);
    Gate gate;
    b.script.on(Hook::open, {block(gate)});
    std::vector<std::unique_ptr<Borrower>> all;
    for (int i = 0; i < 5; ++i) all.push_back(std::make_unique<Borrower>(pool, 1h));
    gate.wait_entered(2);
    b.wait_waiting(3);
    BOOST_TEST(gate.entered() == 2u);
    BOOST_TEST(pool.stats().opening == 2u);
    gate.let(1);  // one has ended: the next may begin
    gate.wait_entered(3);
    b.wait_waiting(2);
    BOOST_TEST(gate.entered() == 3u);
    gate.open();
    for (auto& w : all) BOOST_TEST(w->outcome().has_value());
}

POND_TEST_CASE_IF(the_background_opens_no_more_at_once_than_allowed, c.background) {
    Bench b{config};
    b.setting.options.opens_at_once = 2;
    Pond& pool = b.start(5);
    Gate gate;
    b.script.on(Hook::open, {block(gate)});
    std::vector<std::unique_ptr<Borrower>> all;
    for (int i = 0; i < 5; ++i) all.push_back(std::make_unique<Borrower>(pool, 1h));
    gate.wait_entered(2);
    b.wait_waiting(5);
    BOOST_TEST(gate.entered() == 2u);
    gate.open();
    for (auto& w : all) BOOST_TEST(w->outcome().has_value());
}

POND_TEST_CASE(an_open_error_returned_or_thrown_reaches_the_caller_with_fault_and_text) {
    for (const bool thrown : {false, true}) {
        Bench b{config};
        Pond& pool = b.start(1);
        b.script.on(Hook::open, {thrown ? throw_open_error(Fault::configuration, "no such database") : fail(Fault::configuration, "no such database")});
        const auto result = pool.try_checkout(1s);
        BOOST_TEST_REQUIRE(!result.has_value());
        BOOST_CHECK(result.error().code() == Code::open_failed);
        BOOST_CHECK(result.error().fault() == Fault::configuration);
        BOOST_TEST(holds(result.error().what(), "no such database"));
        BOOST_TEST(pool.stats().size == 0u);
        BOOST_TEST_REQUIRE(b.told(EventKind::open_failed).size() == 1u);
        const Told told = b.told(EventKind::open_failed)[0];
        BOOST_CHECK(told.fault == Fault::configuration);
        BOOST_TEST(told.text == "no such database");
        BOOST_TEST(told.slot == 0u);
    }
}

POND_TEST_CASE(the_text_of_a_foreign_exception_is_withheld) {  // Sec4, R11
    for (const bool standard : {false, true}) {
        Bench b{config};
        Pond& pool = b.start(1);
        b.script.on(Hook::open, {standard ? throw_runtime_error("password=hunter2") : throw_int()});
        Borrower waiter{pool, 1s};
        b.script.wait_finished(Hook::open, 1);
        b.quiesce(1);
        b.script.on(Hook::open, {fail(Fault::other)});
        b.clock.advance(1s);
        const auto& result = waiter.outcome();
        BOOST_TEST_REQUIRE(!result.has_value());
        BOOST_CHECK(result.error().code() == Code::open_failed);
        BOOST_TEST(!holds(result.error().what(), "hunter2"));
        for (const Told& t : b.told()) BOOST_TEST(!holds(t.text, "hunter2"));
    }
}

POND_TEST_CASE(every_opening_that_fails_leaves_the_capacity_intact) {  // B7, R6
    Bench b{config};
    b.setting.options.outage_grace = 1h;
    Pond& pool = b.start(2);
    b.script.on(Hook::open, {fail(), throw_open_error(), throw_runtime_error(), throw_int(), succeed()});
    Borrower waiter{pool, 1h};
    BOOST_TEST(eventually([&] { return waiter.over() || (b.clock.advance(50ms), false); }));
    BOOST_TEST(waiter.outcome().has_value());
    BOOST_TEST(b.script.count(Hook::open) == 5u);
    auto other = pool.checkout(1h);
    BOOST_TEST(pool.stats().in_use == 2u);
}

POND_TEST_CASE_IF(a_failed_opening_hands_its_turn_to_the_next_waiter, !c.background) {  // B8
    Bench b{config};
    b.setting.options.opens_at_once = 1;
    Pond& pool = b.start(2);
    Gate gate;
    b.script.on(Hook::open, {fail().after(gate), succeed()});
    Borrower first{pool, 1s};
    gate.wait_entered(1);
    b.clock.advance(1ns);
    Borrower second{pool, 1h};
    b.wait_waiting(1);
    gate.open();
    b.script.wait_finished(Hook::open, 1);
    b.quiesce(2);
    b.clock.advance(100ms);  // the back-off is over for certain
    BOOST_TEST(b.clock.elapsed().ns().count() < Duration{1s}.ns().count());
    BOOST_TEST(first.outcome().has_value());
    BOOST_TEST(second.outcome().has_value());
}

POND_TEST_CASE(waiting_goes_on_while_others_live) {
    Bench b{config};
    b.setting.options.outage_grace = 0s;
    Pond& pool = b.start(2);
    auto held = b.take(1);
    b.script.on(Hook::open, {fail(Fault::configuration)});
    Borrower waiter{pool, 1h};
    b.script.wait_finished(Hook::open, 2);
    b.quiesce(1);
    for (int i = 0; i < 20; ++i) {
        b.clock.advance(1s);
        b.quiesce(1);
    }
    BOOST_TEST(pool.stats().waiting == 1u);
    BOOST_TEST(!pool.stats().down);
    held[0].end();
    BOOST_TEST(waiter.id() == 1u);
}

POND_TEST_CASE_IF(a_configuration_fault_with_nothing_live_is_told_to_all_waiters_at_once, !c.background) {
    Bench b{config};
    b.setting.options.opens_at_once = 1;
    Pond& pool = b.start(4);
    Gate gate;
    b.script.on(Hook::open, {fail(Fault::configuration, "no such role").after(gate)});
    std::vector<std::unique_ptr<Borrower>> all;
    for (int i = 0; i < 4; ++i) all.push_back(std::make_unique<Borrower>(pool, 1h));
    gate.wait_entered(1);
    b.wait_waiting(3);
    gate.open();
    for (auto& w : all) {
        BOOST_CHECK(w->code() == Code::open_failed);
        BOOST_TEST(holds(w->outcome().error().what(), "no such role"));
    }
    BOOST_TEST(b.script.count(Hook::open) == 1u);
    // Whoever comes before the back-off is over gets the same, without another attempt.
    BOOST_CHECK(code_of([&] { (void)pool.checkout(1h); }) == Code::open_failed);
    BOOST_TEST(b.script.count(Hook::open) == 1u);
    b.script.on(Hook::open, {succeed()});
    b.clock.advance(10s);
    BOOST_TEST(pool.checkout(1h).id() == 1u);
}

POND_TEST_CASE_IF(a_driver_that_says_timed_out_too_early_is_not_asked_in_a_hot_loop, !c.background) {
    Bench b{config};
    Pond& pool = b.start(1);
    b.script.on(Hook::open, {fail(Fault::timed_out).times(1000), succeed()});
    Borrower waiter{pool, 1s};  // less than open_timeout
    BOOST_TEST(eventually([&] { return waiter.over() || pool.stats().waiting == 1; }));
    BOOST_TEST(b.script.count(Hook::open) <= 2u);
    while (!waiter.over()) b.clock.advance(50ms);
    BOOST_TEST(b.script.count(Hook::open) <= 40u);
}

POND_TEST_CASE_IF(a_return_that_serves_the_waiter_first_saves_the_opening, c.background) {
    Bench b{config};
    b.setting.options.keeper_thread = false;
    Pond& pool = b.start(2);
    Borrower first{pool, 1h};
    b.wait_waiting(1);
    pool.maintain();
    AnyLease held = std::move(first.lease());
    Borrower second{pool, 1h};
    b.wait_waiting(1);
    held.end();
    BOOST_TEST(second.id() == 1u);
    pool.maintain();
    BOOST_TEST(b.script.count(Hook::open) == 1u);
}

POND_TEST_CASE_IF(the_background_opens_one_resource_for_one_waiter, c.background) {
    Bench b{config};
    b.setting.options.backoff_min = b.setting.options.backoff_max_waiting = 100ms;
    Pond& pool = b.start(4);
    Gate gate;
    b.on_event([gate](const dewpond::Event& e) {
        if (e.kind == EventKind::opened_after_outage) gate.pass();
    });
    b.script.on(Hook::open, {fail(), succeed()});
    Borrower waiter{pool, 1h};
    b.script.wait_finished(Hook::open, 1);
    b.clock.wait_until_parked(4);  // the crew of three, and the waiter
    b.clock.advance(100ms);
    gate.wait_entered(1);          // opened, and not yet given
    BOOST_TEST(eventually([&] { return b.clock.parked() >= (waiter.over() ? 2u : 3u); }));
    BOOST_TEST(b.script.count(Hook::open) == 2u);
    gate.open();
    BOOST_TEST(waiter.id() == 1u);
    b.clock.wait_until_parked(3);
    BOOST_TEST(b.script.count(Hook::open) == 2u);
}

POND_TEST_CASE(min_idle_is_opened_ahead_and_refilled) {
    Bench b{config};
    b.setting.options.min_idle = 2;
    b.setting.options.keeper_thread = false;
    Pond& pool = b.start(4);
    BOOST_TEST(b.script.count(Hook::open) == 0u);
    pool.maintain();
    BOOST_TEST(pool.stats().idle == 2u);
    auto first = pool.try_checkout();
    BOOST_TEST(first.has_value());
    b.clock.advance(2s);
    pool.maintain();
    BOOST_TEST(pool.stats().idle == 2u);
    BOOST_TEST(pool.stats().size == 3u);
    first->end();
    b.clock.advance(2s);
    pool.maintain();
    BOOST_TEST(b.script.count(Hook::open) == 3u);
}

POND_TEST_CASE(min_idle_goes_never_beyond_max_size) {
    Bench b{config};
    b.setting.options.min_idle = 2;
    b.setting.options.keeper_thread = false;
    Pond& pool = b.start(2);
    pool.maintain();
    auto one = pool.try_checkout(), two = pool.try_checkout();
    BOOST_TEST(one.has_value());
    BOOST_TEST(two.has_value());
    for (int i = 0; i < 3; ++i) {
        b.clock.advance(2s);
        pool.maintain();
    }
    BOOST_TEST(pool.stats().size == 2u);
}

POND_TEST_CASE(the_keepers_thread_opens_min_idle_by_itself) {
    Bench b{config};
    b.setting.options.min_idle = 2;
    Pond& pool = b.start(4);
    b.script.wait_live(2);
    BOOST_TEST(eventually([&] { return pool.stats().idle == 2; }));
}

POND_TEST_CASE_IF(threads_of_the_pools_are_called_after_it, c.background || c.keeps) {
    Bench b{config};
    b.setting.options.name = "orders-of-all-kinds";
    b.start(1);
    const auto called = [](std::string_view name) {
        std::size_t n = 0;
        for (const auto& task : std::filesystem::directory_iterator{"/proc/self/task"}) {
            std::string line;
            std::getline(std::ifstream{task.path() / "comm"}, line);
            n += line == name ? 1 : 0;
        }
        return n;
    };
    BOOST_TEST(eventually([&] { return called("dew-orders-of-a") == b.crew(); }));
}

BOOST_AUTO_TEST_CASE(a_driver_may_suggest_min_idle, *boost::unit_test::timeout(20)) {
    Bench b{"suggesting"};
    b.setting.options.min_idle.reset();
    Pond& pool = b.start(4);
    b.script.wait_live(1);
    BOOST_TEST(pool.stats().min_idle == 1u);
    BOOST_TEST(holds(pool.describe(), "min_idle = 1"));
}

BOOST_AUTO_TEST_CASE(the_users_min_idle_is_stronger_than_the_drivers, *boost::unit_test::timeout(20)) {
    Bench b{"suggesting"};
    b.setting.options.min_idle = 0;
    Pond& pool = b.start(4);
    pool.maintain();
    BOOST_TEST(b.script.count(Hook::open) == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
