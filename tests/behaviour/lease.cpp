// SPDX-License-Identifier: BSL-1.0
// The lease: how a resource is had, and every way in which it ends.
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "kit/bench.hpp"

using namespace behaviour;

BOOST_AUTO_TEST_SUITE(lease)

POND_TEST_CASE(a_hit_takes_the_lowest_slot) {
    Bench b{config};
    Pond& pool = b.start(3);
    auto leases = b.take(3);
    leases[2].end();
    leases[0].end();
    leases[1].end();
    BOOST_TEST(pool.checkout().id() == 1u);
    AnyLease first = pool.checkout();
    BOOST_TEST(first.id() == 1u);
    BOOST_TEST(pool.checkout().id() == 2u);
    BOOST_TEST(b.script.live() == 3u);
}

POND_TEST_CASE(an_idle_resource_is_taken_before_another_one_is_opened) {
    Bench b{config};
    Pond& pool = b.start(4);
    b.fill(1);
    for (int i = 0; i < 10; ++i) BOOST_TEST(pool.checkout().id() == 1u);
    BOOST_TEST(b.script.count(Hook::open) == 1u);
}

POND_TEST_CASE(a_lease_returns_at_the_end_of_its_scope) {
    Bench b{config};
    Pond& pool = b.start(1);
    {
        const AnyLease lease = pool.checkout();
        BOOST_TEST(pool.stats().in_use == 1u);
        BOOST_TEST(pool.stats().idle == 0u);
    }
    BOOST_TEST(pool.stats().in_use == 0u);
    BOOST_TEST(pool.stats().idle == 1u);
    BOOST_TEST(b.script.count(Hook::close) == 0u);
}

POND_TEST_CASE(a_lease_returns_when_its_holder_throws) {
    Bench b{config};
    Pond& pool = b.start(1);
    const auto handler = [&] {
        const AnyLease lease = pool.checkout();
        throw std::runtime_error{"the handler failed"};
    };
    for (int i = 0; i < 5; ++i) BOOST_CHECK_THROW(handler(), std::runtime_error);
    BOOST_TEST(pool.stats().idle == 1u);
    BOOST_TEST(b.script.count(Hook::open) == 1u);
}

POND_TEST_CASE(a_lease_may_end_on_another_thread) {
    Bench b{config};
    Pond& pool = b.start(1);
    AnyLease lease = pool.checkout();
    std::thread{[mine = std::move(lease)]() mutable { mine.end(); }}.join();
    BOOST_TEST(pool.stats().idle == 1u);
    BOOST_TEST(pool.checkout().id() == 1u);
}

POND_TEST_CASE(give_back_says_that_a_clean_return_is_clean) {
    Bench b{config};
    Pond& pool = b.start(1);
    const AnyLease lease = pool.checkout();
    BOOST_CHECK(lease.give_back() == ReturnReport::clean);
    BOOST_TEST(pool.stats().idle == 1u);
    BOOST_CHECK(lease.give_back() == ReturnReport::clean);  // an empty one has nothing to return
    BOOST_TEST(pool.stats().idle == 1u);
}

POND_TEST_CASE_IF(give_back_says_that_a_dirty_return_was_reset, c.knows_dirty) {
    Bench b{config};
    Pond& pool = b.start(1);
    const AnyLease lease = pool.checkout();
    lease->make_dirty();
    BOOST_CHECK(lease.give_back() == ReturnReport::reset);
    BOOST_TEST(b.script.count(Hook::reset) == 1u);
    BOOST_TEST(!pool.checkout()->is_dirty());
}

POND_TEST_CASE(give_back_to_a_closed_pool_says_closed) {
    Bench b{config};
    Pond& pool = b.start(1);
    const AnyLease lease = pool.checkout();
    BOOST_TEST(pool.close(0ms) == 1u);
    BOOST_CHECK(lease.give_back() == ReturnReport::closed);
    BOOST_TEST(b.script.live() == 0u);
    BOOST_TEST(pool.stats().size == 0u);
}

