// SPDX-License-Identifier: BSL-1.0
// Errors: what a failed checkout says, to people and to programs.
#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <type_traits>

#include "kit/bench.hpp"

using namespace behaviour;

namespace {

constexpr dewpond::PlaceName orders{"orders"}, invoices{"invoices"};

/// The error of a checkout that waited so long in vain.
PoolError late(Bench& b, Duration limit = 2s) {
    Borrower waiter{b.pool(), Limit{limit}};
    b.wait_waiting(1);
    b.clock.advance(limit);
    BOOST_TEST_REQUIRE(!waiter.outcome().has_value());
    return waiter.outcome().error();
}

static_assert(std::is_nothrow_copy_constructible_v<PoolError> && std::is_nothrow_copy_assignable_v<PoolError>);
static_assert(sizeof(PoolError) <= 4 * sizeof(void*));

}  // namespace

BOOST_AUTO_TEST_SUITE(errors)

POND_TEST_CASE(a_timeout_names_the_pool_and_the_state_of_its_slots) {
    Bench b{config, dewpond::Options{.name = "orders.db"}};
    b.start(3);
    auto held = b.take(3);
    const PoolError e = late(b);
    BOOST_CHECK(e.code() == Code::timed_out);
    BOOST_CHECK(e.fault() == Fault::none);
    BOOST_CHECK(e.retry_after() == Duration{});
    for (const char* part : {"'orders.db'", "no slot came free", "waited 2 s", "of 3 slots 3 in use, 0 idle, 0 opening, 0 resetting", "0 waiting"}) {
        BOOST_TEST(holds(e.what(), part), part << " is missing in: " << e.what());
    }
    BOOST_TEST(!holds(e.what(), "last open failed"));
}

POND_TEST_CASE(a_timeout_counts_what_opens_resets_and_waits) {
    if (!config.resets || config.background) return;
    Bench b{config};
    b.setting.options.keeper_thread = false;
    b.setting.options.return_budget = 0ms;
    Pond& pool = b.start(3);
    auto held = b.take(2);
    held[1]->make_dirty();
    held[1].end();  // waits for its reset
    Gate gate;
    b.script.on(Hook::open, {block(gate)});
    Borrower opener{pool, 1h};
    gate.wait_entered(1);
    Borrower other{pool, 1h};
    b.wait_waiting(1);
    Borrower waiter{pool, 2s};
    b.wait_waiting(2);
    b.clock.advance(2s);
    BOOST_TEST_REQUIRE(!waiter.outcome().has_value());
    const char* what = waiter.outcome().error().what();
    BOOST_TEST(holds(what, "of 3 slots 1 in use, 0 idle, 1 opening, 1 resetting; 1 waiting"), what);
    gate.open();
    pool.close(0ms);
}

POND_TEST_CASE_IF(a_timeout_names_who_holds_what_since_when_most_first, c.holders) {
    Bench b{config};
    Pond& pool = b.start(4);
    std::vector<AnyLease> held;
    held.push_back(pool.checkout(1s, orders));
    held.push_back(pool.checkout(1s, invoices));
    held.push_back(pool.checkout(1s, invoices));
    held.push_back(pool.checkout(1s, invoices));
    b.clock.advance(100ms);  // nobody looks more often than each 50 ms
    (void)pool.inspect();
    const PoolError e = late(b, 41s);
    BOOST_TEST_REQUIRE(e.holders().size() == 2u);
    BOOST_TEST(e.holders()[0].place.name() == std::string{"invoices"});
    BOOST_TEST(e.holders()[0].count == 3u);
    BOOST_TEST(e.holders()[1].count == 1u);
    BOOST_CHECK(e.holders()[0].oldest >= Duration{40s});
    BOOST_CHECK(e.holders()[0].oldest <= Duration{41s});
    BOOST_TEST(holds(e.what(), "held by invoices (3, oldest 41 s), orders (1, oldest 41 s)"), e.what());
}

