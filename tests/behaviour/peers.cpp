// SPDX-License-Identifier: BSL-1.0
// What went wrong in other pools and has no test elsewhere: each test names the public thread that told of it. The
// whole list, with the tests that stand in other files, is docs/peer_bugs.md.
#include <algorithm>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "kit/bench.hpp"
#include "kit/make_pond.hpp"

using namespace behaviour;

namespace {

/// Newcomers may barge for as long as the test likes.
Config patient() { return pond<dewpond::testing::PlainScripted, dewpond::Adaptive>("patient"); }

}  // namespace

BOOST_AUTO_TEST_SUITE(peers)

// The wait was begun anew after each lost race, so that it never ended: elsid/resource_pool (measured, B2),
// pocoproject/poco ObjectPool, ClickHouse/ClickHouse#113979, brettwooldridge/HikariCP#588.
// At its deadline a waiter looks before it reads the clock: what is free then is its own. So the newcomer keeps it.
BOOST_AUTO_TEST_CASE(a_wait_that_loses_every_race_to_bargers_ends_at_its_deadline, *boost::unit_test::timeout(20)) {
    const Config config = patient();
    Bench b{config};
    b.setting.patience = 1h;
    Pond& pool = b.start(1);
    AnyLease held = pool.checkout(1h);
    Borrower waiter{pool, 1s};
    b.wait_waiting(1);
    for (int race = 0; race < 10; ++race) {
        b.quiesce(1);
        BOOST_TEST(!waiter.over());
        const Gate gate = b.clock.stall();
        held.end();  // wakes the waiter
        gate.wait_entered(1);
        auto newcomer = pool.try_checkout();
        BOOST_TEST_REQUIRE(newcomer.has_value());
        held = std::move(*newcomer);
        b.clock.advance(100ms);
        b.clock.unstall();
    }
    BOOST_TEST(waiter.ends());
    BOOST_CHECK(waiter.code() == Code::timed_out);
    BOOST_CHECK(b.clock.elapsed() == Duration{1s});
    held.end();
    BOOST_TEST(pool.stats().idle == 1u);
    BOOST_TEST(pool.stats().waiting == 0u);
}

// Whoever lost a race went to the back of the queue: boostorg/mysql (read in its source, R18), transact-rs/sqlx#453,
// brettwooldridge/HikariCP#1909.
BOOST_AUTO_TEST_CASE(a_waiter_that_lost_to_a_barger_keeps_its_place, *boost::unit_test::timeout(20)) {
    const Config config = patient();
    Bench b{config};
    Pond& pool = b.start(1);
    AnyLease held = pool.checkout(1h);
    Borrower first{pool, 1h};
    b.wait_waiting(1);
    b.quiesce(1);
    const Gate gate = b.clock.stall();
    held.end();
    gate.wait_entered(1);
    auto newcomer = pool.try_checkout();
    BOOST_TEST_REQUIRE(newcomer.has_value());
    b.clock.advance(2ms);
    Borrower second{pool, 1h};
    b.wait_waiting(2);
    b.clock.unstall();
    b.quiesce(2);
    newcomer->end();
    BOOST_TEST(first.ends());
    BOOST_TEST(!second.over());
    first.lease().end();
    BOOST_TEST(second.id() == 1u);
}

// A waiter was called off after it had been woken, and the next one slept on beside a free connection:
// boostorg/mysql#509, embassy-rs/embassy#6964, eclipse-vertx/vert.x#6169.
POND_TEST_CASE(a_waiter_that_is_called_off_after_its_wake_up_passes_it_on) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    std::stop_source stop;
    Borrower first{pool, Wish{1h, stop.get_token()}};
    b.wait_waiting(1);
    Borrower next{pool, 1h};
    b.wait_waiting(2);
    b.quiesce(2);
    const Gate gate = b.clock.stall();
    held[0].end();
    gate.wait_entered(1);
    auto barger = pool.try_checkout();
    stop.request_stop();
    b.clock.unstall();
    if (barger) {
        BOOST_CHECK(first.code() == Code::cancelled);
        barger->end();
    } else {
        first.lease().end();  // it had been given the slot before it was called off
    }
    BOOST_TEST(next.id() == 1u);
}

