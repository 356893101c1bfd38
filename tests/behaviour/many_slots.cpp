// SPDX-License-Identifier: BSL-1.0
// Pools of more slots than fit into one word of the idle set behave as small ones do.
#include <algorithm>
#include <set>

#include "kit/bench.hpp"

using namespace behaviour;

namespace {
constexpr std::size_t many = 130;
}

BOOST_AUTO_TEST_SUITE(many_slots)

POND_TEST_CASE(all_of_them_can_be_had_at_once_and_no_more) {
    Bench b{config};
    Pond& pool = b.start(many);
    auto held = b.take(many);
    std::set<std::uint32_t> ids;
    for (const AnyLease& l : held) ids.insert(l.id());
    BOOST_TEST(ids.size() == many);
    BOOST_TEST(b.script.live() == many);
    BOOST_TEST(pool.stats().in_use == many);
    BOOST_CHECK(pool.try_checkout().error().code() == Code::none_idle);
    held.clear();
    BOOST_TEST(pool.stats().idle == many);
    BOOST_TEST(b.take(many).size() == many);
    BOOST_TEST(b.script.count(Hook::open) == many);
}

POND_TEST_CASE(a_single_idle_one_is_found_wherever_it_is) {
    Bench b{config};
    Pond& pool = b.start(many);
    auto held = b.take(many);
    for (const std::size_t i : {129u, 0u, 61u, 62u, 63u, 123u, 124u, 125u, 1u, 129u}) {
        const auto id = held[i].id();
        held[i].end();
        auto lease = pool.try_checkout();
        BOOST_TEST_REQUIRE(lease.has_value());
        BOOST_TEST(lease->id() == id);
        held[i] = std::move(*lease);
    }
}

POND_TEST_CASE(a_waiter_is_served_by_whichever_returns) {
    Bench b{config};
    Pond& pool = b.start(many);
    auto held = b.take(many);
    for (const std::size_t i : {0u, 61u, 62u, 129u}) {
        const auto id = held[i].id();
        Borrower waiter{pool, 1h};
        b.wait_waiting(1);
        held[i].end();
        BOOST_TEST(waiter.id() == id);
        held[i] = std::move(waiter.lease());
    }
}

POND_TEST_CASE(n_waiters_and_n_returns_back_to_back_are_all_served_in_a_wide_pool) {  // B6
    constexpr std::uint32_t n = 12;
    Bench b{config};
    Pond& pool = b.start(many);
    auto held = b.take(many);
    std::vector<std::unique_ptr<Borrower>> waiters;
    for (std::uint32_t i = 0; i < n; ++i) waiters.push_back(std::make_unique<Borrower>(pool, 1h));
    b.quiesce(n);
    const Gate gate = b.clock.stall();
    for (std::uint32_t i = 0; i < n; ++i) held[i * 11].end();
    gate.wait_entered(1);
    b.clock.unstall();
    for (auto& w : waiters) BOOST_TEST(w->id() != 0u);
    BOOST_TEST(b.script.count(Hook::open) == many);
}

POND_TEST_CASE(closing_closes_them_all) {
    Bench b{config};
    Pond& pool = b.start(many);
    auto held = b.take(many);
    std::vector<AnyLease> kept;
    for (const std::size_t i : {3u, 62u, 129u}) kept.push_back(std::move(held[i]));
    held.clear();
    BOOST_TEST(pool.close(0ms) == 3u);
    BOOST_TEST(b.script.live() == 3u);
    kept.clear();
    BOOST_TEST(b.script.live() == 0u);
}

POND_TEST_CASE(inspect_shows_them_all) {
    Bench b{config};
    Pond& pool = b.start(many);
    auto held = b.take(many);
    held[129].end();
    const std::string all = pool.inspect();
    const std::string text = all.substr(0, all.find("events:\n"));
    BOOST_TEST(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) == many);
    BOOST_TEST(holds(text, "slot 129: "));
}

BOOST_AUTO_TEST_CASE(all_that_rested_are_retired, *boost::unit_test::timeout(20)) {
    Bench b{"keeper"};
    b.setting.options.keeper_thread = false;
    b.setting.lifetime = {.max_idle = 10s, .max_lifetime = dewpond::never};
    Pond& pool = b.start(many);
    b.take(many);
    for (int i = 0; i < 100; ++i) {
        b.clock.advance(1s);
        pool.maintain();
    }
    BOOST_TEST(b.script.live() == 0u);
    BOOST_TEST(b.script.count(Hook::close) == many);
}

BOOST_AUTO_TEST_SUITE_END()