POND_TEST_CASE_IF(a_holder_is_named_by_the_line_that_asked, c.holders) {
    Bench b{config};
    Pond& pool = b.start(1);
    const AnyLease held = pool.checkout(1s);
    const auto line = std::to_string(__LINE__ - 1);
    const PoolError e = late(b);
    BOOST_TEST(holds(e.what(), "held by errors.cpp:" + line + " (1"), e.what());
}

POND_TEST_CASE_IF(without_a_record_of_holders_none_are_named, !c.holders) {
    Bench b{config};
    b.start(1);
    auto held = b.take(1);
    const PoolError e = late(b);
    BOOST_TEST(e.holders().empty());
    BOOST_TEST(!holds(e.what(), "held by"));
}

POND_TEST_CASE_IF(of_many_places_the_five_that_hold_most_are_named, c.holders) {
    static constexpr dewpond::PlaceName names[] = {{"p0"}, {"p1"}, {"p2"}, {"p3"}, {"p4"}, {"p5"}, {"p6"}};
    Bench b{config};
    Pond& pool = b.start(8);
    std::vector<AnyLease> held;
    for (const auto& name : names) held.push_back(pool.checkout(1s, name));
    held.push_back(pool.checkout(1s, names[6]));
    const PoolError e = late(b);
    BOOST_TEST_REQUIRE(e.holders().size() == 5u);
    BOOST_TEST(e.holders()[0].place.name() == std::string{"p6"});
    for (std::size_t i = 1; i < 5; ++i) {  // of those that hold alike the lower slot's come first
        BOOST_TEST(e.holders()[i].place.name() == names[i - 1].text, "at " << i);
    }
}

POND_TEST_CASE(a_refusal_for_too_many_waiting_names_the_holders_too) {
    Bench b{config};
    b.setting.options.max_waiting = 1;
    Pond& pool = b.start(1);
    const AnyLease held = pool.checkout(1s, orders);
    Borrower waiter{pool, 1h};
    b.wait_waiting(1);
    const auto result = pool.try_checkout(1h);
    BOOST_TEST_REQUIRE(!result.has_value());
    BOOST_TEST(holds(result.error().what(), "1 waiting"));
    if (config.holders) BOOST_TEST(holds(result.error().what(), "held by orders (1"));
    pool.close(0ms);
}

POND_TEST_CASE(an_error_of_opening_names_its_class_and_text) {
    Bench b{config};
    b.setting.options.outage_grace = 1h;
    Pond& pool = b.start(1);
    b.script.on(Hook::open, {fail(Fault::starting, "the database system is starting up")});
    Borrower waiter{pool, 3s};
    b.script.wait_finished(Hook::open, 1);
    b.quiesce(1);
    b.clock.advance(3s);
    BOOST_TEST_REQUIRE(!waiter.outcome().has_value());
    const PoolError& e = waiter.outcome().error();
    BOOST_CHECK(e.code() == Code::open_failed);
    BOOST_CHECK(e.fault() == Fault::starting);
    BOOST_TEST(holds(e.what(), "last open failed (starting): the database system is starting up"), e.what());
}

POND_TEST_CASE(an_old_error_of_opening_is_not_told_when_all_is_well_again) {
    Bench b{config};
    b.setting.options.outage_grace = 1h;
    Pond& pool = b.start(1);
    b.script.on(Hook::open, {fail(), succeed()});
    Borrower first{pool, 1h};
    BOOST_TEST(eventually([&] { return first.over() || (b.clock.advance(100ms), false); }));
    const PoolError e = late(b);
    BOOST_CHECK(e.code() == Code::timed_out);
    BOOST_TEST(!holds(e.what(), "last open failed"));
}

