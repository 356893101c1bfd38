// SPDX-License-Identifier: BSL-1.0
// Cells: a thread keeps what it returned last, and nobody else can tell: what is kept is idle, whoever is in want of it has
// it, and it ends as everything idle does.
#include <algorithm>
#include <cstdint>
#include <functional>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <dewpond/pool.hpp>
#include <dewpond/testing/scripted_driver.hpp>

#include "kit/bench.hpp"

using namespace behaviour;
using dewpond::Lifetime;
using dewpond::ThreadCells;

namespace {

const Lifetime for_ever{.max_idle = dewpond::never, .max_lifetime = dewpond::never};

/// A pool with cells and everything that looks at what is idle; its keeper is maintain().
struct Cellar {
    using Pool = dewpond::Pool<ScriptedDriver, ThreadCells, Lifetime, dewpond::PingAfterIdle, dewpond::WarnAfter, EagerClock>;
    using Lease = Pool::Lease;
    struct Setup {
        Lifetime life = for_ever;
        Duration warn_after = dewpond::never;
        std::function<void(const dewpond::Event&)> on_event = [](const dewpond::Event&) {};
    };
    Script script;
    EagerClock clock;
    std::unique_ptr<Pool> pool;

    explicit Cellar(std::uint32_t slots) : Cellar{slots, Setup{}} {}
    Cellar(std::uint32_t slots, Setup s) {
        dewpond::Options o;
        o.max_size = slots;
        o.min_idle = 0;
        o.keeper_thread = false;
        o.on_event = [f = std::move(s.on_event)](const dewpond::Event& e) noexcept { f(e); };
        script.allow_at_most(slots);
        pool = std::make_unique<Pool>(ScriptedDriver{script}, std::move(o), ThreadCells{}, s.life, dewpond::PingAfterIdle{1s}, dewpond::WarnAfter{s.warn_after}, clock);
    }
    Cellar(const Cellar&) = delete;
    ~Cellar() {
        if (pool != nullptr) BOOST_TEST(conserves(pool->stats()));
        pool.reset();
        BOOST_TEST(script.live() == 0u);
        for (const std::string& v : script.violations()) BOOST_ERROR(v);
    }
    /// One checkout and its return: which resource was that?
    std::uint32_t use() const {
        const Lease lease = pool->checkout(1h);
        return lease->id();
    }
    /// The first return of a thread opens its cell, what the second one returns stays there.
    void keep() const {
        (void)use();
        (void)use();
    }
    /// The keeper looks twice a second for so long.
    void rest(Duration span) const {
        for (const auto end = clock.now() + span.ns(); clock.now() < end;) {
            clock.advance(500ms);
            pool->maintain();
        }
    }
};

/// A thread that keeps one, and stays until it is told to go.
class Keeper {
public:
    explicit Keeper(const Cellar& c)
        : task_{[this, &c] {
              c.keep();
              keeps_.count_down();
              may_go_.wait();
          }} {
        keeps_.wait();
    }
    Keeper(const Keeper&) = delete;
    ~Keeper() { go(); }
    void go() {
        if (!std::exchange(gone_, true)) may_go_.count_down();
        task_.join();
    }

private:
    std::latch keeps_{1}, may_go_{1};
    bool gone_ = false;
    Task task_;
};

/// Runs `f` on a thread of its own, and waits for it.
void elsewhere(std::function<void()> f) { Task{std::move(f)}.join(); }

/// Of two resources, the second is returned first: a thread that has a cell takes that one again, every other thread the
/// one with the lowest number. `pool` has two slots and none is open.
template <class Pool>
bool keeps_its_own(Pool& pool, int returns_before = 1) {
    auto one = pool.checkout();
    auto two = pool.checkout();
    const std::uint32_t second = two->id();
    for (int i = 0; i < returns_before; ++i) {
        one = {};
        one = pool.checkout();
    }
    two = {};
    one = {};
    one = pool.checkout();
    return one->id() == second;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cells, *boost::unit_test::timeout(60))

// ---- what is kept ----

BOOST_AUTO_TEST_CASE(a_thread_takes_again_what_it_returned_last, *boost::unit_test::timeout(20)) {
    const Cellar c{2};
    BOOST_TEST(keeps_its_own(*c.pool));
    std::uint32_t other = 0;
    elsewhere([&] { other = c.use(); });
    BOOST_TEST(other == 1u);
    BOOST_TEST(c.use() == 2u);
    BOOST_TEST(c.script.count(Hook::open) == 2u);
}

BOOST_AUTO_TEST_CASE(a_cell_opens_after_64_returns_of_its_thread, *boost::unit_test::timeout(20)) {
    using Pool = dewpond::Pool<dewpond::testing::PlainScripted, ThreadCells>;
    for (const int returns : {1, 63, 64, 1000}) {
        Script script;
        Pool pool{dewpond::testing::PlainScripted{script}, {.max_size = 2}};
        BOOST_TEST_CONTEXT(returns << " returns") { BOOST_TEST(keeps_its_own(pool, returns) == (returns >= 64)); }
        BOOST_TEST(pool.stats().idle == 2u);
    }
}

BOOST_AUTO_TEST_CASE(a_thread_may_hold_several_at_once, *boost::unit_test::timeout(20)) {
    const Cellar c{3};
    c.keep();
    for (int i = 0; i < 20; ++i) {
        auto one = c.pool->checkout(), two = c.pool->checkout();
        BOOST_TEST(one->id() != two->id());
        BOOST_TEST(c.pool->stats().in_use == 2u);
        if (i % 2 == 0) std::swap(one, two);
    }
    BOOST_TEST(c.pool->stats().in_use == 0u);
    BOOST_TEST(c.pool->stats().idle == 2u);
    BOOST_TEST(c.script.count(Hook::open) == 2u);
}

BOOST_AUTO_TEST_CASE(where_the_kernel_has_no_barrier_for_all_threads_share_what_is_idle, *boost::unit_test::timeout(20)) {
    EagerClock::refuse(true);
    const Cellar c{2};
    EagerClock::refuse(false);
    const auto recalls = EagerClock::recalls();
    BOOST_TEST(!keeps_its_own(*c.pool));
    elsewhere([&] { c.keep(); });
    c.pool->maintain();
    BOOST_TEST(c.pool->stats().idle == 2u);
    BOOST_TEST(EagerClock::recalls() == recalls);
}

// ---- what is told of it ----

BOOST_AUTO_TEST_CASE(what_is_kept_is_idle_for_whoever_asks, *boost::unit_test::timeout(20)) {
    const Cellar c{3};
    const auto told = [&](std::uint32_t idle, std::uint32_t in_use) {
        const Stats s = c.pool->stats();
        BOOST_TEST(conserves(s));
        BOOST_TEST(s.idle == idle);
        BOOST_TEST(s.in_use == in_use);
        BOOST_TEST(s.demand == in_use);
        c.clock.advance(1s);  // so that it is looked at anew
    };
    c.keep();
    told(1, 0);
    {
        const auto lease = c.pool->checkout();
        told(0, 1);
        const Keeper other{c};
        told(1, 1);
    }
    told(2, 0);
    BOOST_TEST(c.pool->stats().demand_peak == 2u);
    BOOST_CHECK(c.pool->stats().oldest_lease == Duration{});
    for (int i = 0; i < 5; ++i) (void)c.use();  // kept by this thread again, and by another one
    const Keeper other{c};
    const auto recalls = EagerClock::recalls();
    const std::string text = c.pool->inspect();
    BOOST_TEST(EagerClock::recalls() == recalls + 1);
    BOOST_TEST(holds(text, "slot 0: idle"), text);
    BOOST_TEST(holds(text, "slot 1: idle"), text);
    BOOST_TEST(!holds(text, "in use"), text);
    BOOST_TEST(c.pool->stats().checkouts == 12u);
    BOOST_TEST(holds(c.pool->describe(), "  cells: ThreadCells (chosen)\n"), c.pool->describe());
    BOOST_TEST(holds(c.pool->describe(), "max_size is enough for it"), c.pool->describe());
}

BOOST_AUTO_TEST_CASE(what_is_kept_is_no_old_lease, *boost::unit_test::timeout(20)) {
    std::vector<EventKind> told;
    const auto old = [&told] { return std::count(told.begin(), told.end(), EventKind::lease_too_old); };
    Cellar::Setup setup;
    setup.warn_after = 10s;
    setup.on_event = [&told](const dewpond::Event& e) { told.push_back(e.kind); };
    const Cellar c{1, setup};
    c.keep();
    (void)c.pool->stats();  // looks
    c.clock.advance(1h);
    BOOST_CHECK(c.pool->stats().oldest_lease == Duration{});  // looks, and the keeper goes by that
    c.pool->maintain();
    BOOST_TEST(old() == 0);
    BOOST_TEST(c.pool->stats().overdue == 0u);
    const auto lease = c.pool->checkout();
    c.rest(20s);
    BOOST_TEST(old() == 1);  // this one is
}

// ---- who gets it ----

BOOST_AUTO_TEST_CASE(whoever_finds_nothing_idle_gets_what_another_thread_keeps_and_opens_nothing, *boost::unit_test::timeout(20)) {
    const Cellar c{2};
    const Keeper other{c};
    const auto recalls = EagerClock::recalls();
    BOOST_TEST(c.use() == 1u);
    BOOST_TEST(EagerClock::recalls() == recalls + 1);
    BOOST_TEST(c.use() == 1u);
    BOOST_TEST(c.script.count(Hook::open) == 1u);
    BOOST_TEST(c.pool->stats().opened == 1u);
    BOOST_TEST(c.pool->stats().size == 1u);
}

BOOST_AUTO_TEST_CASE(a_checkout_that_neither_waits_nor_opens_gets_it_too, *boost::unit_test::timeout(20)) {
    const Cellar c{2};
    const Keeper other{c};
    auto lease = c.pool->try_checkout();
    BOOST_TEST_REQUIRE(lease.has_value());
    BOOST_TEST((*lease)->id() == 1u);
    BOOST_TEST(!c.pool->try_checkout().has_value());
}

BOOST_AUTO_TEST_CASE(whoever_waits_gets_what_a_thread_with_a_cell_returns, *boost::unit_test::timeout(20)) {
    // The thread's cell is open and empty; or about to open, which it must not while anybody waits.
    for (const bool open : {true, false}) {
        const Cellar c{2};
        auto one = c.pool->checkout(), two = c.pool->checkout();
        if (open) {
            one = {};
            one = c.pool->checkout();
        }
        Cellar::Lease got[2];  // and not returned before both are served
        const auto wait_for = [&c](Cellar::Lease& lease) {
            return [&] {
                if (auto r = c.pool->try_checkout(1h)) lease = std::move(*r);
            };
        };
        const auto waiting = [&c](std::uint32_t n) { return eventually([&] { return c.pool->stats().waiting == n; }); };
        BOOST_TEST_CONTEXT("open: " << open) {
            Task a{wait_for(got[0])};
            BOOST_TEST(waiting(1));
            Task b{wait_for(got[1])};
            BOOST_TEST(waiting(2));
            two = {};
            BOOST_TEST(a.ends());
            BOOST_TEST(waiting(1));
            one = {};
            BOOST_TEST(b.ends());
            BOOST_TEST(waiting(0));
            c.pool->close(0ms);  // for whoever is still waiting
            a.join();
            b.join();
            BOOST_TEST((got[0] && got[1]));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_callback_gets_it_as_well, *boost::unit_test::timeout(20)) {
    struct Waiter : Cellar::Pool::Waiter {
        Waiter()
            : Cellar::Pool::Waiter{[](Cellar::Pool::Waiter& w, dewpond::Result<Cellar::Lease> r) noexcept {
                  if (r) static_cast<Waiter&>(w).id = (**r).id();
                  static_cast<Waiter&>(w).served = true;
              }} {}
        std::uint32_t id = 0;
        bool served = false;
    } at_once, later;
    const Cellar c{1};
    {
        const Keeper other{c};
        c.pool->enqueue(at_once, 1h);
        BOOST_TEST(at_once.served);
        BOOST_TEST(at_once.id == 1u);
    }
    c.keep();
    {
        const auto lease = c.pool->checkout();
        c.pool->enqueue(later, 1h);
        BOOST_TEST(!later.served);
    }
    BOOST_TEST(later.served);
    BOOST_TEST(later.id == 1u);
    c.pool->close(0ms);
}

BOOST_AUTO_TEST_CASE(a_lease_may_end_on_a_thread_that_did_not_take_it, *boost::unit_test::timeout(20)) {
    const Cellar c{1};
    c.keep();
    auto lease = c.pool->checkout();
    elsewhere([&] { lease = {}; });  // which has no cell
    auto recalls = EagerClock::recalls();
    lease = c.pool->checkout();
    BOOST_TEST(EagerClock::recalls() == recalls);
    lease = {};
    std::latch lent{1}, kept{1}, done{1};
    Task other{[&] {
        c.keep();
        lent.count_down();
        done.wait();
    }};
    lent.wait();
    BOOST_TEST(c.use() == 1u);  // recalled
    done.count_down();
    other.join();
    lease = c.pool->checkout();
    Task third{[&] {
        lease = {};
        c.keep();
        auto mine = c.pool->checkout();
        std::swap(mine, lease);
        kept.count_down();
    }};
    kept.wait();
    third.join();
    lease = {};  // taken by a thread that has ended
    BOOST_TEST(c.pool->stats().idle == 1u);
    BOOST_TEST(c.use() == 1u);
    BOOST_TEST(c.script.count(Hook::open) == 1u);
}

BOOST_AUTO_TEST_CASE(a_thread_that_ends_gives_back_what_it_kept, *boost::unit_test::timeout(20)) {
    const Cellar c{1};
    elsewhere([&] { c.keep(); });
    BOOST_TEST(c.pool->stats().idle == 1u);
    const auto recalls = EagerClock::recalls();
    const auto lease = c.pool->try_checkout();
    BOOST_TEST(lease.has_value());
    BOOST_TEST(!c.pool->try_checkout().has_value());
    BOOST_TEST(EagerClock::recalls() == recalls);  // it lay where all share, and nobody is left to be called
    BOOST_TEST(c.script.count(Hook::open) == 1u);
}

// ---- how it ends ----

BOOST_AUTO_TEST_CASE(close_closes_what_is_kept_by_whomever, *boost::unit_test::timeout(20)) {
    const Cellar c{2};
    auto lease = c.pool->checkout();
    lease = {};
    lease = c.pool->checkout();
    Keeper other{c};
    lease = {};  // kept
    BOOST_TEST(c.script.live() == 2u);
    BOOST_TEST(c.pool->close(0ms) == 0u);
    BOOST_TEST(c.script.live() == 0u);
    BOOST_TEST(c.pool->stats().size == 0u);
    BOOST_TEST((c.pool->try_checkout().error().code() == Code::closed));
}

BOOST_AUTO_TEST_CASE(a_thread_may_outlive_the_pool_it_keeps_one_of, *boost::unit_test::timeout(20)) {
    Cellar c{2};
    Keeper other{c};
    c.keep();
    c.pool.reset();
    BOOST_TEST(c.script.live() == 0u);
    other.go();
}

BOOST_AUTO_TEST_CASE(a_lease_may_outlive_the_pool_its_thread_has_a_cell_of, *boost::unit_test::timeout(20)) {
    Cellar c{2};
    c.keep();
    auto lease = c.pool->checkout();
    c.pool.reset();
    BOOST_TEST(c.script.live() == 1u);
    lease = {};
    BOOST_TEST(c.script.live() == 0u);
}

BOOST_AUTO_TEST_CASE(made_smaller_a_pool_closes_what_is_kept, *boost::unit_test::timeout(20)) {
    const Cellar c{2};
    auto lease = c.pool->checkout();
    lease = {};
    lease = c.pool->checkout();
    const Keeper other{c};
    lease = {};
    c.pool->resize(1);
    BOOST_TEST(c.script.live() == 1u);
    BOOST_TEST(c.pool->stats().idle == 1u);
    lease = c.pool->checkout();
    BOOST_TEST(!c.pool->try_checkout().has_value());
}

BOOST_AUTO_TEST_CASE(made_smaller_while_it_is_out_it_is_closed_and_not_kept, *boost::unit_test::timeout(20)) {
    const Cellar c{2};
    auto one = c.pool->checkout(), two = c.pool->checkout();
    one = {};
    one = c.pool->checkout();
    c.pool->resize(1);
    one = {};
    BOOST_TEST(c.script.live() == 1u);
    two = {};
    BOOST_TEST(c.script.live() == 1u);
    BOOST_TEST(c.pool->stats().idle == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_kept_rests_and_is_closed_after_max_idle, *boost::unit_test::timeout(20)) {
    Cellar::Setup setup;
    setup.life.max_idle = 100s;
    const Cellar c{1, setup};
    for (int i = 0; i < 3; ++i) {
        c.keep();
        c.rest(90s);
        BOOST_TEST(c.script.live() == 1u);  // a use begins the rest anew
    }
    c.rest(20s);
    BOOST_TEST(c.script.live() == 0u);
    BOOST_TEST(c.pool->stats().closed_because(CloseReason::max_idle) == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_kept_is_closed_after_max_lifetime, *boost::unit_test::timeout(20)) {
    Cellar::Setup setup;
    setup.life.max_lifetime = 100s;
    setup.life.jitter = 0;
    const Cellar c{1, setup};
    c.keep();
    c.clock.advance(101s);
    c.pool->maintain();
    BOOST_TEST(c.script.live() == 0u);
    BOOST_TEST(c.pool->stats().closed_because(CloseReason::max_lifetime) == 1u);
}

BOOST_AUTO_TEST_CASE(renewed_is_what_is_kept_at_once_and_what_is_out_when_it_returns, *boost::unit_test::timeout(20)) {
    const Cellar c{1};
    c.keep();
    c.pool->renew();
    c.pool->maintain();
    BOOST_TEST(c.script.live() == 0u);
    c.keep();
    {
        const auto lease = c.pool->checkout();
        BOOST_TEST(lease->id() == 2u);
        c.pool->renew();
        c.pool->maintain();
        BOOST_TEST(c.script.live() == 1u);
    }
    BOOST_TEST(c.script.live() == 0u);
    BOOST_TEST(c.pool->stats().closed_because(CloseReason::renewed) == 2u);
}

BOOST_AUTO_TEST_CASE(what_rested_in_a_cell_is_asked_before_it_is_lent, *boost::unit_test::timeout(20)) {
    const Cellar c{1};
    c.keep();
    c.pool->maintain();
    BOOST_TEST(c.script.count(Hook::ping) == 0u);
    c.keep();
    c.rest(3s);
    BOOST_TEST(c.use() == 1u);
    BOOST_TEST(c.script.count(Hook::ping) == 1u);
    BOOST_TEST(c.use() == 1u);
    BOOST_TEST(c.script.count(Hook::ping) == 1u);
    c.keep();
    c.rest(3s);
    c.script.break_it(1);
    BOOST_TEST(c.use() == 2u);
}

BOOST_AUTO_TEST_CASE(after_max_uses_it_is_closed_and_not_kept, *boost::unit_test::timeout(20)) {
    Cellar::Setup setup;
    setup.life.max_uses = 5;
    const Cellar c{1, setup};
    std::vector<std::uint32_t> ids;
    for (int i = 0; i < 20; ++i) ids.push_back(c.use());
    BOOST_TEST(std::is_sorted(ids.begin(), ids.end()));
    for (std::uint32_t id = 1; id <= 4; ++id) BOOST_TEST(std::count(ids.begin(), ids.end(), id) == 5);
    BOOST_TEST(c.pool->stats().closed_because(CloseReason::max_uses) == 4u);
}

BOOST_AUTO_TEST_CASE(what_was_reported_discarded_or_detached_is_not_kept, *boost::unit_test::timeout(20)) {
    const Cellar c{1};
    std::uint32_t id = 1;
    const auto lease_of_a_thread_with_a_cell = [&] {
        c.keep();
        auto lease = c.pool->checkout();
        BOOST_TEST(lease->id() == id++);
        return lease;
    };
    {
        auto lease = lease_of_a_thread_with_a_cell();
        lease.report(Fault::broken);
    }
    BOOST_TEST(c.script.live() == 0u);
    lease_of_a_thread_with_a_cell().discard();
    BOOST_TEST(c.script.live() == 0u);
    {
        auto lease = lease_of_a_thread_with_a_cell();
        ScriptedResource mine = lease.detach();
        BOOST_TEST(c.pool->stats().size == 0u);
        ScriptedDriver{c.script}.close(mine);
    }
    BOOST_TEST(c.use() == id);
}

BOOST_AUTO_TEST_CASE(what_is_returned_dirty_is_reset_before_it_is_taken_again, *boost::unit_test::timeout(20)) {
    const Cellar c{1};
    const auto soil = [&c] {
        const auto lease = c.pool->checkout();
        const bool was_clean = !lease->is_dirty();
        lease->make_dirty();
        return was_clean;
    };
    c.keep();
    for (std::uint32_t i = 1; i <= 5; ++i) {
        BOOST_TEST(soil());
        BOOST_TEST(c.script.count(Hook::reset) == i);
    }
    BOOST_TEST(c.use() == 1u);
    c.script.on(Hook::reset, {dewpond::testing::fail()});
    BOOST_TEST(soil());
    BOOST_TEST(c.use() == 2u);
}

BOOST_AUTO_TEST_CASE(a_hook_on_return_sees_every_return, *boost::unit_test::timeout(20)) {
    using Hooked = dewpond::Pool<dewpond::testing::PlainScripted, ThreadCells, dewpond::OnReturn<HookFunction>, EagerClock>;
    int seen = 0;
    bool welcome = true;
    Script script;
    Hooked pool{dewpond::testing::PlainScripted{script}, {.max_size = 1}, ThreadCells{}, dewpond::OnReturn<HookFunction>{[&](ScriptedResource&, Deadline) {
                    ++seen;
                    return welcome;
                }},
                EagerClock{}};
    const auto use = [&pool] {
        const auto lease = pool.checkout();
        return lease->id();
    };
    for (int i = 0; i < 10; ++i) BOOST_TEST(use() == 1u);
    BOOST_TEST(seen == 10);
    welcome = false;
    BOOST_TEST(use() == 1u);
    BOOST_TEST(script.live() == 0u);
}

// ---- many pools ----

BOOST_AUTO_TEST_CASE(of_many_pools_at_once_64_have_cells_and_the_others_share, *boost::unit_test::timeout(60)) {
    std::vector<std::unique_ptr<Cellar>> all;
    int with_cells = 0;
    for (int i = 0; i < 70; ++i) {
        all.push_back(std::make_unique<Cellar>(2));
        with_cells += keeps_its_own(*all.back()->pool) ? 1 : 0;
    }
    BOOST_TEST(with_cells == 64);
    for (const auto& c : all) {
        c->keep();
        elsewhere([&] { c->keep(); });
        BOOST_TEST(c->pool->stats().idle == 2u);
        BOOST_TEST(c->script.count(Hook::open) == 2u);
    }
    all[3].reset();
    all.push_back(std::make_unique<Cellar>(2));
    BOOST_TEST(keeps_its_own(*all.back()->pool));  // in the place of the one that is gone
}

BOOST_AUTO_TEST_CASE(pools_that_come_and_go_have_cells_each, *boost::unit_test::timeout(60)) {
    for (int i = 0; i < 200; ++i) {
        const Cellar c{2};
        BOOST_TEST_REQUIRE(keeps_its_own(*c.pool));
    }
}

BOOST_AUTO_TEST_SUITE_END()
