// SPDX-License-Identifier: BSL-1.0
// Lifetime and the keeper: what has rested or lived long enough goes, spaced, and never below what is to be kept.
#include <algorithm>
#include <set>
#include <thread>

#include "kit/bench.hpp"

using namespace behaviour;

namespace {

struct Kept : Bench {
    explicit Kept(std::size_t n, dewpond::Lifetime life, std::size_t min_idle = 0) : Bench{"keeper"} {
        setting.lifetime = life;
        setting.options.min_idle = min_idle;
        setting.options.keeper_thread = false;
        start(n);
    }
    /// Lets the keeper look twice a second for so long.
    void rest(Duration span) {
        const auto end = clock.now() + span.ns();
        while (clock.now() < end) {
            clock.advance(500ms);
            pool().maintain();
        }
    }
};

const dewpond::Lifetime by_rest{.max_idle = 100s, .max_lifetime = dewpond::never};
const dewpond::Lifetime by_age{.max_idle = dewpond::never, .max_lifetime = 100s, .jitter = 0};

}  // namespace

BOOST_AUTO_TEST_SUITE(lifetime, *boost::unit_test::timeout(60))

BOOST_AUTO_TEST_CASE(what_rested_for_max_idle_is_closed, *boost::unit_test::timeout(20)) {
    Kept b{1, by_rest};
    b.fill(1);
    b.rest(99s);
    BOOST_TEST(b.script.live() == 1u);
    b.rest(4s);
    BOOST_TEST(b.script.live() == 0u);
    BOOST_TEST(b.pool().stats().closed_because(CloseReason::max_idle) == 1u);
    BOOST_TEST(b.pool().stats().size == 0u);
    BOOST_TEST(b.pool().checkout(1s).id() == 2u);
}

BOOST_AUTO_TEST_CASE(a_use_begins_the_rest_anew, *boost::unit_test::timeout(20)) {
    Kept b{1, by_rest};
    b.fill(1);
    for (int i = 0; i < 5; ++i) {
        b.rest(90s);
        BOOST_TEST(b.pool().checkout().id() == 1u);
    }
    BOOST_TEST(b.script.live() == 1u);
}

BOOST_AUTO_TEST_CASE(a_long_lease_is_not_a_rest, *boost::unit_test::timeout(20)) {  // M12
    Kept b{1, by_rest};
    AnyLease lease = b.pool().checkout();
    b.rest(500s);
    lease.end();
    b.rest(90s);
    BOOST_TEST(b.script.live() == 1u);
}

BOOST_AUTO_TEST_CASE(the_tail_that_nobody_needs_goes_and_what_is_used_stays, *boost::unit_test::timeout(20)) {  // R11: last in, first out
    Kept b{5, by_rest};
    b.fill(5);
    for (int i = 0; i < 300; ++i) {
        b.rest(1s);
        BOOST_TEST(b.pool().checkout().id() == 1u);
    }
    BOOST_TEST(b.script.live() == 1u);
}

BOOST_AUTO_TEST_CASE(what_comes_back_while_the_keeper_looks_does_not_make_it_shrink_below_min_idle, *boost::unit_test::timeout(20)) {
    constexpr std::size_t n = 30;  // four retirements a tick
    Kept b{n, {.max_idle = 300s, .max_lifetime = 1000s, .jitter = 0}, 1};
    auto held = b.take(n);
    b.clock.advance(700s);
    for (const std::size_t i : {std::size_t{0}, n - 1}) held[i].discard();
    for (const std::size_t i : {std::size_t{0}, n - 1}) {
        held[i] = b.pool().checkout(1s);
        BOOST_TEST(held[i].id() > n);
    }
    const auto last = held[n - 1].id();
    held[0].end();
    held[n - 1].end();
    b.pool().maintain();  // two rest from now on
    BOOST_TEST(b.pool().stats().idle == 2u);
    b.script.on(Hook::close, {succeed().doing([&] { held[1].end(), held[2].end(); }), succeed()});
    b.clock.advance(302s);
    b.pool().maintain();  // the first has rested long enough; while it is closed two come back that are too old
    BOOST_TEST(b.pool().stats().closed_because(CloseReason::max_idle) == 1u);
    BOOST_TEST(b.pool().stats().closed_because(CloseReason::max_lifetime) == 2u);
    BOOST_TEST(b.pool().stats().idle == 1u);
    BOOST_TEST(b.pool().checkout(1s).id() == last);
}

