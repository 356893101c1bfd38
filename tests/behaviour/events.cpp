// SPDX-License-Identifier: BSL-1.0
// Events: what is told, once in ten seconds per kind and place, and what is not.
#include <atomic>
#include <cstdio>
#include <string>
#include <thread>

#include <unistd.h>

#include "kit/bench.hpp"

using namespace behaviour;

namespace {

constexpr dewpond::PlaceName here{"here"}, there{"there"};

void dirty_return(Pond& pool, Place place) { pool.checkout(1s, place)->make_dirty(); }

}  // namespace

BOOST_AUTO_TEST_SUITE(events)

POND_TEST_CASE(nothing_is_told_while_all_is_well) {
    Bench b{config};
    Pond& pool = b.start(2);
    for (int i = 0; i < 100; ++i) (void)pool.checkout();
    {
        auto held = b.take(2);
        Borrower waiter{pool, 1s};
        b.wait_waiting(1);
        held[0].end();
        (void)waiter.id();
    }
    pool.close(0ms);
    BOOST_TEST(b.told().empty());
}

BOOST_AUTO_TEST_CASE(one_kind_at_one_place_is_told_once_in_ten_seconds_and_the_rest_is_counted, *boost::unit_test::timeout(20)) {
    Bench b{"full"};
    Pond& pool = b.start(1);
    for (int i = 0; i < 5; ++i) dirty_return(pool, here);
    BOOST_TEST(b.told(EventKind::dirty_return).size() == 1u);
    b.clock.advance(10s - 1ns);
    dirty_return(pool, here);
    BOOST_TEST(b.told(EventKind::dirty_return).size() == 1u);
    b.clock.advance(1ns);
    dirty_return(pool, here);
    const auto told = b.told(EventKind::dirty_return);
    BOOST_TEST_REQUIRE(told.size() == 2u);
    BOOST_TEST(told[0].suppressed == 0u);
    BOOST_TEST(told[1].suppressed == 5u);
    BOOST_TEST(pool.stats().dirty_returns == 7u);
}

BOOST_AUTO_TEST_CASE(another_place_or_another_kind_is_told_at_once, *boost::unit_test::timeout(20)) {
    Bench b{"full"};
    Pond& pool = b.start(1);
    dirty_return(pool, here);
    dirty_return(pool, there);
    BOOST_TEST(b.told(EventKind::dirty_return).size() == 2u);
    pool.checkout(1s, here).discard();
    BOOST_TEST(b.told(EventKind::closed).size() == 1u);
    BOOST_TEST(b.told(EventKind::closed)[0].place == "here");
}

BOOST_AUTO_TEST_CASE(an_event_says_which_pool_and_slot, *boost::unit_test::timeout(20)) {
    Bench b{"full", dewpond::Options{.name = "orders.db"}};
    Pond& pool = b.start(3);
    auto held = b.take(3);
    held[2]->make_dirty();
    held[2].end();
    BOOST_TEST_REQUIRE(b.told().size() == 1u);
    BOOST_TEST(b.told()[0].pool == "orders.db");
    BOOST_TEST(b.told()[0].slot == 2u);
    BOOST_TEST(b.script.pool_name() == "orders.db");
    (void)pool;
}

BOOST_AUTO_TEST_CASE(a_place_is_the_line_that_asked, *boost::unit_test::timeout(20)) {
    Bench b{"full"};
    Pond& pool = b.start(1);
    pool.checkout(1s)->make_dirty();
    const auto line = std::to_string(__LINE__ - 1);
    BOOST_TEST_REQUIRE(b.told().size() == 1u);
    BOOST_TEST(b.told()[0].place == "events.cpp:" + line);
}

BOOST_AUTO_TEST_CASE(a_resource_that_is_closed_early_is_told_with_reason_and_fault, *boost::unit_test::timeout(20)) {
    Bench b{"full"};
    Pond& pool = b.start(1);
    b.fill(1);
    b.script.break_it(1);
    (void)pool.checkout();
    BOOST_TEST_REQUIRE(b.told(EventKind::closed).size() == 1u);
    const Told told = b.told(EventKind::closed)[0];
    BOOST_CHECK(told.reason == CloseReason::check_failed);
    BOOST_CHECK(told.fault == Fault::broken);
    BOOST_TEST(told.text == "scripted break");
}

POND_TEST_CASE(what_is_discarded_is_told_with_its_slot) {
    std::uint32_t slots = 0;
    for (const std::size_t which : {0u, 1u}) {  // a pool for each: of one kind and place one is told in ten seconds
        Bench b{config};
        b.start(2);
        auto held = b.take(2);
        held[which].discard();
        const auto told = b.told(EventKind::closed);
        BOOST_TEST_REQUIRE(told.size() == 1u);
        BOOST_CHECK(told[0].reason == CloseReason::discarded);
        slots |= 1u << told[0].slot;
    }
    BOOST_TEST(slots == 3u);
}

BOOST_AUTO_TEST_CASE(every_reason_to_close_early_is_told_and_age_and_the_end_are_not, *boost::unit_test::timeout(20)) {
    Bench b{"keeper"};
    b.setting.options.keeper_thread = false;
    Pond& pool = b.start(1);
    const auto reason = [&] {
        const auto told = b.told(EventKind::closed);
        b.clock.advance(20s);
        return told.empty() ? CloseReason::count_ : told.back().reason;
    };
    pool.checkout(1s).discard();
    BOOST_CHECK(reason() == CloseReason::discarded);
    BOOST_TEST(holds(b.told(EventKind::closed).back().place, "events.cpp"));
    b.script.on(Hook::reset, {fail()});
    pool.checkout(1s)->make_dirty();
    BOOST_CHECK(reason() == CloseReason::reset_failed);
    const auto told = b.told(EventKind::closed).size();
    (void)pool.checkout(1s);
    for (int i = 0; i < 400; ++i) {
        b.clock.advance(1s);
        pool.maintain();
    }
    BOOST_TEST(pool.stats().closed_because(CloseReason::max_idle) == 1u);
    (void)pool.checkout(1s);
    pool.close(0ms);
    BOOST_TEST(b.told(EventKind::closed).size() == told);
}

