// SPDX-License-Identifier: BSL-1.0
// The verbs that change the whole, under everybody's feet and across the words of the idle set: resize and renew while
// threads borrow, discard, hold several, and drivers fail. At rest nothing is lost and no more exist than may.
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/pool.hpp>
#include <stress/support.hpp>

using namespace std::chrono_literals;
using stress::relaxed;

namespace {

constexpr dewpond::Lifetime short_lived{.max_idle = 40ms, .max_lifetime = 60ms, .max_uses = 50};

template <class P>
void borrow_until(P& pool, const std::atomic<bool>& stop, std::uint64_t seed, stress::Watchdog& watchdog) {
    stress::Random random{seed};
    std::vector<typename P::Lease> held;
    while (!stop.load(relaxed)) {
        watchdog.beat();
        auto lease = pool.try_checkout(std::chrono::microseconds{random.below(2'000)});
        if (!lease) {
            held.clear();  // all may be held by those who want one more
            continue;
        }
        (*lease)->use(5);
        (*lease)->dirty = random.once_in(7);
        if (random.once_in(50)) lease->discard();
        else if (random.once_in(10) && held.size() < 4) held.push_back(std::move(*lease));
        if (random.once_in(4) && !held.empty()) held.pop_back();
    }
}

/// A pool with `Lifetime` and these policies, of so many slots, of which as many may exist as the last resize said.
template <class... Ps>
void change_under_traffic(std::uint32_t slots, stress::Rates rates) {
    stress::World world{slots, rates};
    {
        dewpond::Options o;
        o.max_size = slots;
        o.min_idle = 0;
        o.opens_at_once = 16;
        o.backoff_min = 1us;
        o.backoff_max_waiting = o.backoff_max = 1ms;
        o.outage_grace = dewpond::never;
        dewpond::Pool<stress::MoodyDriver, dewpond::Lifetime, Ps...> pool{stress::MoodyDriver{world}, o, short_lived, Ps{}...};
        stress::Watchdog watchdog{"verbs, " + std::to_string(slots) + " slots", [&] { return stress::to_text(pool.stats()); }};
        {
            std::vector<typename decltype(pool)::Lease> all;  // every slot is used once
            while (all.size() < slots) {
                if (auto lease = pool.try_checkout(stress::far_off)) all.push_back(std::move(*lease));
                watchdog.beat();
            }
            pool.resize(slots / 2);  // half of them are too many when they come back
        }
        BOOST_TEST(stress::soon([&] { return pool.stats().size <= slots / 2; }));
        std::atomic<bool> stop{false};
        std::vector<std::thread> crowd;
        for (std::uint32_t t = 0; t < 6; ++t) crowd.emplace_back([&, t] { borrow_until(pool, stop, t + 1, watchdog); });
        stress::Random random{slots};
        for (const auto end = stress::Clock::now() + stress::span(300ms); stress::Clock::now() < end;) {
            pool.resize(1 + random.below(slots));
            if (random.once_in(10)) pool.renew();
            static_cast<void>(pool.inspect());
            std::this_thread::yield();
        }
        const std::uint32_t last = 1 + slots / 2;
        pool.resize(last);
        stop.store(true, relaxed);
        for (auto& t : crowd) t.join();
        const bool rests = stress::soon([&] {
            watchdog.beat();
            const dewpond::Stats s = pool.stats();
            return s.in_use == 0 && s.opening == 0 && s.retiring == 0 && s.waiting == 0 && s.size <= last && s.idle == s.size &&
                   world.live.load(relaxed) == static_cast<std::int64_t>(s.size);
        });
        BOOST_TEST(rests, stress::to_text(pool.stats()) << ", live " << world.live.load(relaxed));
        BOOST_TEST(pool.stats().checkouts > slots);
    }
    BOOST_TEST(stress::soon([&] { return world.live.load(relaxed) == 0; }));
    BOOST_TEST(world.too_many.load(relaxed) == 0u);
    BOOST_TEST(world.overlaps.load(relaxed) == 0u);
}

constexpr stress::Rates calm{};
constexpr stress::Rates rough{.open_fails = 5, .open_throws = 9, .check_fails = 20, .comes_back_dirty = 0, .reset_breaks = 6, .reset_unfinished = 6};

}  // namespace

BOOST_AUTO_TEST_SUITE(verbs, *boost::unit_test::timeout(600))

BOOST_AUTO_TEST_CASE(within_one_word) { change_under_traffic(8, calm); }
BOOST_AUTO_TEST_CASE(across_words) { change_under_traffic(125, rough); }
BOOST_AUTO_TEST_CASE(ten_thousand) { change_under_traffic(10'000, calm); }
BOOST_AUTO_TEST_CASE(with_cells) { change_under_traffic<dewpond::ThreadCells, stress::EagerSync>(8, rough); }
BOOST_AUTO_TEST_CASE(with_cells_across_words) { change_under_traffic<dewpond::ThreadCells, stress::EagerSync>(125, calm); }
BOOST_AUTO_TEST_CASE(opened_in_background) { change_under_traffic<dewpond::OpenInBackground>(8, rough); }
BOOST_AUTO_TEST_CASE(opened_in_background_across_words) { change_under_traffic<dewpond::OpenInBackground>(125, calm); }

BOOST_AUTO_TEST_SUITE_END()