// A connection was handed to a waiter that had gone: psycopg/psycopg#509, #1275, #1345, mysql-net/MySqlConnector#469;
// and thousands of dead waiters at the head held everybody up: vitessio/vitess#20310.
POND_TEST_CASE(thousands_that_went_away_leave_the_next_return_to_the_one_who_stayed) {
    Bench b{config};
    b.setting.options.keeper_thread = false;
    Pond& pool = b.start(1);
    Caller opener{pool};
    pool.enqueue(opener.ticket(), 1h);
    pool.maintain();
    std::vector<std::unique_ptr<Caller>> gone;
    for (int i = 0; i < 2000; ++i) {
        gone.push_back(std::make_unique<Caller>(pool));
        pool.enqueue(gone.back()->ticket(), 1s);
    }
    Caller stays{pool};
    pool.enqueue(stays.ticket(), 1h);
    for (std::size_t i = 0; i < gone.size(); i += 2) BOOST_REQUIRE(pool.withdraw(gone[i]->ticket()));
    b.clock.advance(2s);
    pool.maintain();
    BOOST_TEST(pool.stats().waiting == 1u);
    opener.lease().end();
    BOOST_TEST(stays.served() == 1);
    BOOST_TEST(stays.lease().id() == 1u);
    BOOST_CHECK(std::all_of(gone.begin(), gone.end(), [](const auto& g) { return g->served() == 1 && !g->outcome(); }));
}

// A hook and an exception both gave the same permit back: mongodb/mongo-java-driver#699.
POND_TEST_CASE(an_exception_after_a_return_gives_nothing_back_twice) {
    Bench b{config};
    Pond& pool = b.start(2);
    for (int i = 0; i < 5; ++i) {
        try {
            const AnyLease lease = pool.checkout();
            static_cast<void>(lease.give_back());
            throw std::runtime_error{"the handler fails after it is done with the resource"};
        } catch (const std::runtime_error&) {
        }
        try {
            const AnyLease lease = pool.checkout();
            lease.discard();
            throw std::runtime_error{"or after it threw the resource away"};
        } catch (const std::runtime_error&) {
        }
    }
    const auto all = b.take(2);
    BOOST_TEST(all[0].id() != all[1].id());
    BOOST_CHECK(pool.try_checkout().error().code() == Code::none_idle);
    BOOST_TEST(pool.stats().size == 2u);
}

// Two holders of one connection after it was returned twice: sidorares/node-mysql2#1280, #3559, keksworks/klite#80,
// r2dbc/r2dbc-pool#92.
POND_TEST_CASE(what_is_returned_twice_is_not_lent_twice) {
    Bench b{config};
    Pond& pool = b.start(2);
    auto leases = b.take(2);
    BOOST_CHECK(leases[0].give_back() != ReturnReport::closed);
    static_cast<void>(leases[0].give_back());
    leases[0].discard();
    leases[0].end();
    BOOST_TEST(pool.stats().idle == 1u);
    BOOST_TEST(pool.stats().in_use == 1u);
    const auto again = pool.checkout();
    BOOST_CHECK(pool.try_checkout().error().code() == Code::none_idle);
    BOOST_TEST(again.id() != leases[1].id());
}