BOOST_AUTO_TEST_CASE(shrinking_stops_at_min_idle, *boost::unit_test::timeout(20)) {
    Kept b{6, by_rest, 2};
    b.take(6);
    b.rest(400s);
    BOOST_TEST(b.pool().stats().idle == 2u);
    BOOST_TEST(b.pool().stats().closed_because(CloseReason::max_idle) == 4u);
    BOOST_TEST(b.script.count(Hook::open) == 6u);
}

BOOST_AUTO_TEST_CASE(what_lived_for_max_lifetime_is_closed, *boost::unit_test::timeout(20)) {
    Kept b{1, by_age};
    b.fill(1);
    b.rest(99s);
    BOOST_TEST(b.script.live() == 1u);
    b.rest(3s);
    BOOST_TEST(b.script.live() == 0u);
    BOOST_TEST(b.pool().stats().closed_because(CloseReason::max_lifetime) == 1u);
}

BOOST_AUTO_TEST_CASE(use_prolongs_no_life, *boost::unit_test::timeout(20)) {
    Kept b{1, by_age};
    b.fill(1);
    for (int i = 0; i < 110; ++i) {
        b.rest(1s);
        (void)b.pool().checkout(1s);
    }
    BOOST_TEST(b.script.count(Hook::open) == 2u);
}

BOOST_AUTO_TEST_CASE(a_leased_one_is_closed_at_its_return_and_not_before, *boost::unit_test::timeout(20)) {
    Kept b{1, by_age};
    const AnyLease lease = b.pool().checkout();
    b.rest(200s);
    BOOST_TEST(b.script.live() == 1u);
    BOOST_CHECK(lease.give_back() == ReturnReport::closed);
    BOOST_TEST(b.script.live() == 0u);
    BOOST_TEST(b.pool().stats().closed_because(CloseReason::max_lifetime) == 1u);
    // The mark does not stick to the slot.
    const AnyLease next = b.pool().checkout(1s);
    BOOST_TEST(next.id() == 2u);
    BOOST_CHECK(next.give_back() == ReturnReport::clean);
    BOOST_TEST(b.script.live() == 1u);
}

BOOST_AUTO_TEST_CASE(a_waiter_is_served_by_the_return_of_one_that_is_too_old, *boost::unit_test::timeout(20)) {
    Kept b{1, by_age};
    AnyLease lease = b.pool().checkout();
    b.rest(200s);
    Borrower waiter{b.pool(), 1h};
    b.wait_waiting(1);
    lease.end();
    BOOST_TEST(waiter.id() == 2u);
}

BOOST_AUTO_TEST_CASE(a_retired_one_is_replaced_up_to_min_idle, *boost::unit_test::timeout(20)) {
    Kept b{3, by_age, 2};
    b.pool().maintain();
    BOOST_TEST(b.pool().stats().idle == 2u);
    b.rest(110s);
    BOOST_TEST(b.pool().stats().idle == 2u);
    BOOST_TEST(b.script.count(Hook::open) == 4u);
}

BOOST_AUTO_TEST_CASE(what_rests_too_long_goes_down_to_min_idle_and_no_further, *boost::unit_test::timeout(20)) {
    Kept b{10, by_rest, 9};  // two might go in one round
    b.fill(10);
    b.rest(99s);
    BOOST_TEST(b.script.live() == 10u);
    b.rest(20s);
    BOOST_TEST(b.pool().stats().closed_because(CloseReason::max_idle) == 1u);
    BOOST_TEST(b.script.count(Hook::open) == 10u);
}

