// SPDX-License-Identifier: BSL-1.0
// The sweep over a pool whose threads keep what they return: a cell that finds no memory is a cell less, and nothing else.
#include <cstdint>
#include <memory>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <dewpond/detail/sync.hpp>
#include <dewpond/pool.hpp>
#include <sweep/bench.hpp>

using namespace std::chrono_literals;

namespace {

/// Cells open at the first return.
struct EagerSync : dewpond::detail::RealSync {
    static constexpr std::uint32_t rests = 1;
};
using Driver = sweep::FragileDriver<false>;
using Pool = dewpond::Pool<Driver, dewpond::ThreadCells, dewpond::Lifetime, EagerSync>;
using Bench = sweep::Bench<Pool>;

std::unique_ptr<Pool> pool_of(sweep::World& w, std::uint32_t slots) {
    dewpond::Options o;
    o.max_size = slots;
    o.keeper_thread = false;
    o.backoff_min = 500us;
    o.backoff_max_waiting = 1ms;
    o.backoff_max = 1ms;
    o.outage_grace = 1h;
    o.on_event = [](const dewpond::Event&) noexcept {};
    return std::make_unique<Pool>(Driver{w}, o);
}
const auto of_one = [] { return std::make_unique<Bench>(1, pool_of); };
const auto of_two = [] { return std::make_unique<Bench>(2, pool_of); };

/// A thread has its cell of a pool that is gone until it uses the next one: with that, as many blocks are there after each
/// run as before it.
template <class MakeBench, class Scenario>
void sweep_one(const char* name, MakeBench&& make_bench, Scenario&& scenario) {
    {
        sweep::World world;
        world.most.store(1);
        const auto pool = pool_of(world, 1);
        static_cast<void>(pool->try_checkout(1s));
    }
    sweep::sweep_one(name, make_bench, scenario);
}
/// So many uses by this thread; each may fail.
void use(Bench& b, int n) {
    for (int i = 0; i < n; ++i) {
        if (auto lease = b.pool().try_checkout(sweep::a_while); lease && !(*lease)->open) b.world().wrong.fetch_add(1);
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cells, *boost::unit_test::timeout(300))

BOOST_AUTO_TEST_CASE(construction) {
    sweep_one("construction", of_one, [](Bench& b) { b.fragile([&] { b.build(); }); });
}

BOOST_AUTO_TEST_CASE(a_thread_gets_its_cell_or_none_and_goes_on) {
    sweep_one("a thread gets its cell", of_two, [](Bench& b) {
        b.build();
        b.fragile([&] { use(b, 4); });
        b.fragile([&] {
            auto one = b.pool().try_checkout(sweep::a_while), two = b.pool().try_checkout(sweep::a_while);
            if (one && two && one->get_if() == two->get_if()) b.world().wrong.fetch_add(1);
        });
        use(b, 3);
    });
}

BOOST_AUTO_TEST_CASE(what_is_kept_is_called_back) {
    sweep_one("what is kept is called back", of_one, [](Bench& b) {
        b.build();
        use(b, 3);
        sweep::Call<Pool> waiting;
        b.fragile([&] { b.pool().enqueue(waiting, 1h); });
        BOOST_TEST(b.soon([&] { return waiting.times() == 1; }));
        b.fragile([&] { waiting.lease = {}; });
        use(b, 5);
        b.fragile([&] { static_cast<void>(b.pool().inspect()); });
        b.fragile([&] { b.pool().maintain(); });
    });
}

BOOST_AUTO_TEST_CASE(what_is_kept_is_closed) {
    sweep_one("what is kept is closed", of_two, [](Bench& b) {
        b.build();
        auto one = b.lease();
        use(b, 3);
        one = {};
        b.fragile([&] {
            b.pool().renew();
            b.pool().maintain();
        });
        use(b, 3);
        b.fragile([&] { b.pool().resize(1); });
        b.fragile([&] { use(b, 3); });
        b.fragile([&] { b.pool().resize(2); });
    });
    sweep_one("closed and destroyed", of_two, [](Bench& b) {
        b.build();
        use(b, 3);
        auto out = b.lease();
        b.fragile([&] { b.pool().close(0ms); });
        b.fragile([&] { b.destroy(); });
        b.fragile([&] { out = {}; });
    });
}

BOOST_AUTO_TEST_SUITE_END()