POND_TEST_CASE(discard_closes_the_resource_and_leaves_the_slot_vacant) {
    Bench b{config};
    Pond& pool = b.start(1);
    const AnyLease lease = pool.checkout();
    lease.discard();
    BOOST_TEST(b.script.count(Hook::close) == 1u);
    if (!config.background) BOOST_TEST(pool.stats().size == 0u);
    BOOST_TEST(pool.checkout().id() == 2u);
    if (config.counts) BOOST_TEST(pool.stats().closed_because(CloseReason::discarded) == 1u);
}

POND_TEST_CASE(discard_under_saturation_costs_exactly_one_new_resource) {  // B3
    Bench b{config};
    Pond& pool = b.start(1);
    pool.checkout().discard();
    for (int i = 0; i < 100; ++i) BOOST_TEST(pool.checkout().id() == 2u);
    BOOST_TEST(b.script.count(Hook::open) == 2u);
}

POND_TEST_CASE(detach_takes_the_resource_out_of_the_pool_and_closes_nothing) {
    Bench b{config};
    Pond& pool = b.start(1);
    const AnyLease lease = pool.checkout();
    const ScriptedResource mine = lease.detach();
    BOOST_TEST(mine.id() == 1u);
    BOOST_TEST(b.script.count(Hook::close) == 0u);
    b.script.allow_at_most(2);
    BOOST_TEST(pool.checkout().id() == 2u);
    BOOST_TEST(pool.stats().size == 1u);
    mine.close_detached();
}

POND_TEST_CASE(a_reported_fault_closes_the_resource_at_its_return) {
    Bench b{config};
    Pond& pool = b.start(1);
    for (const Fault f : {Fault::broken, Fault::unreachable, Fault::wrong_role, Fault::timed_out}) {
        const AnyLease lease = pool.checkout();
        const auto id = lease.id();
        lease.report(f);
        BOOST_TEST(pool.stats().in_use == 1u);
        BOOST_CHECK(lease.give_back() == ReturnReport::closed);
        BOOST_TEST(pool.checkout().id() == id + 1);
    }
    BOOST_TEST(b.script.count(Hook::close) == 4u);
}

POND_TEST_CASE(a_lease_with_a_reported_fault_is_closed_at_the_end_of_its_scope_too) {
    Bench b{config};
    Pond& pool = b.start(1);
    pool.checkout().report(Fault::broken);
    BOOST_TEST(pool.checkout().id() == 2u);
    BOOST_TEST(b.script.count(Hook::close) == 1u);
}

POND_TEST_CASE(a_fault_that_proves_nothing_leaves_the_resource_in_the_pool) {
    Bench b{config};
    Pond& pool = b.start(1);
    for (const Fault f : {Fault::none, Fault::other}) {
        const AnyLease lease = pool.checkout();
        lease.report(f);
        BOOST_CHECK(lease.give_back() != ReturnReport::closed);
    }
    BOOST_TEST(b.script.live() == 1u);
}

POND_TEST_CASE(a_lease_may_outlive_its_pool_and_closes_its_resource) {  // R20
    Bench b{config};
    b.start(5);
    auto leases = b.take(5);
    b.destroy();
    BOOST_TEST(b.script.live() == 5u);
    BOOST_TEST(leases[0].id() == 1u);
    leases[0].end();
    BOOST_TEST(b.script.live() == 4u);
    BOOST_CHECK(leases[1].give_back() == ReturnReport::closed);
    leases[2].discard();
    leases[3].detach().close_detached();
    BOOST_TEST(b.script.live() == 1u);
    std::thread{[last = std::move(leases[4])]() mutable { last.end(); }}.join();
    BOOST_TEST(b.script.live() == 0u);
}

POND_TEST_CASE(the_last_of_several_leases_may_be_detached_after_the_pool_is_gone) {
    Bench b{config};
    b.start(2);
    auto leases = b.take(2);
    b.destroy();
    leases[0].end();
    const ScriptedResource mine = leases[1].detach();
    BOOST_TEST(b.script.live() == 1u);
    mine.close_detached();
}

POND_TEST_CASE(a_pool_never_opens_in_its_constructor) {
    Bench b{config};
    b.setting.options.keeper_thread = false;
    const Pond& pool = b.start(4);
    BOOST_TEST(b.script.count(Hook::open) == 0u);
    BOOST_TEST(pool.stats().size == 0u);
    BOOST_TEST(!pool.stats().ready);
}

BOOST_AUTO_TEST_SUITE_END()
