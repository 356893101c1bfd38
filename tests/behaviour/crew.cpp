// SPDX-License-Identifier: BSL-1.0
// The pool's own threads beside those of its users: who does what is due, when it is done, and who is told.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include <dewpond/pool.hpp>
#include <dewpond/testing/manual_clock.hpp>
#include <dewpond/testing/scripted_driver.hpp>

#include "kit/bench.hpp"

using namespace behaviour;
using dewpond::Lifetime;
using dewpond::testing::ManualClock;
using dewpond::testing::ScriptedDriver;

namespace {

/// A pool whose time stands still, and who of it was woken can be held back.
template <class... Ps>
struct Crewed {
    using Pool = dewpond::Pool<ScriptedDriver, StallClock, Ps...>;
    using Lease = typename Pool::Lease;
    Script script;
    StallClock clock;
    std::unique_ptr<Pool> pool;

    explicit Crewed(dewpond::Options o, Ps... ps) : Crewed{Script{}, std::move(o), std::move(ps)...} {}
    /// With a script that was begun before: threads of the pool may open at once.
    Crewed(Script s, dewpond::Options o, Ps... ps) : script{std::move(s)} {
        if (!o.min_idle) o.min_idle = 0;
        pool = std::make_unique<Pool>(ScriptedDriver{script}, std::move(o), clock, std::move(ps)...);
    }
    ~Crewed() {
        clock.unstall();
        pool.reset();
        BOOST_TEST(script.live() == 0u);
        for (const std::string& v : script.violations()) BOOST_ERROR(v);
    }
    std::vector<Lease> take(std::size_t n) {
        std::vector<Lease> leases;
        for (std::size_t i = 0; i < n; ++i) leases.push_back(pool->checkout());
        return leases;
    }
    [[nodiscard]] dewpond::Stats stats() const { return pool->stats(); }
};

dewpond::Options of(std::size_t n, bool threads) {
    dewpond::Options o;
    o.max_size = n;
    o.keeper_thread = threads;
    return o;
}

/// Does what the test wants whenever a slot is judged, once each time it is told to.
struct Meddling {
    using answers = dewpond::question::lifetime;
    struct per_slot {};
    std::shared_ptr<std::function<void()>> next = std::make_shared<std::function<void()>>();

