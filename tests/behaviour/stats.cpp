// SPDX-License-Identifier: BSL-1.0
// Stats: they conserve at every step, never block, and count what happened.
#include <algorithm>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "kit/bench.hpp"

using namespace behaviour;

BOOST_AUTO_TEST_SUITE(stats)

POND_TEST_CASE(a_new_pool_is_empty_and_not_ready) {
    Bench b{config};
    b.setting.options.keeper_thread = false;
    b.setting.options.checkout_timeout = 9s;
    b.setting.options.name = "orders";
    const Stats s = b.start(7).stats();
    BOOST_TEST(s.name == "orders");
    BOOST_TEST(s.max_size == 7u);
    BOOST_CHECK(s.checkout_timeout == Duration{9s});
    BOOST_TEST(s.size + s.idle + s.in_use + s.opening + s.retiring + s.waiting == 0u);
    BOOST_TEST(!s.ready);
    BOOST_TEST(!s.down);
    BOOST_TEST(!s.closed);
    BOOST_TEST(s.checkouts + s.waited + s.timed_out + s.refused + s.cancelled + s.opened + s.open_failures + s.dirty_returns == 0u);
}

POND_TEST_CASE(the_states_conserve_at_every_step) {  // I1
    Bench b{config};
    Pond& pool = b.start(3);
    const auto step = [&](std::uint32_t idle, std::uint32_t in_use) {
        const Stats s = pool.stats();
        BOOST_TEST(conserves(s));
        BOOST_TEST(s.idle == idle);
        BOOST_TEST(s.in_use == in_use);
    };
    step(0, 0);
    auto held = b.take(3);
    step(0, 3);
    held[0].end();
    step(1, 2);
    held[1].discard();
    step(1, 1);
    held[2].end();
    step(2, 0);
    (void)pool.try_checkout();
    step(2, 0);
    pool.close(0ms);
    step(0, 0);
}

POND_TEST_CASE_IF(an_opening_counts, !c.background) {
    Bench b{config};
    Pond& pool = b.start(2);
    Gate gate;
    b.script.on(Hook::open, {block(gate)});
    Borrower opener{pool, 1h};
    gate.wait_entered(1);
    BOOST_TEST(pool.stats().opening == 1u);
    BOOST_TEST(pool.stats().size == 1u);
    BOOST_TEST(conserves(pool.stats()));
    gate.open();
    (void)opener.lease();
    BOOST_TEST(pool.stats().opening == 0u);
}

POND_TEST_CASE(a_close_counts_until_the_driver_has_closed) {  // bug 9
    Bench b{config};
    Pond& pool = b.start(1);
    AnyLease lease = pool.checkout();
    Gate gate;
    b.script.on(Hook::close, {block(gate)});
    Task closer{[&] { lease.discard(); }};
    gate.wait_entered(1);
    BOOST_TEST(pool.stats().retiring == 1u);
    BOOST_TEST(pool.stats().size == 1u);
    Borrower waiter{pool, 1h};
    b.wait_waiting(1);
    BOOST_TEST(b.script.count(Hook::open) == 1u);
    gate.open();
    BOOST_TEST(waiter.id() == 2u);
}

POND_TEST_CASE(waiting_and_its_age_are_seen) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower first{pool, 1h};
    b.wait_waiting(1);
    b.clock.advance(3s);
    Borrower second{pool, 1h};
    b.wait_waiting(2);
    b.clock.advance(4s);
    BOOST_CHECK(pool.stats().oldest_wait == Duration{7s});
    held[0].end();
    BOOST_TEST(first.ends());
    BOOST_TEST(pool.stats().waiting == 1u);
    BOOST_CHECK(pool.stats().oldest_wait == Duration{4s});
    first.lease().end();
    BOOST_TEST(second.ends());
    BOOST_CHECK(pool.stats().oldest_wait == Duration{});
}

POND_TEST_CASE_IF(the_age_of_the_oldest_lease_is_seen, c.counts || c.holders) {
    Bench b{config};
    Pond& pool = b.start(2);
    AnyLease lease = pool.checkout();
    b.clock.advance(100ms);  // nobody looks more often than each 50 ms
    (void)pool.inspect();    // a look
    b.clock.advance(60s);
    (void)pool.inspect();    // and another one
    // The keeper's thread may be the one that looks, and not be done yet.
    BOOST_CHECK(eventually([&] { return pool.stats().oldest_lease >= Duration{59s}; }));
    BOOST_CHECK(pool.stats().oldest_lease <= Duration{60s});
    lease.end();
    b.clock.advance(1s);
    (void)pool.inspect();
    BOOST_CHECK(eventually([&] { return pool.stats().oldest_lease == Duration{}; }));
}