// A sink holds up the thread whose opening has failed: its text is known, and the outage is not counted yet.
static void time_out_beside_a_failed_opening(const Config& config, std::uint32_t held, bool told) {
    Bench b{config};
    b.setting.options.outage_grace = 1h;
    Gate gate;
    Pond& pool = b.start(held + 1);
    auto leases = b.take(held);
    b.on_event([&](const dewpond::Event& e) {
        if (e.kind == EventKind::open_failed) gate.pass();
    });
    b.script.on(Hook::open, {fail(Fault::unreachable, "nobody listens")});
    Borrower opener{pool, 1h};
    gate.wait_entered(1);
    const PoolError e = late(b);
    BOOST_CHECK(e.code() == Code::timed_out);
    BOOST_TEST(holds(e.what(), " 0 idle, 1 opening"), e.what());
    BOOST_TEST(holds(e.what(), "last open failed (unreachable)") == told, e.what());
    gate.open();
    pool.close(0ms);
}

POND_TEST_CASE_IF(an_opening_that_is_not_over_yet_is_no_reason_for_a_timeout, !c.background && !c.keeps) {
    time_out_beside_a_failed_opening(config, 1, false);
}

POND_TEST_CASE_IF(an_opening_that_is_not_over_yet_is_a_reason_where_none_ever_succeeded, !c.background && !c.keeps) {
    time_out_beside_a_failed_opening(config, 0, true);
}

POND_TEST_CASE_IF(a_nested_checkout_is_named_and_told, c.holders) {  // bug 13
    Bench b{config};
    Pond& pool = b.start(2);
    std::string what;
    std::atomic<bool> both{false};
    Task nested{[&] {
        auto outer = pool.checkout(1s), inner = pool.checkout(1s);
        both = true;
        const auto third = pool.try_checkout(5s);
        what = third.has_value() ? "" : third.error().what();
    }};
    BOOST_TEST(eventually([&] { return both && pool.stats().waiting == 1; }));
    b.clock.advance(5s);
    nested.join();
    BOOST_TEST(holds(what, "this thread itself took 2 of them"), what);
    BOOST_TEST(b.told(EventKind::nested_wait).size() == 1u);
}

POND_TEST_CASE_IF(leases_of_other_threads_are_not_called_nested, c.holders) {
    Bench b{config};
    b.start(1);
    auto held = b.take(1);
    const PoolError e = late(b);
    BOOST_TEST(!holds(e.what(), "this thread itself"));
    BOOST_TEST(b.told(EventKind::nested_wait).empty());
}

POND_TEST_CASE(a_copy_says_the_same_and_outlives_the_pool) {
    Bench b{config};
    b.start(1);
    auto held = b.take(1);
    std::string before;
    const PoolError copy = [&] {
        const PoolError e = late(b);
        before = e.what();
        return e;
    }();
    held.clear();
    b.destroy();
    BOOST_TEST(before == copy.what());
}

BOOST_AUTO_TEST_CASE(what_may_be_read_by_many_threads_at_once, *boost::unit_test::timeout(20)) {
    Bench b{"full"};
    b.start(1);
    auto held = b.take(1);
    const PoolError e = late(b);
    const char* seen[4] = {};
    {
        std::vector<std::unique_ptr<Task>> readers;
        for (auto& s : seen) readers.push_back(std::make_unique<Task>([&s, copy = e] { s = copy.what(); }));
    }
    for (const char* s : seen) BOOST_CHECK(s == seen[0]);
}

BOOST_AUTO_TEST_CASE(every_code_has_a_sentence, *boost::unit_test::timeout(20)) {
    for (const Code c : {Code::timed_out, Code::none_idle, Code::open_failed, Code::server_down, Code::closed, Code::cancelled, Code::too_many_waiting,
                         Code::hook_failed, Code::bad_option, Code::no_thread}) {
        BOOST_TEST(std::string_view{PoolError{c}.what()} == dewpond::to_string(c));
        BOOST_TEST(std::string_view{dewpond::to_string(c)} != "unknown error");
    }
}

BOOST_AUTO_TEST_SUITE_END()
