// SPDX-License-Identifier: BSL-1.0
// The keeper among its pool's users: between its look at a slot and its hand on it anything may happen. Here it does
// happen, inside the policy that is asked in between.
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include <dewpond/pool.hpp>
#include <dewpond/testing/manual_clock.hpp>
#include <dewpond/testing/scripted_driver.hpp>

#include "kit/bench.hpp"

using namespace behaviour;
using dewpond::testing::ManualClock;
using dewpond::testing::ScriptedDriver;

namespace {

/// Does what the test wants whenever a slot is judged, once each time it is told to.
struct Meddling {
    using answers = dewpond::question::lifetime;
    struct per_slot {};
    std::shared_ptr<std::function<CloseReason()>> next = std::make_shared<std::function<CloseReason()>>();

    void opened(per_slot&, std::uint32_t) const noexcept {}
    CloseReason expired(const per_slot&, dewpond::Ages) const noexcept {
        const auto now = std::exchange(*next, nullptr);
        return now ? now() : CloseReason::count_;
    }
    Duration resolution() const noexcept { return 10s; }
};

/// One resource, at rest and sampled as such; `judge` runs in the middle of the keeper's next round.
struct Keeping {
    using Pool = dewpond::Pool<ScriptedDriver, ManualClock, Meddling>;
    Script script;
    ManualClock clock;
    Meddling policy;
    std::unique_ptr<Pool> pool;

    Keeping() {
        dewpond::Options o;
        o.max_size = 1;
        o.min_idle = 0;
        o.keeper_thread = false;
        pool = std::make_unique<Pool>(ScriptedDriver{script}, o, clock, policy);
        (void)pool->checkout();
        round();
    }
    ~Keeping() {
        pool.reset();
        BOOST_TEST(script.live() == 0u);
        for (const std::string& v : script.violations()) BOOST_ERROR(v);
    }
    void round(std::function<CloseReason()> judge = {}) {
        clock.advance(1s);
        *policy.next = std::move(judge);
        pool->maintain();
        BOOST_TEST(!*policy.next);
        const auto s = pool->stats();
        BOOST_TEST(s.idle + s.in_use == s.size);
        BOOST_TEST(s.size == script.live());
    }
    std::uint32_t id() {
        const auto lease = pool->checkout();
        return lease->id();
    }
    /// Another resource in the same slot, and a later moment.
    void replace() {
        pool->checkout().discard();
        clock.advance(1ms);
        (void)pool->checkout();
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(keeping, *boost::unit_test::timeout(20))

BOOST_AUTO_TEST_CASE(what_took_the_place_of_one_that_is_too_old_stays) {
    for (const CloseReason why : {CloseReason::max_lifetime, CloseReason::max_idle}) {
        Keeping k;
        k.round([&] { return k.replace(), why; });
        BOOST_TEST(k.pool->stats().closed_because(why) == 0u);
        BOOST_TEST(k.pool->stats().idle == 1u);
        BOOST_TEST(k.id() == 2u);
        k.round();
        BOOST_TEST(k.id() == 2u);
    }
}

BOOST_AUTO_TEST_CASE(what_took_the_place_of_one_that_is_too_old_and_is_out_comes_back) {
    Keeping k;
    Keeping::Pool::Lease lease;
    k.round([&] {
        k.replace();
        lease = k.pool->checkout();
        return CloseReason::max_lifetime;
    });
    BOOST_CHECK(lease.give_back() == ReturnReport::clean);
    BOOST_TEST(k.id() == 2u);
}

BOOST_AUTO_TEST_CASE(what_was_taken_out_for_good_while_it_was_judged_leaves_no_mark_behind) {
    Keeping k;
    k.round([&] {
        k.pool->checkout().detach().close_detached();
        return CloseReason::max_lifetime;
    });
    BOOST_TEST(k.pool->stats().size == 0u);
    auto lease = k.pool->checkout();
    BOOST_CHECK(lease.give_back() == ReturnReport::clean);
}

BOOST_AUTO_TEST_CASE(what_was_used_while_its_rest_was_judged_has_not_rested) {
    Keeping k;
    k.round([&] { return static_cast<void>(k.pool->checkout()), CloseReason::max_idle; });
    BOOST_TEST(k.pool->stats().closed_because(CloseReason::max_idle) == 0u);
    BOOST_TEST(k.id() == 1u);
    // But no use makes it younger.
    k.round([&] { return static_cast<void>(k.pool->checkout()), CloseReason::max_lifetime; });
    BOOST_TEST(k.pool->stats().closed_because(CloseReason::max_lifetime) == 1u);
    BOOST_TEST(k.pool->stats().size == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_lent_while_its_rest_is_judged_comes_back_and_what_is_too_old_does_not) {
    Keeping k;
    Keeping::Pool::Lease lease;
    k.round([&] { return lease = k.pool->checkout(), CloseReason::max_idle; });
    BOOST_CHECK(lease.give_back() == ReturnReport::clean);
    k.round([&] { return lease = k.pool->checkout(), CloseReason::max_lifetime; });
    BOOST_CHECK(lease.give_back() == ReturnReport::closed);
    BOOST_TEST(k.pool->stats().closed_because(CloseReason::max_lifetime) == 1u);
}

BOOST_AUTO_TEST_CASE(an_answer_without_a_name_is_described_as_ones_own) {
    const Keeping k;
    BOOST_TEST(holds(k.pool->describe(), "\n  lifetime: a policy of your own (chosen)\n"), k.pool->describe());
}

BOOST_AUTO_TEST_CASE(a_round_looks_again_after_50_ms_and_not_before) {
    Keeping k;
    const auto lease = k.pool->checkout();
    k.round();  // out, as of now
    for (const auto& [step, age] : {std::pair{49ms, 0ms}, std::pair{1ms, 50ms}, std::pair{49ms, 50ms}, std::pair{2ms, 101ms}}) {
        k.clock.advance(step);
        (void)k.pool->inspect();
        BOOST_CHECK(k.pool->stats().oldest_lease == Duration{age});
    }
}

BOOST_AUTO_TEST_SUITE_END()