POND_TEST_CASE_IF(who_begins_to_wait_looks_at_the_leases, c.counts || c.holders) {
    Bench b{config};
    b.setting.options.keeper_thread = false;
    b.setting.options.min_idle = 1;
    Pond& pool = b.start(1);
    pool.maintain();
    b.clock.advance(1s);
    const auto lease = pool.try_checkout();
    b.clock.advance(1s);
    Borrower waiter{pool, 30s};
    b.wait_waiting(1);
    b.clock.advance(30s);
    BOOST_CHECK(waiter.code() == Code::timed_out);
    (void)pool.inspect();  // the next look
    BOOST_CHECK(pool.stats().oldest_lease == Duration{30s});
}

POND_TEST_CASE_IF(what_was_closed_or_taken_out_is_no_lease_that_grows_old, c.counts || c.holders) {
    for (const bool closed : {true, false}) {
        Bench b{config};
        Pond& pool = b.start(2);
        const AnyLease lease = pool.checkout();
        b.clock.advance(100ms);
        (void)pool.inspect();
        if (closed) lease.discard();
        else lease.detach().close_detached();
        b.clock.advance(60s);
        (void)pool.inspect();
        BOOST_CHECK(pool.stats().oldest_lease == Duration{});
    }
}

POND_TEST_CASE_IF(a_callback_has_waited_unless_it_was_served_at_once, c.counts && c.checks && !c.background) {
    for (const std::uint32_t broken : {1u, 2u}) {
        Bench b{config};
        b.setting.options.keeper_thread = false;
        b.setting.options.max_waiting = 1;
        Pond& pool = b.start(2);
        b.fill(2);
        b.script.break_it(broken);
        Caller first{pool};
        pool.enqueue(first.ticket(), 1h);  // of the other one, whichever is met first
        BOOST_TEST_REQUIRE(first.served() == 1);
        BOOST_TEST(first.lease().id() == 3u - broken);
        BOOST_TEST(pool.stats().waited == 0u);
        b.script.break_it(3u - broken);
        first.lease().end();
        Caller second{pool};
        pool.enqueue(second.ticket(), 1h);  // nothing is fit: it waits for an opening
        BOOST_TEST(second.served() == 0);
        Caller third{pool};
        pool.enqueue(third.ticket(), 1h);
        BOOST_CHECK(third.code() == Code::too_many_waiting);
        pool.maintain();
        BOOST_TEST_REQUIRE(second.served() == 1);
        BOOST_TEST(pool.stats().waited == 1u);
        const auto other = b.take(1);
        pool.enqueue(third.ticket(), 1h);  // once more, and now it waits
        second.lease().end();
        BOOST_TEST_REQUIRE(third.served() == 2);
        BOOST_TEST(pool.stats().waited == 2u);
        third.lease().end();
    }
}

POND_TEST_CASE_IF(a_callback_that_met_several_dead_ones_has_not_waited_for_a_live_one, c.counts && c.checks && !c.background) {
    for (const std::uint32_t alive : {1u, 2u, 3u, 0u}) {
        Bench b{config};
        b.setting.options.keeper_thread = false;
        Pond& pool = b.start(3);
        b.fill(3);
        for (std::uint32_t id = 1; id <= 3; ++id) {
            if (id != alive) b.script.break_it(id);
        }
        Caller caller{pool};
        pool.enqueue(caller.ticket(), 1h);
        BOOST_TEST(caller.served() == (alive != 0 ? 1 : 0));
        pool.maintain();
        BOOST_TEST_REQUIRE(caller.served() == 1);
        BOOST_TEST(pool.stats().waited == (alive != 0 ? 0u : 1u));
        caller.lease().end();
    }
}