    void opened(per_slot&, std::uint32_t) const noexcept {}
    CloseReason expired(const per_slot&, dewpond::Ages) const noexcept {
        if (const auto now = std::exchange(*next, nullptr)) now();
        return CloseReason::count_;
    }
    Duration resolution() const noexcept { return 10s; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(crew, *boost::unit_test::timeout(30))

BOOST_AUTO_TEST_CASE(the_keeper_goes_on_after_a_round_that_the_program_did) {
    Meddling policy;
    Crewed<Meddling> c{of(1, true), policy};
    (void)c.pool->checkout();
    c.clock.wait_until_parked(1);
    const Gate woken = c.clock.stall(), judging;
    *policy.next = [&] { judging.pass(); };
    c.clock.advance(1s);  // a round is due; the keeper is woken, and held back
    woken.wait_entered(1);
    Task maintainer{[&] { c.pool->maintain(); }};
    judging.wait_entered(1);
    c.clock.unstall();
    c.clock.wait_until_parked(1);  // the keeper found nothing left to do
    judging.open();
    maintainer.join();
    for (int round = 0; round < 3; ++round) {
        c.clock.wait_until_parked(1);
        c.clock.advance(1s);
        BOOST_TEST_REQUIRE(eventually([&] { return c.stats().keeper_age == Duration{}; }));
    }
}

BOOST_AUTO_TEST_CASE(made_smaller_while_a_reset_runs_in_the_background_what_comes_back_from_it_is_closed) {
    auto o = of(2, false);
    o.return_budget = 0ms;
    Crewed<Lifetime> c{o, Lifetime{}};
    auto leases = c.take(2);
    leases[1]->make_dirty();
    leases.clear();
    BOOST_TEST(c.stats().retiring == 1u);
    c.script.on(Hook::reset, {succeed().doing([&] { c.pool->resize(1); })});
    c.pool->maintain();
    BOOST_TEST(c.stats().size == 1u);
    BOOST_TEST(c.stats().closed_because(CloseReason::excess) == 1u);
    const auto one = c.pool->try_checkout(), two = c.pool->try_checkout();
    BOOST_TEST(one.has_value());
    BOOST_TEST(!two.has_value());
}

BOOST_AUTO_TEST_CASE(who_is_refused_for_want_of_time_or_room_brings_the_next_opening_near_all_the_same) {
    for (const bool room : {true, false}) {
        auto o = of(1, true);
        o.min_idle = 1;
        o.opens_at_once = 1;
        o.max_waiting = room ? 10 : 0;
        o.backoff_min = o.backoff_max_waiting = 50ms;  // nearer than the keeper's next round
        o.backoff_max = 1000s;
        o.outage_grace = dewpond::never;
        Script script;
        script.on(Hook::open, {fail()});
        Crewed<dewpond::OpenInBackground> c{script, o, dewpond::OpenInBackground{}};
        const auto far = [&] { return c.clock.wait_until_parked(2), c.stats().backoff > Duration{60s}; };
        while (!far()) c.clock.advance(1s);  // nobody waits: the pause grows
        const auto opens = c.script.count(Hook::open);
        const auto refused = c.pool->try_checkout(room ? Limit{0ms} : Limit{1h});
        BOOST_TEST_REQUIRE(!refused.has_value());
        BOOST_CHECK(refused.error().code() == (room ? Code::open_failed : Code::too_many_waiting));
        c.clock.wait_until_parked(2);
        BOOST_CHECK(c.stats().backoff <= Duration{51ms});  // it is told in whole milliseconds, rounded up
        c.clock.advance(50ms);
        BOOST_TEST(eventually([&] { return c.script.count(Hook::open) > opens; }));
        c.clock.wait_until_parked(2);
    }
}

/// Refused by a hook, or (`by_check`) by a check: at most fifty times, so that a pool that opens in a hot loop ends.
void opens_little_for_what_is_refused(bool by_check) {
    using Hook_ = dewpond::OnCheckout<std::function<bool(ScriptedResource&)>>;
    for (const bool callback : {true, false}) {
        auto o = of(1, false);
        o.backoff_min = 1s;
        o.backoff_max_waiting = o.backoff_max = 1h;
        int refused = 0;
        Crewed<dewpond::OpenInBackground, Hook_> c{o, dewpond::OpenInBackground{}, Hook_{[&](ScriptedResource&) { return by_check || ++refused >= 50; }}};
        if (by_check) c.script.on(Hook::status_ok, {fail().times(50), succeed()});
        using Pool = typename decltype(c)::Pool;
        std::optional<dewpond::Result<typename decltype(c)::Lease>> got;
        struct Caller : Pool::Waiter {
            decltype(got)& to;
            explicit Caller(decltype(got)& t)
                : Pool::Waiter{[](typename Pool::Waiter& w, dewpond::Result<typename decltype(c)::Lease> r) noexcept { static_cast<Caller&>(w).to.emplace(std::move(r)); }}, to{t} {}
        } caller{got};
        std::optional<Task> waiter;
        if (callback) c.pool->enqueue(caller, 24h);
        else waiter.emplace([&] { got.emplace(c.pool->try_checkout(24h)); });
        std::size_t last = 0;
        for (const Duration pause : {Duration{0s}, Duration{0s}, Duration{0s}, Duration{99ms}}) {  // a tenth of the least pause: nothing is due
            if (!callback) c.clock.wait_until_parked(1);
            c.clock.advance(pause);
            c.pool->maintain();
            if (!callback) c.clock.wait_until_parked(1);
            last = c.script.count(Hook::open);
            BOOST_TEST(last <= 2u);  // the first one is free
        }
        c.clock.advance(1s);
        c.pool->maintain();
        BOOST_TEST(eventually([&] { return c.script.count(Hook::open) == last + 1; }));
        if (!callback) c.clock.wait_until_parked(1);
        BOOST_CHECK(c.pool->close(0ms) == 0u);
        waiter.reset();
        BOOST_TEST_REQUIRE(got.has_value());
        BOOST_TEST_REQUIRE(!got->has_value());
        BOOST_CHECK(got->error().code() == Code::closed);
    }
}

BOOST_AUTO_TEST_CASE(a_hook_that_refuses_everything_is_no_reason_for_the_crew_to_open_in_a_hot_loop) { opens_little_for_what_is_refused(false); }
BOOST_AUTO_TEST_CASE(a_check_that_refuses_everything_is_no_reason_for_the_crew_to_open_in_a_hot_loop) { opens_little_for_what_is_refused(true); }

BOOST_AUTO_TEST_CASE(what_died_at_rest_before_it_was_ever_lent_is_replaced_without_a_pause) {
    auto o = of(4, false);
    o.min_idle = 4;
    o.opens_at_once = 4;
    Crewed<dewpond::OpenInBackground> c{o, dewpond::OpenInBackground{}};
    c.pool->maintain();
    BOOST_TEST(c.stats().idle == 4u);
    c.script.break_all();
    c.clock.advance(1ms);
    Task waiter{[&] { BOOST_CHECK(c.pool->try_checkout(1h).has_value()); }};
    c.clock.wait_until_parked(1);
    c.pool->maintain();
    BOOST_TEST(waiter.ends());
    BOOST_CHECK(c.stats().backoff == Duration{});
}

/// One worker, and resets that end when the test says so.
struct Resetting : Crewed<Lifetime> {
    static dewpond::Options options(std::size_t n) {
        auto o = of(n, true);
        o.return_budget = 0ms;
        return o;
    }
    Gate gate;
    explicit Resetting(std::size_t n) : Crewed{options(n), Lifetime{}} {
        script.on(Hook::reset, {fail().after(gate)});
        clock.wait_until_parked(1);
    }
    void soil(std::size_t n) {
        auto leases = take(n);
        for (auto& lease : leases) lease->make_dirty();
    }
};

BOOST_AUTO_TEST_CASE(a_callback_hears_of_its_deadline_before_the_next_reset_begins) {
    Resetting c{4};
    const auto held = c.take(1);
    c.soil(3);
    c.gate.wait_entered(1);
    std::atomic<int> served{0};
    using Pool = Resetting::Pool;
    struct Caller : Pool::Waiter {
        std::atomic<int>& n;
        explicit Caller(std::atomic<int>& served)
            : Pool::Waiter{[](Pool::Waiter& w, dewpond::Result<Pool::Lease> r) noexcept { static_cast<Caller&>(w).n = r ? 2 : 1; }}, n{served} {}
    } caller{served};
    c.pool->enqueue(caller, 100ms);
    c.clock.advance(100ms);
    c.gate.let(1);
    c.gate.wait_entered(2);
    BOOST_TEST(served == 1);
    c.gate.open();
    c.clock.wait_until_parked(1);
}

BOOST_AUTO_TEST_CASE(a_round_that_is_due_is_done_before_the_next_reset_and_long_resets_are_no_stall) {
    Resetting c{3};
    c.soil(3);
    for (std::size_t n = 1; n <= 3; ++n) {
        c.gate.wait_entered(n);
        c.clock.advance(10s);
        c.gate.let(1);
        if (n == 3) break;
        c.gate.wait_entered(n + 1);
        BOOST_CHECK(c.stats().keeper_age == Duration{});
    }
    c.clock.wait_until_parked(1);
    BOOST_TEST(c.stats().stalls == 0u);
    c.clock.advance(10s);  // but this is: it rested, and did not come
    BOOST_TEST(eventually([&] { return c.stats().stalls == 1; }));
}

BOOST_AUTO_TEST_CASE(what_the_crew_opens_is_no_demand) {
    for (const bool callback : {true, false}) {
        auto o = of(10, false);
        o.min_idle = callback ? 0 : 4;
        Crewed<> c{o};
        std::vector<std::uint32_t> demand;
        c.script.on(Hook::open, {succeed().doing([&] { demand.push_back(c.stats().demand); })});
        using Pool = Crewed<>::Pool;
        Pool::Waiter waiter{[](Pool::Waiter&, dewpond::Result<Pool::Lease>) noexcept {}};
        if (callback) c.pool->enqueue(waiter, 1h);
        c.pool->maintain();
        BOOST_TEST(demand.size() == (callback ? 1u : 4u));
        for (const auto n : demand) BOOST_TEST(n == (callback ? 1u : 0u));
        BOOST_TEST(c.stats().demand_peak == (callback ? 1u : 0u));
    }
    Crewed<> c{of(10, false)};
    std::uint32_t demand = 0;
    c.script.on(Hook::open, {succeed().doing([&] { demand = c.stats().demand; })});
    (void)c.pool->checkout();
    BOOST_TEST(demand == 1u);  // who opens for himself is
}

BOOST_AUTO_TEST_CASE(pools_at_one_address_do_not_back_off_in_step) {  // those of forked workers
    using Exchange = dewpond::detail::Exchange<ManualClock, dewpond::Adaptive, dewpond::OpenInCaller>;
    ManualClock clock;
    dewpond::detail::Plan plan;
    plan.outage = {100ms, 1s, 5s, 1h, 5s};
    alignas(Exchange) std::byte place[sizeof(Exchange)];
    std::vector<Duration> pauses;
    for (int k = 0; k < 8; ++k) {
        clock.advance(1us);
        auto* const e = ::new (static_cast<void*>(place)) Exchange{plan, clock, {}, {}};
        Exchange::Node n;
        n.since = clock.now();
        bool down = false;
        static_cast<void>(e->open_failed(e->begin(n, true).slot, Fault::unreachable, 5s, 0s, down));
        pauses.push_back(Duration{e->ledger().outage.gate - clock.now()});
        std::destroy_at(e);
    }
    BOOST_TEST(std::count(pauses.begin(), pauses.end(), pauses[0]) < 8);
}

BOOST_AUTO_TEST_SUITE_END()