// Waiters kept the processor busy for as long as the server was away: brettwooldridge/HikariCP#835; a wait list that was polled:
// Lithium (read in its source, R12).
POND_TEST_CASE(waiters_sleep_through_an_outage) {
    constexpr std::uint32_t n = 6;
    Bench b{config};
    b.setting.options.outage_grace = 24h;
    Pond& pool = b.start(n);
    b.script.on(Hook::open, {fail()});
    std::vector<std::unique_ptr<Borrower>> all;
    for (std::uint32_t i = 0; i < n; ++i) all.push_back(std::make_unique<Borrower>(pool, 1h));
    b.wait_waiting(n);
    b.quiesce(n);
    const auto reads = b.clock.reads();
    const auto opens = b.script.count(Hook::open);
    for (int i = 0; i < 60; ++i) {
        b.clock.advance(1s);
        b.quiesce(n);  // all of them are asleep again
    }
    const auto attempts = b.script.count(Hook::open) - opens;
    BOOST_TEST(attempts >= 30u);
    // A few looks at the clock for each attempt; none for those who are not at the head of the queue.
    BOOST_TEST(b.clock.reads() - reads <= 40 * (attempts + 60));
    pool.close(0ms);
    for (auto& w : all) BOOST_CHECK(w->code() == Code::closed);
}

// A new one could not be made in the place of one that had expired, and its slot was gone: ClickHouse PoolBase (read in
// its source, R6); a pool that shrank to nothing:
// brettwooldridge/HikariCP#1256, #1474.
BOOST_AUTO_TEST_CASE(an_expired_one_that_cannot_be_replaced_costs_no_slot, *boost::unit_test::timeout(20)) {
    Bench b{"keeper"};
    b.setting.lifetime = {.max_idle = dewpond::never, .max_lifetime = 10s, .jitter = 0};
    b.setting.options.keeper_thread = false;
    b.setting.options.min_idle = 2;
    b.setting.options.outage_grace = 24h;
    Pond& pool = b.start(2);
    pool.maintain();
    BOOST_TEST(pool.stats().idle == 2u);
    b.script.on(Hook::open, {fail().times(6), succeed()});
    for (int i = 0; i < 15 * 2; ++i) {
        b.clock.advance(500ms);
        pool.maintain();
        BOOST_TEST(conserves(pool.stats()));
    }
    for (int i = 0; i < 30 && b.script.live() != 2; ++i) {
        b.clock.advance(1s);
        pool.maintain();
    }
    BOOST_TEST(pool.stats().idle == 2u);
    BOOST_TEST(b.take(2).size() == 2u);
}

// The pool's own work was counted among the errors of its users: userver (read in its source, R8).
BOOST_AUTO_TEST_CASE(what_the_keeper_does_is_counted_as_no_users, *boost::unit_test::timeout(20)) {
    Bench b{"keeper"};
    b.setting.options.keeper_thread = false;
    b.setting.options.min_idle = 2;
    Pond& pool = b.start(2);
    auto held = b.take(2);
    const auto before = pool.stats();
    for (int i = 0; i < 50; ++i) {
        b.clock.advance(1s);
        pool.maintain();
    }
    held[0].end();
    b.script.on(Hook::open, {fail()});
    held[1].discard();
    for (int i = 0; i < 50; ++i) {
        b.clock.advance(10s);
        pool.maintain();
    }
    const auto after = pool.stats();
    BOOST_TEST(after.open_failures > 5u);  // it was at work
    BOOST_TEST(after.checkouts == before.checkouts);
    BOOST_TEST(after.timed_out == 0u);
    BOOST_TEST(after.refused == 0u);
    BOOST_TEST(after.cancelled == 0u);
    BOOST_TEST(after.waited == before.waited);
}

// Connections to a server that was no longer the primary stayed: brettwooldridge/HikariCP#1802, #1971,
// sidorares/node-mysql2#4075.
POND_TEST_CASE(after_a_failover_each_old_resource_is_reported_once_and_is_gone) {
    Bench b{config};
    Pond& pool = b.start(3);
    for (const AnyLease& old : b.take(3)) old.report(Fault::wrong_role);
    for (int i = 0; i < 5; ++i) {
        for (const AnyLease& lease : b.take(3)) BOOST_TEST(lease.id() > 3u);
    }
    BOOST_TEST(b.script.count(Hook::close) == 3u);
    BOOST_TEST(b.script.count(Hook::open) == 6u);
    BOOST_TEST(pool.stats().size == 3u);
}