POND_TEST_CASE_IF(the_counters_match_what_happened, c.counts && !c.background) {
    Bench b{config};
    b.setting.options.max_waiting = 1;
    b.setting.options.outage_grace = 1h;
    Pond& pool = b.start(2);
    for (int i = 0; i < 5; ++i) (void)pool.checkout();                       // 5 served, 1 opened
    (void)pool.try_checkout();                                               // 6
    auto held = b.take(2);                                                   // 8, 2 opened
    BOOST_TEST(!pool.try_checkout().has_value());                            // not a failure
    {
        Borrower waiter{pool, 1s};
        b.wait_waiting(1);
        BOOST_CHECK(pool.try_checkout(1s).error().code() == Code::too_many_waiting);  // 1 refused
        b.clock.advance(1s);
        BOOST_CHECK(waiter.code() == Code::timed_out);                       // 1 timed out
    }
    {
        std::stop_source stop;
        Borrower waiter{pool, Wish{1h, stop.get_token()}};
        b.wait_waiting(1);
        stop.request_stop();
        BOOST_CHECK(waiter.code() == Code::cancelled);                       // 1 cancelled
    }
    {
        Borrower waiter{pool, 1h};
        b.wait_waiting(1);
        held[0].end();
        (void)waiter.lease();                                                // 9, 1 waited
    }
    held[1].discard();                                                       // 1 discarded
    b.script.on(Hook::open, {fail(Fault::other, "").taking(b.clock, 1s), succeed()});
    auto one = pool.try_checkout(1s);                                        // 10: of the idle one
    BOOST_CHECK(pool.try_checkout(1s).error().code() == Code::timed_out);    // 2 timed out, 1 failure
    one->end();
    pool.close(0ms);                                                         // 1 closed
    BOOST_CHECK(pool.try_checkout(1s).error().code() == Code::closed);       // 2 refused
    const Stats s = pool.stats();
    BOOST_TEST(s.checkouts == 10u);
    BOOST_TEST(s.waited == 1u);
    BOOST_TEST(s.timed_out == 2u);
    BOOST_TEST(s.refused == 2u);
    BOOST_TEST(s.cancelled == 1u);
    BOOST_TEST(s.opened == 2u);
    BOOST_TEST(s.open_failures == 1u);
    BOOST_TEST(s.dirty_returns == 0u);
    BOOST_TEST(s.closed_because(CloseReason::discarded) == 1u);
    BOOST_TEST(s.closed_because(CloseReason::pool_closed) == 1u);
    std::uint64_t closed = 0;
    for (const auto n : s.closed_by) closed += n;
    BOOST_TEST(closed == 2u);
}

POND_TEST_CASE_IF(without_counters_the_states_are_known_all_the_same, !c.counts) {
    Bench b{config};
    Pond& pool = b.start(2);
    auto held = b.take(2);
    BOOST_TEST(pool.stats().in_use == 2u);
    BOOST_TEST(pool.stats().ready);
    BOOST_TEST(pool.stats().checkouts + pool.stats().opened == 0u);
}

POND_TEST_CASE_IF(checkouts_count_on_when_a_slot_is_opened_anew, c.counts) {  // I14
    Bench b{config};
    Pond& pool = b.start(1);
    for (int i = 0; i < 10; ++i) pool.checkout().discard();
    BOOST_TEST(pool.stats().checkouts == 10u);
    BOOST_TEST(pool.stats().opened == 10u);
}

POND_TEST_CASE(a_detached_resource_counts_no_more) {
    Bench b{config};
    Pond& pool = b.start(2);
    auto held = b.take(2);
    held[0].detach().close_detached();
    BOOST_TEST(pool.stats().size == 1u);
    BOOST_TEST(pool.stats().in_use == 1u);
}

POND_TEST_CASE(inspect_has_a_line_per_slot_that_counts) {
    static constexpr dewpond::PlaceName orders{"orders"};
    Bench b{config};
    Pond& pool = b.start(3);
    BOOST_TEST(pool.inspect().empty());
    std::vector<AnyLease> held;
    held.push_back(pool.checkout(1h, orders));
    b.take(2).pop_back();
    b.quiesce(0);
    b.clock.advance(5s);
    b.quiesce(0);  // a keeper that finds itself late asks what is idle
    const std::string text = pool.inspect();
    const std::string slots_only = text.substr(0, text.find("events:\n"));
    BOOST_TEST(std::count(slots_only.begin(), slots_only.end(), '\n') == 3);
    BOOST_TEST(holds(text, "slot 0: in use"), text);
    BOOST_TEST(holds(text, "slot 1: idle"), text);
    BOOST_TEST(holds(text, "slot 2: idle"), text);
    BOOST_TEST(holds(text, "opened 5 s ago"), text);
    if (config.holders) BOOST_TEST(holds(text, "at orders"), text);
    if (b.script.count(Hook::label) != 0) BOOST_TEST(holds(text, ", r2"), text);
    BOOST_TEST(pool.stats().idle == 2u);  // a look takes nothing away
    BOOST_TEST(pool.checkout().id() == 2u);
}