BOOST_AUTO_TEST_CASE(down_and_up_are_always_told, *boost::unit_test::timeout(20)) {
    Bench b{"full"};
    b.setting.options.outage_grace = 0s;
    Pond& pool = b.start(1);
    for (int i = 0; i < 3; ++i) {
        b.script.on(Hook::open, {fail()});
        BOOST_CHECK(code_of([&] { (void)pool.checkout(1s); }) == Code::server_down);
        b.script.on(Hook::open, {succeed()});
        b.clock.advance(2s);
        const auto opened = pool.try_checkout(1s);
        BOOST_TEST_REQUIRE((opened.has_value() || (b.clock.advance(3s), pool.try_checkout(1s).has_value())));
        if (opened) opened->discard();
        else pool.checkout(1s).discard();
    }
    BOOST_TEST(b.told(EventKind::down).size() == 3u);
    BOOST_TEST(b.told(EventKind::up).size() == 3u);
}

BOOST_AUTO_TEST_CASE(nothing_is_told_once_the_pool_is_gone, *boost::unit_test::timeout(20)) {
    Bench b{"full"};
    b.start(2);
    auto held = b.take(2);
    b.destroy();
    held[0].discard();
    held[1]->make_dirty();
    held[1].end();
    BOOST_TEST(b.told().empty());
}

POND_TEST_CASE_IF(the_destructor_waits_for_a_sink_that_runs_in_a_lease, !c.background && !c.keeps) {
    Bench b{config};
    Gate gate;
    b.on_event([&](const dewpond::Event&) { gate.pass(); });
    b.start(2);
    auto held = b.take(2);
    Task discarder{[&] { held[0].discard(); }};
    gate.wait_entered(1);
    Task destroyer{[&] { b.destroy(); }};
    BOOST_TEST(eventually([&] { return destroyer.over() || b.clock.parked() == 1; }));
    BOOST_TEST(!destroyer.over());
    BOOST_TEST(!discarder.over());
    held[1].discard();  // in the sink, or waiting for it, is nobody else
    gate.open();
    BOOST_TEST(destroyer.ends());
    BOOST_TEST(discarder.ends());
    BOOST_TEST(gate.entered() == 1u);
}

POND_TEST_CASE_IF(the_destructor_waits_for_a_sink_that_runs_on_a_thread_of_the_pools_own, c.background) {
    Bench b{config};
    b.setting.options.min_idle = 1;
    Gate gate;
    b.on_event([&](const dewpond::Event&) { gate.pass(); });
    b.script.on(Hook::open, {fail()});
    b.start(1);
    gate.wait_entered(1);
    Task destroyer{[&] { b.destroy(); }};
    for (int i = 0; i < 1'000; ++i) std::this_thread::yield();
    BOOST_TEST(!destroyer.over());
    gate.open();
    BOOST_TEST(destroyer.ends());
}

POND_TEST_CASE_IF(a_sink_may_end_its_pool, !c.background && !c.keeps) {
    Bench b{config};
    b.on_event([&](const dewpond::Event&) { b.destroy(); });
    b.start(1);
    auto held = b.take(1);
    Task discarder{[&] { held[0].discard(); }};
    BOOST_TEST(discarder.ends());
    BOOST_TEST(b.told().size() == 1u);
    BOOST_TEST(b.script.live() == 0u);
}

POND_TEST_CASE_IF(a_sink_on_a_thread_of_the_pools_own_may_end_the_pool, c.background) {
    Bench b{config};
    b.setting.options.min_idle = 1;
    Gate started;
    std::atomic<bool> ended{false};
    b.on_event([&](const dewpond::Event&) {
        started.pass();
        b.destroy();
        ended = true;
    });
    b.script.on(Hook::open, {fail()});
    b.start(1);
    started.open();
    BOOST_TEST(eventually([&] { return ended.load(); }));
}

BOOST_AUTO_TEST_CASE(to_stderr_writes_one_line, *boost::unit_test::timeout(20)) {
    std::FILE* file = std::tmpfile();
    BOOST_TEST_REQUIRE(file != nullptr);
    std::fflush(stderr);
    const int saved = ::dup(STDERR_FILENO);
    ::dup2(::fileno(file), STDERR_FILENO);
    dewpond::Event e;
    e.kind = EventKind::closed;
    e.pool = "orders";
    e.place = here;
    e.reason = CloseReason::check_failed;
    e.fault = Fault::unreachable;
    e.age = 3s;
    e.text = "reset by peer";
    e.suppressed = 7;
    dewpond::to_stderr()(e);
    std::fflush(stderr);
    ::dup2(saved, STDERR_FILENO);
    ::close(saved);
    std::rewind(file);
    char line[300] = {};
    BOOST_TEST_REQUIRE(std::fgets(line, sizeof line, file) != nullptr);
    char rest[10];
    BOOST_TEST(std::fgets(rest, sizeof rest, file) == nullptr);
    std::fclose(file);
    for (const char* part : {"orders", "closed", "check failed", "here", "3 s", "unreachable", "reset by peer", "7 more"}) {
        BOOST_TEST(holds(line, part), part << " is missing in: " << line);
    }
}

BOOST_AUTO_TEST_SUITE_END()
