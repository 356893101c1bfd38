// SPDX-License-Identifier: BSL-1.0
// The sweep over a pool with a crew of its own: threads that cannot be started, and faults on threads nobody sees.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/pool.hpp>
#include <sweep/bench.hpp>

using namespace std::chrono_literals;
using sweep::sweep_one;

namespace {

using Driver = sweep::FragileDriver<false>;
using Busy = dewpond::Pool<Driver, dewpond::OpenInBackground, dewpond::Lifetime>;
using Plain = dewpond::Pool<Driver, dewpond::PingAlways>;

dewpond::Options options(std::uint32_t slots) {
    dewpond::Options o;
    o.max_size = slots;
    o.backoff_min = 1us;
    o.backoff_max_waiting = 10us;
    o.backoff_max = 10us;
    o.return_budget = 0ms;
    o.outage_grace = 1h;
    return o;
}
const auto busy = [] {
    return std::make_unique<sweep::Bench<Busy>>(2, [](sweep::World& w, std::uint32_t n) {
        dewpond::Options o = options(n);
        o.min_idle = 1;
        return std::make_unique<Busy>(Driver{w}, o, dewpond::OpenInBackground{}, dewpond::Lifetime{});
    });
};
const auto plain = [] {
    return std::make_unique<sweep::Bench<Plain>>(1, [](sweep::World& w, std::uint32_t n) { return std::make_unique<Plain>(Driver{w}, options(n), dewpond::PingAlways{}); });
};

}  // namespace

BOOST_AUTO_TEST_SUITE(threads, *boost::unit_test::timeout(300))

BOOST_AUTO_TEST_CASE(construction_starts_threads) {
    sweep_one("construction starts threads", busy, [](sweep::Bench<Busy>& b) { b.fragile([&] { b.build(); }); });
}

BOOST_AUTO_TEST_CASE(the_crew_works_on_its_own) {
    sweep_one("the crew works on its own", busy, [](sweep::Bench<Busy>& b) {
        b.build();
        b.fragile([&] {
            auto l = b.pool().try_checkout(sweep::a_while);
            if (l) (*l)->dirty = true;
        });
        b.fragile([&] {
            auto l = b.pool().try_checkout(sweep::a_while);
            if (l) l->discard();
        });
        b.fragile([&] { b.pool().close(sweep::a_while); });
        b.fragile([&] { b.destroy(); });
    });
}

BOOST_AUTO_TEST_CASE(the_first_callback_starts_the_keeper) {
    sweep_one("the first callback starts the keeper", plain, [](sweep::Bench<Plain>& b) {
        b.build();
        auto out = b.lease();
        sweep::Call<Plain> waiting;
        b.fragile([&] { b.pool().enqueue(waiting, 1h); });
        b.fragile([&] { out = {}; });
        BOOST_TEST(b.soon([&] { return waiting.times() == 1; }));
    });
    // The same on a pool that has no keeper yet.
    sweep_one("the first callback of all", plain, [](sweep::Bench<Plain>& b) {
        b.build();
        sweep::Call<Plain> waiting;
        b.fragile([&] { b.pool().enqueue(waiting, 1h); });
        BOOST_TEST(b.soon([&] { return waiting.times() == 1; }));
    });
}

BOOST_AUTO_TEST_CASE(a_parked_thread_is_served_or_told) {
    sweep_one("a parked thread is served or told", plain, [](sweep::Bench<Plain>& b) {
        b.build();
        auto out = b.pool().checkout(10s);
        std::atomic<bool> served{false};
        std::jthread waiter{[&] {
            const auto r = b.pool().try_checkout(1h);
            served.store(r.has_value() || !std::string{r.error().what()}.empty());
        }};
        while (b.pool().stats().waiting == 0) std::this_thread::yield();
        b.fragile([&] {
            out = {};
            for (int i = 0; i < 20 && !served.load(); ++i) std::this_thread::sleep_for(1ms);
        });
        waiter.join();
        BOOST_TEST(served.load());
    });
}

BOOST_AUTO_TEST_SUITE_END()