BOOST_AUTO_TEST_CASE(a_label_is_asked_of_nobody_who_is_in_use, *boost::unit_test::timeout(20)) {
    Bench b{"full"};
    Pond& pool = b.start(2);
    auto held = b.take(2);
    held[1].end();
    const auto asked = b.script.count(Hook::label);
    BOOST_TEST(asked == 2u);  // when they were opened
    b.script.forget_calls();
    b.script.on(Hook::label, {throw_runtime_error("scripted secret")});
    const std::string text = pool.inspect();
    BOOST_TEST(b.script.count(Hook::label) == asked + 1);
    BOOST_TEST(b.script.calls_of(1).empty());
    BOOST_TEST(holds(text, "slot 0: in use"), text);
    BOOST_TEST(holds(text, ", r1\n"), text);  // what it was called when it was opened
    BOOST_TEST(!holds(text, "secret"));
    BOOST_TEST(pool.stats().idle == 1u);
}

// ---- demand ----

BOOST_AUTO_TEST_CASE(forty_threads_on_thirty_slots_are_seen_before_one_times_out, *boost::unit_test::timeout(20)) {
    Bench b{"full"};
    Pond& pool = b.start(30);
    auto held = b.take(30);
    BOOST_TEST(pool.stats().demand_peak == 30u);
    BOOST_TEST(holds(pool.describe(), "demand: 30 at once at the most since the start, in use or waiting: max_size is enough for it"), pool.describe());
    std::vector<std::unique_ptr<Borrower>> more;
    for (int i = 0; i < 10; ++i) more.push_back(std::make_unique<Borrower>(pool, 1h));
    b.wait_waiting(10);
    const Stats s = pool.stats();
    BOOST_TEST(s.timed_out == 0u);
    BOOST_TEST(s.demand == 40u);
    BOOST_TEST(s.demand_peak == 40u);
    BOOST_TEST(s.demand_peak_minute == 40u);
    BOOST_TEST(holds(pool.describe(), "demand: 40 at once at the most since the start, in use or waiting: max_size is 10 short of it"), pool.describe());
    for (auto& lease : held) lease.end();
    for (auto& borrower : more) borrower->lease().end();
    b.clock.advance(59s);
    BOOST_TEST(pool.stats().demand == 0u);
    BOOST_TEST(pool.stats().demand_peak_minute == 40u);
    b.clock.advance(12s);
    BOOST_TEST(pool.stats().demand_peak_minute == 0u);
    BOOST_TEST(pool.stats().demand_peak == 40u);
}

POND_TEST_CASE_IF(demand_counts_nobody_twice, c.checks) {
    Bench b{config};
    Pond& pool = b.start(4);
    for (int round = 0; round < 20; ++round) {
        auto held = b.take(3);
        b.script.break_it(held[1].id());
        for (auto& lease : held) lease.end();
        b.clock.advance(100ms);
        b.quiesce(0);
    }
    BOOST_TEST(pool.stats().demand_peak == 3u);
}

BOOST_AUTO_TEST_CASE(who_opens_for_himself_is_demand_too, *boost::unit_test::timeout(20)) {
    Bench b{"full"};
    b.setting.options.opens_at_once = 2;
    Pond& pool = b.start(5);
    Gate gate;
    b.script.on(Hook::open, {block(gate)});
    std::vector<std::unique_ptr<Borrower>> all;
    for (int i = 0; i < 5; ++i) all.push_back(std::make_unique<Borrower>(pool, 1h));
    gate.wait_entered(2);
    b.wait_waiting(3);
    BOOST_TEST(pool.stats().demand == 5u);
    gate.open();
    for (auto& one : all) (void)one->lease();
    BOOST_TEST(pool.stats().demand_peak == 5u);
}

// ---- reasons ----

