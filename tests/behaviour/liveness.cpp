// SPDX-License-Identifier: BSL-1.0
// Liveness: what is dead is not handed out, and what is asked, when.
#include <map>

#include <unistd.h>

#include "kit/bench.hpp"

using namespace behaviour;

namespace {

/// Lets the keeper look once a second for so long.
void rest(Bench& b, int seconds) {
    for (int i = 0; i < seconds; ++i) {
        b.clock.advance(1s);
        b.pool().maintain();
    }
}

/// A pool whose keeper sweeps: each resource has a pipe for a handle. Whoever writes into it makes it readable.
struct Swept : Bench {
    explicit Swept(std::size_t n, std::size_t min_idle = 1) : Bench{"hooked"} {
        setting.options.keeper_thread = false;
        setting.options.min_idle = min_idle;
        setting.on_open = [this](ScriptedResource& r, Deadline) {
            Pipe& p = pipes[r.id()];
            BOOST_TEST_REQUIRE(::pipe(p.end) == 0);
            script.set_poll_handle(r.id(), p.end[0]);
            return true;
        };
        start(n);
        fill(n);
    }
    void poke(std::uint32_t id) { BOOST_TEST(::write(pipes.at(id).end[1], "!", 1) == 1); }

    struct Pipe {
        int end[2] = {-1, -1};
        Pipe() = default;
        Pipe(const Pipe&) = delete;
        ~Pipe() { ::close(end[0]), ::close(end[1]); }
    };
    std::map<std::uint32_t, Pipe> pipes;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(liveness)

BOOST_AUTO_TEST_CASE(what_died_at_rest_is_closed_and_replaced_before_anybody_asks, *boost::unit_test::timeout(20)) {
    Swept b{3, 3};
    b.script.break_it(2);
    rest(b, 1);
    BOOST_TEST(b.script.count(Hook::close) == 0u);  // its handle is silent: it is found when it is asked for
    b.poke(2);
    rest(b, 1);
    BOOST_TEST(b.script.count(Hook::close) == 1u);
    BOOST_TEST(b.script.count(Hook::status_ok) == 1u);  // only what had something to say was looked at
    BOOST_TEST(b.pool().stats().closed_because(CloseReason::check_failed) == 1u);
    BOOST_TEST(b.told(EventKind::closed).size() == 1u);
    BOOST_TEST(b.script.count(Hook::open) == 4u);
    BOOST_TEST(b.pool().stats().idle == 3u);
}

BOOST_AUTO_TEST_CASE(what_has_something_to_say_and_is_well_stays, *boost::unit_test::timeout(20)) {
    Swept b{2};
    b.poke(1);
    b.poke(2);
    rest(b, 3);
    BOOST_TEST(b.script.count(Hook::probe) == 6u);
    BOOST_TEST(b.script.count(Hook::close) == 0u);
    BOOST_TEST(b.pool().stats().idle == 2u);
}

BOOST_AUTO_TEST_CASE(what_is_out_is_its_borrowers_affair, *boost::unit_test::timeout(20)) {
    Swept b{2};
    AnyLease lease = b.pool().checkout();
    const unsigned before = static_cast<unsigned>(b.script.count(Hook::probe));
    b.script.break_it(lease.id());
    b.poke(lease.id());
    rest(b, 2);
    BOOST_TEST(b.script.count(Hook::probe) == before);
    BOOST_TEST(b.script.count(Hook::close) == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_lent_while_another_is_looked_at_is_left_alone, *boost::unit_test::timeout(20)) {
    Swept b{2};
    b.poke(1);
    b.poke(2);
    AnyLease lease;
    b.script.on(Hook::probe, {succeed().doing([&] { lease = b.pool().checkout(); }), succeed()});
    rest(b, 1);
    BOOST_TEST_REQUIRE(lease.operator bool());
    BOOST_TEST(b.script.count(Hook::probe) == 2u);  // of the one at rest, and before the other was lent
    BOOST_TEST(b.pool().stats().in_use == 1u);
    BOOST_TEST(b.pool().stats().idle == 1u);
    lease.end();
    BOOST_TEST(b.pool().stats().idle == 2u);
}

BOOST_AUTO_TEST_CASE(a_handle_that_changed_is_asked_for_again, *boost::unit_test::timeout(20)) {
    Swept b{1};
    Swept::Pipe other;
    BOOST_TEST_REQUIRE(::pipe(other.end) == 0);
    b.script.set_poll_handle(1, other.end[0]);  // as a borrower who connected anew
    b.poke(1);
    rest(b, 1);
    BOOST_TEST(b.script.count(Hook::probe) == 1u);
    rest(b, 1);
    BOOST_TEST(b.script.count(Hook::probe) == 1u);  // the old one is not looked at any more
    BOOST_TEST(::write(other.end[1], "!", 1) == 1);
    rest(b, 1);
    BOOST_TEST(b.script.count(Hook::probe) == 2u);
}

BOOST_AUTO_TEST_CASE(no_handle_is_no_alarm, *boost::unit_test::timeout(20)) {
    Bench b{"hooked"};
    b.setting.options.keeper_thread = false;
    b.setting.options.min_idle = 2;
    b.start(2);
    b.fill(2);
    rest(b, 3);
    BOOST_TEST(b.script.count(Hook::probe) == 0u);
    BOOST_TEST(b.pool().stats().idle == 2u);
}

POND_TEST_CASE_IF(a_dead_resource_is_closed_and_the_search_goes_on, c.checks) {
    Bench b{config};
    Pond& pool = b.start(2);
    b.fill(2);
    const std::uint32_t first = pool.checkout().id();  // and so it would be the next time
    b.script.break_it(first);
    BOOST_TEST(pool.checkout().id() == 3 - first);
    BOOST_TEST(b.script.count(Hook::close) == 1u);
    if (config.counts) BOOST_TEST(pool.stats().closed_because(CloseReason::check_failed) == 1u);
}

POND_TEST_CASE_IF(resources_that_are_dead_in_a_row_are_all_passed_over, c.checks) {
    Bench b{config};
    Pond& pool = b.start(5);
    b.fill(5);
    b.script.break_all();
    BOOST_TEST(pool.checkout(1s).id() == 6u);
    BOOST_TEST(b.script.count(Hook::close) == 5u);
    BOOST_TEST(pool.stats().size == 1u);
}

POND_TEST_CASE_IF(try_checkout_passes_over_the_dead_and_opens_nothing, c.checks && !c.pings) {
    Bench b{config};
    Pond& pool = b.start(3);
    b.fill(3);
    b.script.break_it(1);
    b.script.break_it(2);
    auto lease = pool.try_checkout();
    BOOST_TEST_REQUIRE(lease.has_value());
    BOOST_TEST(lease->id() == 3u);
    lease->end();
    b.script.break_it(3);
    BOOST_CHECK(pool.try_checkout().error().code() == Code::none_idle);
    BOOST_TEST(b.script.count(Hook::open) == 3u);
    BOOST_TEST(b.script.live() == 0u);
}

POND_TEST_CASE_IF(without_a_check_what_is_there_is_handed_out_unseen, !c.checks) {
    Bench b{config};
    Pond& pool = b.start(1);
    b.fill(1);
    b.script.break_it(1);
    BOOST_TEST(pool.checkout()->is_broken());
    BOOST_TEST(b.script.count(Hook::status_ok) + b.script.count(Hook::probe) + b.script.count(Hook::ping) == 0u);
}

POND_TEST_CASE_IF(a_waiter_that_is_given_something_dead_goes_on_with_its_place_and_deadline, c.checks && !c.background) {
    Bench b{config};
    b.setting.options.outage_grace = 1h;
    Pond& pool = b.start(2);
    auto held = b.take(2);
    Borrower first{pool, 10s};
    b.wait_waiting(1);
    b.clock.advance(1s);
    Borrower second{pool, 1h};
    b.wait_waiting(2);
    b.script.on(Hook::open, {fail()});
    b.quiesce(2);
    held[0]->break_it();
    held[0].end();  // the first takes it, closes it, fails to open another, and is the first again
    b.script.wait_finished(Hook::open, 3);
    b.quiesce(2);
    BOOST_TEST(pool.stats().waiting == 2u);
    held[1].end();
    BOOST_TEST(first.ends());
    BOOST_TEST(first.id() == 2u);
    BOOST_TEST(!second.over());
    first.lease().end();
    BOOST_TEST(second.id() == 2u);
}

POND_TEST_CASE_IF(the_deadline_is_not_prolonged_by_something_dead, c.checks && !c.background) {
    Bench b{config};
    b.setting.options.outage_grace = 1h;
    Pond& pool = b.start(1);
    auto held = b.take(1);
    Borrower waiter{pool, 10s};
    b.wait_waiting(1);
    b.script.on(Hook::open, {fail()});
    b.quiesce(1);
    b.clock.advance(9s);
    b.quiesce(1);
    held[0]->break_it();
    held[0].end();
    b.script.wait_finished(Hook::open, 2);
    b.quiesce(1);
    b.clock.advance(1s);
    BOOST_CHECK(waiter.code() == Code::open_failed);
    BOOST_CHECK(b.clock.elapsed() == Duration{10s});
}

POND_TEST_CASE(a_resource_that_was_just_opened_is_not_checked) {
    Bench b{config};
    Pond& pool = b.start(1);
    (void)pool.checkout();
    if (!config.background) BOOST_TEST(b.script.count(Hook::status_ok) + b.script.count(Hook::probe) + b.script.count(Hook::ping) == 0u);
}

BOOST_AUTO_TEST_CASE(always_means_at_every_checkout, *boost::unit_test::timeout(20)) {
    struct Row {
        const char* config;
        Hook hook;
    };
    for (const Row row : {Row{"full", Hook::probe}, Row{"strict", Hook::status_ok}, Row{"pinging", Hook::ping}}) {
        BOOST_TEST_CONTEXT(row.config) {
            Bench b{row.config};
            Pond& pool = b.start(1);
            b.fill(1);
            for (int i = 0; i < 10; ++i) (void)pool.checkout();
            BOOST_TEST(b.script.count(row.hook) == 10u);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_ping_is_sent_only_to_what_has_rested_and_then_once, *boost::unit_test::timeout(20)) {
    Bench b{"keeper"};
    b.setting.rested = 30s;
    b.setting.options.keeper_thread = false;
    Pond& pool = b.start(1);
    b.fill(1);
    rest(b, 29);
    (void)pool.checkout();
    BOOST_TEST(b.script.count(Hook::ping) == 0u);
    rest(b, 29);
    (void)pool.checkout();
    BOOST_TEST(b.script.count(Hook::ping) == 0u);  // it was used in between
    rest(b, 31);  // since the first look at it: 30 s, to the moment
    (void)pool.checkout();
    BOOST_TEST(b.script.count(Hook::ping) == 1u);
    (void)pool.checkout();
    BOOST_TEST(b.script.count(Hook::ping) == 1u);  // the mark is gone
    rest(b, 32);
    (void)pool.checkout();
    BOOST_TEST(b.script.count(Hook::ping) == 2u);
}

BOOST_AUTO_TEST_CASE(a_long_lease_is_no_rest, *boost::unit_test::timeout(20)) {
    Bench b{"keeper"};
    b.setting.options.keeper_thread = false;
    Pond& pool = b.start(1);
    AnyLease lease = pool.checkout();
    rest(b, 60);
    lease.end();
    (void)pool.checkout();
    BOOST_TEST(b.script.count(Hook::ping) == 0u);
    rest(b, 5);
    (void)pool.checkout();
    BOOST_TEST(b.script.count(Hook::ping) == 0u);
}

BOOST_AUTO_TEST_CASE(a_rested_resource_that_does_not_answer_is_closed, *boost::unit_test::timeout(20)) {
    Bench b{"keeper"};
    b.setting.options.keeper_thread = false;
    Pond& pool = b.start(2);
    b.fill(2);
    rest(b, 40);
    b.script.on(Hook::ping, {fail(), succeed()});
    BOOST_TEST(pool.checkout(1s).id() == 2u);
    BOOST_TEST(b.script.live() == 1u);
    BOOST_TEST(b.script.count(Hook::ping) == 2u);
    // What is opened into the slot has rested no more than any new one.
    auto two = b.take(2);
    two.clear();
    BOOST_TEST(b.take(2).size() == 2u);
    BOOST_TEST(b.script.count(Hook::ping) == 2u);
}

BOOST_AUTO_TEST_CASE(try_checkout_does_not_ping_what_has_rested, *boost::unit_test::timeout(20)) {
    for (const char* name : {"keeper", "pinging"}) {
        Bench b{name};
        b.setting.options.keeper_thread = false;
        Pond& pool = b.start(1);
        b.fill(1);
        rest(b, 40);
        BOOST_TEST(pool.try_checkout().has_value());
        BOOST_TEST(b.script.count(Hook::ping) == 0u);
    }
}

BOOST_AUTO_TEST_CASE(a_ping_that_leaves_something_dirty_is_cleaned_up_after, *boost::unit_test::timeout(20)) {  // the founding incident
    Bench b{"keeper"};
    b.setting.options.keeper_thread = false;
    Pond& pool = b.start(1);
    b.fill(1);
    rest(b, 40);
    b.script.on(Hook::ping, {succeed().doing([&] { b.script.make_dirty(1); })});
    const AnyLease lease = pool.checkout(1s);
    BOOST_TEST(lease.id() == 1u);
    BOOST_TEST(!lease->is_dirty());
    BOOST_TEST(b.script.count(Hook::reset) == 1u);
    BOOST_TEST_REQUIRE(b.told(EventKind::hook_left_dirty).size() == 1u);
    BOOST_TEST(holds(b.told(EventKind::hook_left_dirty)[0].text, "liveness"));
}

BOOST_AUTO_TEST_CASE(a_ping_whose_dirt_cannot_be_reset_costs_the_resource, *boost::unit_test::timeout(20)) {
    Bench b{"keeper"};
    b.setting.options.keeper_thread = false;
    Pond& pool = b.start(1);
    b.fill(1);
    rest(b, 40);
    b.script.on(Hook::ping, {succeed().doing([&] { b.script.make_dirty(1); })});
    b.script.on(Hook::reset, {fail()});
    BOOST_TEST(pool.checkout(1s).id() == 2u);
    BOOST_TEST(pool.stats().closed_because(CloseReason::hook_left_dirty) == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