BOOST_AUTO_TEST_CASE(what_was_opened_together_does_not_retire_together, *boost::unit_test::timeout(20)) {  // bug 18
    dewpond::Lifetime life = by_age;
    life.max_lifetime = 1000s;
    life.jitter = 10;
    Kept b{40, life};
    std::vector<AnyLease> all = b.take(40);
    all.clear();
    b.rest(899s);
    BOOST_TEST(b.script.live() == 40u);
    std::set<std::size_t> steps;
    std::size_t most = 0, before = 40;
    for (int i = 0; i < 220; ++i) {
        b.rest(500ms);
        const std::size_t live = b.script.live();
        most = std::max(most, before - live);
        before = live;
        steps.insert(live);
    }
    BOOST_TEST(b.script.live() == 0u);
    BOOST_TEST(most <= 5u);           // a tenth and one at a time
    BOOST_TEST(steps.size() >= 15u);  // spread, downwards from the maximum
}

BOOST_AUTO_TEST_CASE(retirements_are_spaced_even_without_jitter, *boost::unit_test::timeout(20)) {
    Kept b{40, by_age};
    std::vector<AnyLease> all = b.take(40);
    all.clear();
    std::size_t before = 40;
    for (int i = 0; i < 260; ++i) {
        b.rest(500ms);
        BOOST_TEST(before - b.script.live() <= 5u);
        before = b.script.live();
    }
    BOOST_TEST(before == 0u);
}

BOOST_AUTO_TEST_CASE(without_a_keepers_thread_nothing_happens_until_maintain, *boost::unit_test::timeout(20)) {
    Kept b{1, by_age};
    b.fill(1);
    b.clock.advance(1h);
    BOOST_TEST(b.script.live() == 1u);
    b.pool().maintain();
    BOOST_TEST(b.script.live() == 0u);
}

BOOST_AUTO_TEST_CASE(the_keepers_thread_does_it_by_itself, *boost::unit_test::timeout(20)) {
    Bench b{"keeper"};
    b.setting.lifetime = by_age;
    b.start(1);
    b.fill(1);
    for (int i = 0; i < 110; ++i) {
        b.quiesce(0);
        b.clock.advance(1s);
    }
    b.script.wait_live(0);
}

BOOST_AUTO_TEST_CASE(maintain_beside_the_keepers_thread_does_no_harm, *boost::unit_test::timeout(20)) {
    Bench b{"keeper"};
    b.setting.lifetime = by_age;
    Pond& pool = b.start(4);
    b.fill(4);
    // The keeper's thread may be stopped in the middle of a round while all this time goes by: then it takes a few rounds more.
    for (int i = 0; i < 300 || b.script.live() != 0; ++i) {
        b.clock.advance(500ms);
        pool.maintain();
        std::this_thread::yield();
    }
    BOOST_TEST(b.script.count(Hook::close) == 4u);
}

BOOST_AUTO_TEST_CASE(bad_lifetimes_are_refused_with_name_value_and_range, *boost::unit_test::timeout(20)) {
    const auto sentence = [](dewpond::Lifetime life) -> std::string {
        try {
            Kept b{1, life};
        } catch (const PoolError& e) {
            BOOST_CHECK(e.code() == Code::bad_option);
            return e.what();
        }
        return "none";
    };
    BOOST_TEST(holds(sentence({.max_idle = 0s}), "max_idle is 0"));
    BOOST_TEST(holds(sentence({.max_lifetime = -1s}), "max_lifetime is -1 s"));
    BOOST_TEST(holds(sentence({.jitter = 91}), "jitter is 91"));
    BOOST_TEST(sentence({.max_idle = dewpond::never, .max_lifetime = dewpond::never, .jitter = 90}) == "none");
}

BOOST_AUTO_TEST_SUITE_END()
