// SPDX-License-Identifier: BSL-1.0
// The mixture over pools whose threads keep what they return: with nothing else, and beside a strict queue, a busy crew and
// a moody driver.
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/pool.hpp>
#include <stress/mix.hpp>

using namespace std::chrono_literals;
using dewpond::ThreadCells;
using stress::EagerSync;
using Plain = dewpond::Pool<stress::PlainDriver, ThreadCells, EagerSync>;
using Busy = dewpond::Pool<stress::MoodyDriver, ThreadCells, dewpond::StrictFifo, dewpond::OpenInBackground, dewpond::Lifetime, EagerSync>;

namespace {

/// A cell that is called back for want stays closed longer each time: many short scenes, each with a pool of its own.
template <class P, class Make>
void over_the_matrix(stress::Rates rates, Make make) {
    const auto before = EagerSync::recalls.load();
    std::uint64_t seed = 1;
    for (const std::uint32_t threads : {1U, 2U, 3U, 8U}) {
        for (const std::uint32_t slots : {1U, 2U, 3U, 62U, 63U, 130U}) {
            for (int times = 0; times < 6; ++times) {
                const stress::Scene scene{.threads = threads, .slots = slots, .seed = seed++, .time = 25ms, .rates = rates};
                BOOST_TEST_CONTEXT(stress::to_text(scene)) { stress::Mix<P, Make>{scene, make}.run(); }
            }
        }
    }
    const auto recalls = EagerSync::recalls.load() - before;
    BOOST_TEST_MESSAGE(recalls << " times what threads kept was called back");
    BOOST_TEST(recalls > 500u);
}

/// One resource. Some take and return it as fast as they can, so that most of the time it is on its way into or out of a
/// cell; one calls it back for want of it, and between by looking only, so that the cells open again soon. Two at once are too
/// many.
void one_for_all(std::uint32_t keepers) {
    stress::World world{1};
    const auto before = EagerSync::recalls.load();
    std::uint64_t served = 0;
    {
        dewpond::Options o;
        o.max_size = 1;
        Plain pool{stress::PlainDriver{world}, o};
        std::atomic<bool> over{false};
        stress::Watchdog dog{"one for all", [&] { return stress::to_text(pool.stats()); }};
        {
            std::vector<std::jthread> threads;
            for (std::uint32_t k = 0; k < keepers; ++k) {
                threads.emplace_back([&] {
                    while (!over.load(stress::relaxed)) {
                        if (auto lease = pool.try_checkout()) (**lease).use(100);
                    }
                });
            }
            stress::Random random{keepers};
            for (const auto end = stress::Clock::now() + stress::span(500ms); stress::Clock::now() < end;) {
                if (random.once_in(2)) static_cast<void>(pool.inspect());
                stress::pause(random.below(2'000));
                auto lease = random.once_in(50) ? pool.try_checkout(stress::far_off) : pool.try_checkout();
                if (!lease) continue;
                (**lease).use(30);
                ++served;
                dog.beat();
            }
            over.store(true, stress::relaxed);
        }
        BOOST_TEST((pool.stats().idle == 1 && pool.stats().opened == 1));
    }
    BOOST_TEST(world.overlaps.load() == 0u);
    BOOST_TEST(world.too_many.load() == 0u);
    BOOST_TEST_MESSAGE(keepers << " keepers: served " << served << " times, called back " << EagerSync::recalls.load() - before << " times");
    BOOST_TEST(served > 10u);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mix_cells, *boost::unit_test::timeout(600))

BOOST_AUTO_TEST_CASE(who_keeps_and_who_is_in_want_never_hold_the_same) {
    for (const std::uint32_t keepers : {1U, 2U, 5U}) one_for_all(keepers);
}

BOOST_AUTO_TEST_CASE(everything_works) {
    over_the_matrix<Plain>({.open_fails = 20}, [](stress::World& w, dewpond::Options o) { return std::make_unique<Plain>(stress::PlainDriver{w}, std::move(o)); });
}

BOOST_AUTO_TEST_CASE(nothing_is_reliable) {
    over_the_matrix<Busy>({.open_fails = 8, .check_fails = 10, .comes_back_dirty = 3, .reset_breaks = 6, .reset_unfinished = 4},
                          [](stress::World& w, dewpond::Options o) {
                              return std::make_unique<Busy>(stress::MoodyDriver{w}, std::move(o), ThreadCells{}, dewpond::StrictFifo{}, dewpond::OpenInBackground{},
                                                            dewpond::Lifetime{.max_idle = 15ms, .max_lifetime = 40ms, .jitter = 50}, EagerSync{});
                          });
}

BOOST_AUTO_TEST_SUITE_END()
