// SPDX-License-Identifier: BSL-1.0
// The verbs that change the whole: another size, a new incarnation, worn out by use, a keeper that was stopped.
#include <string>
#include <vector>

#include <dewpond/pool.hpp>
#include <dewpond/testing/manual_clock.hpp>
#include <dewpond/testing/scripted_driver.hpp>

#include "kit/bench.hpp"

using namespace behaviour;
using dewpond::testing::ManualClock;
using dewpond::testing::ScriptedDriver;
using dewpond::Lifetime;

namespace {

using Kept = dewpond::Pool<ScriptedDriver, ManualClock, Lifetime>;

/// A pool whose time stands still, with or without threads of its own.
struct Verbs {
    Script script;
    ManualClock clock;
    std::vector<dewpond::EventKind> told;
    Duration last_age{};
    std::unique_ptr<Kept> pool;

    explicit Verbs(dewpond::Options o, Lifetime life = {}) {
        if (!o.min_idle) o.min_idle = 0;
        o.on_event = [this](const dewpond::Event& e) noexcept {
            told.push_back(e.kind);
            last_age = e.age;
        };
        pool = std::make_unique<Kept>(ScriptedDriver{script}, std::move(o), clock, life);
    }
    ~Verbs() {
        pool.reset();
        BOOST_TEST(script.live() == 0u);
        for (const std::string& v : script.violations()) BOOST_ERROR(v);
    }
    std::vector<Kept::Lease> take(std::size_t n) {
        std::vector<Kept::Lease> leases;
        for (std::size_t i = 0; i < n; ++i) leases.push_back(pool->checkout());
        return leases;
    }
    /// Twice a second, for so long.
    void keep_house(Duration span) {
        const auto end = clock.now() + span.ns();
        while (clock.now() < end) {
            clock.advance(500ms);
            pool->maintain();
        }
    }
};

dewpond::Options of(std::size_t n, bool threads = false) {
    dewpond::Options o;
    o.max_size = n;
    o.keeper_thread = threads;
    return o;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(verbs, *boost::unit_test::timeout(20))

// ---- resize ----

BOOST_AUTO_TEST_CASE(downwards_what_is_idle_and_too_much_is_closed_at_once) {  // jackc/puddle#33
    Verbs v{of(5)};
    v.take(5);
    v.pool->resize(2);
    const auto s = v.pool->stats();
    BOOST_TEST(s.max_size == 2u);
    BOOST_TEST(s.size == 2u);
    BOOST_TEST(s.closed_because(CloseReason::excess) == 3u);
    BOOST_TEST(v.script.live() == 2u);
}

BOOST_AUTO_TEST_CASE(downwards_below_the_leases_each_surplus_goes_when_it_comes_back) {
    Verbs v{of(3)};
    auto leases = v.take(3);
    v.pool->resize(1);
    BOOST_TEST(v.pool->stats().size == 3u);
    BOOST_CHECK(v.pool->try_checkout().error().code() == Code::none_idle);
    leases.pop_back();
    BOOST_CHECK(leases.back().give_back() == ReturnReport::closed);
    leases.pop_back();
    BOOST_TEST(v.pool->stats().size == 1u);
    BOOST_TEST(v.pool->stats().retiring == 0u);
    BOOST_TEST(v.pool->stats().closed_because(CloseReason::excess) == 2u);
    leases.pop_back();
    BOOST_TEST(v.pool->stats().idle == 1u);
    BOOST_TEST(v.script.live() == 1u);
}

BOOST_AUTO_TEST_CASE(nothing_is_opened_while_too_many_exist) {
    Verbs v{of(2)};
    auto leases = v.take(2);
    v.pool->resize(1);
    leases.pop_back();
    BOOST_CHECK(v.pool->try_checkout(Limit{v.clock.now()}).error().code() == Code::timed_out);
    BOOST_TEST(v.script.count(Hook::open) == 2u);
}

BOOST_AUTO_TEST_CASE(what_is_too_much_by_the_time_it_is_open_is_closed_again) {
    auto o = of(2);
    o.min_idle = 1;
    Verbs v{o};
    const auto held = v.take(1);
    v.script.on(Hook::open, {dewpond::testing::succeed().doing([&] { v.pool->resize(1); })});
    v.pool->maintain();
    const auto s = v.pool->stats();
    BOOST_TEST(s.size == 1u);
    BOOST_TEST(s.in_use == 1u);
    BOOST_TEST(s.retiring == 0u);
    BOOST_TEST(s.closed_because(CloseReason::excess) == 1u);
}

BOOST_AUTO_TEST_CASE(upwards_who_waits_is_served_by_a_new_one) {
    Verbs v{of(1)};
    auto held = v.take(1);
    Task waiter{[&] { (void)v.pool->checkout(1h); }};
    BOOST_TEST(eventually([&] { return v.pool->stats().waiting == 1; }));
    v.pool->resize(2);
    BOOST_TEST(waiter.ends());
    BOOST_TEST(v.pool->stats().max_size == 2u);
}

BOOST_AUTO_TEST_CASE(a_size_that_cannot_be_is_refused_with_the_range) {
    Verbs v{of(2)};
    for (const std::size_t n : {std::size_t{0}, std::size_t{63}}) {
        try {
            v.pool->resize(n);
            BOOST_ERROR("not refused");
        } catch (const PoolError& e) {
            BOOST_CHECK(e.code() == Code::bad_option);
            BOOST_TEST(std::string{e.what()}.find("it must be 1 to 62") != std::string::npos, e.what());
        }
    }
    BOOST_TEST(v.pool->stats().max_size == 2u);
    auto o = of(2);
    o.capacity = 200;
    Verbs wide{o};
    wide.pool->resize(200);
    BOOST_TEST(wide.take(200).size() == 200u);
}

// ---- renew ----

BOOST_AUTO_TEST_CASE(renewed_everything_goes_a_tenth_at_each_tick) {
    Verbs v{of(30)};
    v.take(30);
    v.pool->renew();
    v.pool->maintain();  // 30 / 10 + 1
    BOOST_TEST(v.pool->stats().closed_because(CloseReason::renewed) == 4u);
    v.keep_house(30s);
    BOOST_TEST(v.pool->stats().closed_because(CloseReason::renewed) == 30u);
    BOOST_TEST(v.script.live() == 0u);
    BOOST_CHECK(v.pool->try_checkout(1s).has_value());
    v.keep_house(30s);
    BOOST_TEST(v.script.live() == 1u);  // what came afterwards stays
}

BOOST_AUTO_TEST_CASE(renewed_what_is_out_goes_when_it_comes_back) {
    Verbs v{of(2)};
    auto leases = v.take(2);
    v.pool->renew();
    v.keep_house(5s);
    BOOST_TEST(v.script.live() == 2u);
    leases.clear();
    BOOST_TEST(v.script.live() == 0u);
    BOOST_TEST(v.pool->stats().closed_because(CloseReason::renewed) == 2u);
}

BOOST_AUTO_TEST_CASE(renewed_what_is_out_has_its_share_of_each_tick_once) {
    Verbs v{of(40)};
    auto leases = v.take(40);
    leases.resize(20);
    v.pool->renew();
    v.pool->maintain();  // 40 / 10 + 1 are marked
    BOOST_TEST(v.script.live() == 40u);
    v.keep_house(20s);
    BOOST_TEST(v.script.live() == 20u);  // no mark was paid for twice: the idle had their turn
    BOOST_TEST(v.pool->stats().idle == 0u);
    Verbs w{of(40)};
    leases = w.take(40);
    w.pool->renew();
    w.pool->maintain();
    leases.clear();
    BOOST_TEST(w.pool->stats().closed_because(CloseReason::renewed) == 5u);
}

BOOST_AUTO_TEST_CASE(renewed_threads_of_the_pool_do_it_at_once) {
    Verbs v{of(1, true)};
    v.take(1);
    v.pool->renew();
    BOOST_TEST(eventually([&] { return v.pool->stats().closed_because(CloseReason::renewed) == 1; }));
}

BOOST_AUTO_TEST_CASE(renewed_by_a_report_of_a_wrong_role_is_all_that_was_opened_before_it) {
    Verbs v{of(10)};
    auto leases = v.take(10);
    leases[0].report(Fault::broken);  // this one concerns itself only
    leases.erase(leases.begin());
    v.keep_house(30s);
    BOOST_TEST(v.pool->stats().closed_because(CloseReason::renewed) == 0u);
    leases[0].report(Fault::wrong_role);
    leases[1].report(Fault::wrong_role);
    auto late = std::move(leases[2]);
    leases.clear();  // six rest
    v.keep_house(30s);
    BOOST_TEST(v.pool->stats().closed_because(CloseReason::discarded) == 3u);
    BOOST_TEST(v.pool->stats().closed_because(CloseReason::renewed) == 6u);
    v.take(4);
    late.report(Fault::wrong_role);  // of before as well: no news
    late.discard();
    v.keep_house(30s);
    BOOST_TEST(v.pool->stats().closed_because(CloseReason::renewed) == 6u);
    BOOST_TEST(v.script.live() == 4u);
    v.take(1)[0].report(Fault::wrong_role);  // but this is: it has happened again
    v.keep_house(30s);
    BOOST_TEST(v.pool->stats().closed_because(CloseReason::renewed) == 9u);
    BOOST_TEST(v.script.live() == 0u);
}

BOOST_AUTO_TEST_CASE(renewed_by_a_report_threads_of_the_pool_do_it_at_once) {
    Verbs v{of(2, true)};
    auto leases = v.take(2);
    leases.erase(leases.begin());  // the first slot is the first in the keeper's round
    v.clock.wait_until_parked(1);
    leases[0].report(Fault::wrong_role);
    BOOST_TEST(eventually([&] { return v.pool->stats().closed_because(CloseReason::renewed) == 1; }));
    leases.clear();
    BOOST_TEST(eventually([&] { return v.script.live() == 0; }));
}

BOOST_AUTO_TEST_CASE(renewed_twice_what_is_still_out_of_before_the_first_time_goes_as_well) {
    Verbs v{of(2)};
    auto oldest = v.take(1);
    v.pool->renew();
    v.take(1)[0].report(Fault::wrong_role);
    v.keep_house(5s);
    oldest.clear();
    BOOST_TEST(v.pool->stats().closed_because(CloseReason::renewed) == 1u);
    BOOST_TEST(v.script.live() == 0u);
}

// ---- max_uses ----

BOOST_AUTO_TEST_CASE(lent_as_often_as_max_uses_says_and_not_once_more) {
    Verbs v{of(1), Lifetime{.max_uses = 3}};
    for (int i = 0; i < 7; ++i) {
        auto lease = v.pool->checkout();
        BOOST_TEST(lease->id() == 1u + static_cast<unsigned>(i) / 3u);
    }
    BOOST_TEST(v.pool->stats().closed_because(CloseReason::max_uses) == 2u);
    BOOST_TEST(v.told.empty());  // going of old age is no news
}

BOOST_AUTO_TEST_CASE(worn_out_or_reported_it_is_closed_for_that_reason_however_it_comes_back) {
    for (const bool given : {true, false}) {
        Verbs v{of(1), Lifetime{.max_uses = 2}};
        for (const Fault told : {Fault::none, Fault::none, Fault::broken, Fault::broken}) {
            auto lease = v.pool->checkout();
            if (told != Fault::none) lease.report(told);
            if (!given) continue;
            const ReturnReport said = lease.give_back();
            BOOST_CHECK(said == (v.pool->stats().idle == 1 ? ReturnReport::clean : ReturnReport::closed));
        }
        BOOST_TEST(v.pool->stats().closed_because(CloseReason::max_uses) == 1u);
        BOOST_TEST(v.pool->stats().closed_because(CloseReason::discarded) == 2u);
    }
}

BOOST_AUTO_TEST_CASE(max_uses_of_nothing_is_refused) {
    BOOST_CHECK_EXCEPTION((Verbs{of(1), Lifetime{.max_uses = 0}}), PoolError,
                          [](const PoolError& e) { return std::string{e.what()}.find("max_uses is 0: it must be 1 or more, or never") != std::string::npos; });
}

// ---- stalls ----

BOOST_AUTO_TEST_CASE(stopped_for_a_minute_no_healthy_resource_goes) {
    Verbs v{of(100, true), Lifetime{.max_idle = 30s, .max_lifetime = dewpond::never}};
    auto leases = v.take(100);
    leases.resize(50);
    v.clock.wait_until_parked(1);
    v.clock.advance(60s);
    BOOST_TEST(eventually([&] { return v.pool->stats().stalls == 1; }));
    v.clock.wait_until_parked(1);
    BOOST_TEST(v.pool->stats().size == 100u);
    BOOST_TEST(std::count(v.told.begin(), v.told.end(), EventKind::stalled) == 1);
    leases.clear();
}

BOOST_AUTO_TEST_CASE(two_seconds_late_is_a_stall_and_a_little_less_is_not) {
    for (const bool stalled : {true, false}) {
        Verbs v{of(1, true)};
        v.clock.wait_until_parked(1);
        v.clock.advance(stalled ? 3s : 2999ms);  // the round was due after one
        BOOST_TEST(eventually([&] { return v.pool->stats().stalls == (stalled ? 1u : 0u); }));
        v.clock.wait_until_parked(1);
        BOOST_TEST(v.pool->stats().stalls == (stalled ? 1u : 0u));
        BOOST_TEST(v.told.size() == (stalled ? 1u : 0u));
        BOOST_CHECK(v.last_age == (stalled ? Duration{2s} : Duration{}));
    }
}

BOOST_AUTO_TEST_CASE(after_a_stall_what_is_idle_is_asked_and_the_dead_goes) {
    Verbs v{of(3, true)};
    v.take(3);
    v.script.break_it(2);
    v.clock.wait_until_parked(1);
    v.clock.advance(24h);
    BOOST_TEST(eventually([&] { return v.pool->stats().closed_because(CloseReason::check_failed) == 1; }));
    v.clock.wait_until_parked(1);
    BOOST_TEST(v.pool->stats().size == 2u);
}

BOOST_AUTO_TEST_CASE(a_stall_only_delays_what_is_old) {
    Verbs v{of(1, true), Lifetime{.max_idle = 100s, .max_lifetime = dewpond::never}};
    v.take(1);
    v.clock.wait_until_parked(1);
    v.clock.advance(1s);  // seen at rest before
    v.clock.wait_until_parked(1);
    v.clock.advance(1h);
    v.clock.wait_until_parked(1);
    for (int i = 0; i < 120; ++i) {
        v.clock.advance(1s);
        v.clock.wait_until_parked(1);
        if (i < 90) BOOST_TEST(v.pool->stats().size == 1u);  // its rest began anew
    }
    BOOST_TEST(eventually([&] { return v.pool->stats().closed_because(CloseReason::max_idle) == 1; }));
    BOOST_TEST(v.pool->stats().stalls == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