// The clock jumped, and those who waited were all refused, or never again: brettwooldridge/HikariCP#354, #745,
// FirebirdSQL/NETProvider#725, SOCI (deadlines on a clock that can be set, R13).
POND_TEST_CASE(a_jump_of_the_clock_refuses_only_whose_time_has_come) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower brief{pool, 10s}, minute{pool, 60s}, day{pool, 24h};
    b.wait_waiting(3);
    b.quiesce(3);
    b.clock.advance(1h);
    BOOST_CHECK(brief.code() == Code::timed_out);
    BOOST_CHECK(minute.code() == Code::timed_out);
    BOOST_TEST(!day.over());
    BOOST_TEST(pool.stats().waiting == 1u);
    held[0].end();
    BOOST_TEST(day.id() != 0u);
}

// A limit so long that the moment it ends at cannot be told: ClickHouse (a deadline that overflowed).
POND_TEST_CASE(a_limit_beyond_the_end_of_time_is_a_long_wait) {
    Bench b{config};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower waiter{pool, Limit{std::chrono::hours::max()}};
    b.wait_waiting(1);
    b.clock.advance(24h * 365 * 100);
    BOOST_TEST(pool.stats().waiting == 1u);
    held[0].end();
    BOOST_TEST(waiter.id() != 0u);
}

// The pool and its threads stayed for ever unless somebody remembered to stop them: oatpp/oatpp (read in its source, R2);
// alibaba/yalantinglibs#1192.
POND_TEST_CASE(the_destructor_alone_ends_the_keeper_and_closes_what_is_idle) {
    Bench b{config};
    b.setting.options.min_idle = 2;
    Pond& pool = b.start(2);
    BOOST_TEST(pool.wait_ready(1h).has_value());
    BOOST_TEST(eventually([&] { return pool.stats().idle == 2u; }));
    b.quiesce(0);
    b.destroy();
    BOOST_TEST(b.script.live() == 0u);
    BOOST_TEST(b.clock.parked() == 0u);
}

// In a pool that blocks, an asynchronous request blocked its thread: redis-plus-plus (read in its source, R10).
POND_TEST_CASE(a_callback_that_has_to_wait_keeps_nobody) {
    Bench b{config};
    b.setting.options.keeper_thread = false;
    Pond& pool = b.start(1);
    Gate gate;
    b.script.on(Hook::open, {block(gate), succeed()});
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 1h);  // this thread is the only one there is: it would hang here
    BOOST_TEST(caller.served() == 0);
    BOOST_TEST(pool.stats().waiting == 1u);
    BOOST_TEST(pool.withdraw(caller.ticket()));
    BOOST_TEST(gate.entered() == 0u);
    gate.open();
}

// A short burst that what exists could have served made the pool open one for each request: golang/go#57248.
POND_TEST_CASE_IF(a_spike_that_few_can_serve_does_not_open_one_for_each, c.background) {
    constexpr std::uint32_t size = 20;
    Bench b{config};
    b.setting.options.opens_at_once = 2;
    Pond& pool = b.start(size);
    auto held = b.take(3);
    Gate gate;
    const auto before = b.script.count(Hook::open);
    b.script.on(Hook::open, {block(gate)});  // openings take as long as the spike
    std::vector<std::unique_ptr<Borrower>> spike;
    for (std::uint32_t i = 0; i < 15; ++i) {
        spike.push_back(std::make_unique<Borrower>(pool, 1h));
        b.wait_waiting(i + 1);
        b.clock.advance(2ms);
    }
    for (AnyLease& lease : held) lease.end();
    for (auto& s : spike) {
        BOOST_TEST(s->ends());
        s->lease().end();
    }
    BOOST_TEST(b.script.count(Hook::open) - before <= 2u);
    gate.open();
}

BOOST_AUTO_TEST_SUITE_END()