BOOST_AUTO_TEST_CASE(every_reason_to_fail_has_its_count, *boost::unit_test::timeout(20)) {
    Bench b{"hooked"};
    b.setting.options.max_waiting = 1;
    b.setting.options.outage_grace = 1h;
    bool refuse = false;
    b.setting.on_checkout = [&](ScriptedResource&, Deadline) -> bool {
        if (refuse) throw std::runtime_error{"scripted"};
        return true;
    };
    Pond& pool = b.start(1);
    BOOST_TEST(!pool.try_checkout());
    b.script.on(Hook::open, {fail(Fault::configuration), succeed()});
    BOOST_CHECK(pool.try_checkout(1s).error().code() == Code::open_failed);
    b.clock.advance(10s);
    {
        auto held = b.take(1);
        BOOST_TEST(!pool.try_checkout());
        Borrower waiter{pool, 2s};
        b.wait_waiting(1);
        BOOST_CHECK(pool.try_checkout(1s).error().code() == Code::too_many_waiting);
        b.clock.advance(2s);
        BOOST_CHECK(waiter.code() == Code::timed_out);
    }
    refuse = true;
    BOOST_CHECK(pool.try_checkout(1s).error().code() == Code::hook_failed);
    pool.close(0ms);
    BOOST_TEST(!pool.try_checkout());
    const Stats s = pool.stats();
    BOOST_TEST(s.failed_with(Code::none_idle) == 2u);
    BOOST_TEST(s.failed_with(Code::open_failed) == 1u);
    BOOST_TEST(s.failed_with(Code::too_many_waiting) == 1u);
    BOOST_TEST(s.failed_with(Code::timed_out) == 1u);
    BOOST_TEST(s.failed_with(Code::hook_failed) == 1u);
    BOOST_TEST(s.failed_with(Code::closed) == 1u);
    BOOST_TEST(s.failed_with(Code::cancelled) + s.failed_with(Code::server_down) == 0u);
    BOOST_TEST(s.open_failed_with(Fault::configuration) == 1u);
    BOOST_TEST(s.open_failures == 1u);
}

BOOST_AUTO_TEST_CASE(a_server_of_another_role_is_a_reason_of_its_own, *boost::unit_test::timeout(20)) {
    Bench b{"full"};
    Pond& pool = b.start(2);
    b.fill(2);
    const auto close_by = [&](auto make_unfit) {
        auto lease = pool.checkout();
        make_unfit(lease);
    };
    b.script.on(Hook::reset, {fail(Fault::wrong_role)});
    close_by([](AnyLease& l) { l->make_dirty(); });
    b.script.on(Hook::probe, {fail(Fault::wrong_role), succeed()});
    (void)pool.checkout();
    close_by([](AnyLease& l) { l.discard(); });  // that is a wish
    const Stats s = pool.stats();
    BOOST_TEST(s.closed_because(CloseReason::wrong_role) == 2u);
    BOOST_TEST(s.closed_because(CloseReason::discarded) == 1u);
    BOOST_TEST(s.closed_because(CloseReason::reset_failed) + s.closed_because(CloseReason::check_failed) == 0u);
    BOOST_CHECK(b.told(EventKind::closed)[0].reason == CloseReason::wrong_role);
    BOOST_CHECK(b.told(EventKind::closed)[0].fault == Fault::wrong_role);
}

POND_TEST_CASE_IF(what_was_opened_is_live_or_closed_or_detached, c.counts) {
    Bench b{config};
    Pond& pool = b.start(3);
    for (int round = 0; round < 5; ++round) {
        auto held = b.take(3);
        held[0].discard();
        held[1].detach().close_detached();
        held[2].end();
        b.quiesce(0);
        const Stats s = pool.stats();
        std::uint64_t closed = 0;
        for (const auto n : s.closed_by) closed += n;
        BOOST_TEST(s.opened == s.size + closed + s.detached);
        BOOST_TEST(s.detached == static_cast<std::uint64_t>(round) + 1);
    }
}

// ---- ages ----

BOOST_AUTO_TEST_CASE(an_outage_is_seen_with_its_back_off_and_ends_with_an_opening, *boost::unit_test::timeout(20)) {
    Bench b{"full"};
    b.setting.options.backoff_min = b.setting.options.backoff_max_waiting = b.setting.options.backoff_max = 1s;
    b.setting.options.outage_grace = 1h;
    Pond& pool = b.start(1);
    BOOST_CHECK(pool.stats().last_open.is_never());
    BOOST_CHECK(pool.stats().backoff == Duration{});
    b.script.on(Hook::open, {fail(Fault::unreachable).taking(b.clock, 1s), succeed()});
    BOOST_TEST(!pool.try_checkout(1s).has_value());
    Stats s = pool.stats();
    BOOST_TEST(s.failures_in_row == 1u);
    BOOST_CHECK(s.open_fault == Fault::unreachable);
    BOOST_CHECK(s.backoff >= Duration{99ms} && s.backoff <= Duration{1001ms});
    BOOST_CHECK(s.last_open.is_never());
    b.clock.advance(1100ms);
    BOOST_CHECK(pool.stats().backoff == Duration{});
    b.fill(1);
    b.clock.advance(7s);
    s = pool.stats();
    BOOST_TEST(s.failures_in_row == 0u);
    BOOST_CHECK(s.open_fault == Fault::none);
    BOOST_CHECK(s.last_open == Duration{7s});
    BOOST_CHECK(s.age == Duration{9100ms});
}

BOOST_AUTO_TEST_CASE(the_keepers_age_is_the_time_since_it_looked, *boost::unit_test::timeout(20)) {
    Bench b{"keeper"};
    b.setting.options.keeper_thread = false;
    Pond& pool = b.start(1);
    BOOST_CHECK(pool.stats().keeper_age.is_never());
    BOOST_CHECK(pool.stats().keeper_period == Duration{1s});
    b.clock.advance(1s);
    pool.maintain();
    BOOST_CHECK(pool.stats().keeper_age == Duration{});
    b.clock.advance(700ms);
    pool.maintain();  // not yet due
    BOOST_CHECK(pool.stats().keeper_age == Duration{700ms});
    Bench none{"plain"};
    BOOST_CHECK(none.start(1).stats().keeper_period.is_never());
    none.clock.advance(1h);
    none.pool().maintain();
    BOOST_CHECK(none.pool().stats().keeper_age.is_never());
}

POND_TEST_CASE_IF(whoever_asks_for_stats_is_a_look_at_the_leases, c.counts || c.holders) {
    Bench b{config};
    b.setting.options.keeper_thread = false;
    Pond& pool = b.start(1);
    b.script.on(Hook::open, {succeed()});
    if (config.background) return;
    AnyLease lease = pool.checkout(1h);
    b.clock.advance(100ms);
    (void)pool.stats();
    b.clock.advance(30s);
    BOOST_CHECK(pool.stats().oldest_lease == Duration{30s});
}

BOOST_AUTO_TEST_CASE(every_number_of_the_options_is_in_the_settings, *boost::unit_test::timeout(20)) {
    Bench b{"keeper"};
    b.setting.options = {.max_size = 7, .capacity = 70, .min_idle = 2, .checkout_timeout = 3s, .max_waiting = 11, .open_timeout = 4s, .opens_at_once = 3,
                         .backoff_min = 5ms, .backoff_max_waiting = 6ms, .backoff_max = 7ms, .outage_grace = 8s, .reset_timeout = 9s, .return_budget = 10ms,
                         .keeper_thread = false};
    b.setting.lifetime = {.max_idle = 12s, .max_lifetime = 13s, .max_uses = 14};
    const dewpond::Settings s = b.start().stats().settings;
    BOOST_TEST(s.max_size == 7u);
    BOOST_TEST(s.capacity == 70u);
    BOOST_TEST(s.min_idle == 2u);
    BOOST_TEST(s.max_waiting == 11u);
    BOOST_TEST(s.opens_at_once == 3u);
    BOOST_TEST(s.max_uses == 14u);
    const Duration spans[] = {s.checkout_timeout, s.open_timeout, s.backoff_min, s.backoff_max_waiting, s.backoff_max, s.outage_grace, s.reset_timeout, s.return_budget,
                              s.max_idle, s.max_lifetime, s.warn_after};
    const Duration expected[] = {3s, 4s, 5ms, 6ms, 7ms, 8s, 9s, 10ms, 12s, 13s, dewpond::never};
    for (std::size_t i = 0; i < std::size(spans); ++i) BOOST_CHECK(spans[i] == expected[i]);
}

BOOST_AUTO_TEST_CASE(describe_names_every_choice_and_where_it_came_from, *boost::unit_test::timeout(20)) {
    Bench b{"strict"};
    const std::string strict = b.start(3).describe();
    for (const char* part : {"max_size = 3", "checkout_timeout = 10 s", "waiting: StrictFifo (chosen)", "liveness: StatusAlways (chosen)",
                             "reset: ResetAlways (chosen)", "opening: OpenInCaller (default)", "metrics: Counters (default)", "watch: Holders (default)"}) {
        BOOST_TEST(holds(strict, part), part << " is missing in\n" << strict);
    }
    Bench other{"suggesting"};
    const std::string suggested = other.start(3).describe();
    BOOST_TEST(holds(suggested, "opening: OpenInBackground (the driver suggests it)"), suggested);
    BOOST_TEST(holds(suggested, "threads: 3"), suggested);
}

BOOST_AUTO_TEST_SUITE_END()
