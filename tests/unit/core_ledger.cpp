// SPDX-License-Identifier: BSL-1.0
// The ledger of slots against a naive model: whatever happens in whatever order, the counts are right.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <random>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/detail/ledger.hpp>

using dewpond::TimePoint;
using dewpond::detail::Ledger;
using dewpond::detail::nil;
using dewpond::detail::Plan;
using dewpond::detail::SlotPhase;

namespace {

constexpr std::uint32_t sizes[] = {1, 2, 3, 63, 64, 65, 130, 1000};

/// The same by counting.
struct Model {
    std::vector<SlotPhase> phases;
    std::deque<std::uint32_t> jobs;
    explicit Model(std::uint32_t n) : phases(n, SlotPhase::vacant) {}
    [[nodiscard]] std::uint32_t count(SlotPhase p) const { return static_cast<std::uint32_t>(std::count(phases.begin(), phases.end(), p)); }
    [[nodiscard]] std::uint32_t counted() const { return static_cast<std::uint32_t>(phases.size()) - count(SlotPhase::vacant); }
    [[nodiscard]] std::uint32_t lowest_vacant() const {
        return static_cast<std::uint32_t>(std::find(phases.begin(), phases.end(), SlotPhase::vacant) - phases.begin());
    }
};

void agree(const Ledger& ledger, const Model& model) {
    BOOST_TEST_REQUIRE(ledger.counted() == model.counted());
    BOOST_TEST_REQUIRE(ledger.opening() == model.count(SlotPhase::opening));
    BOOST_TEST_REQUIRE(ledger.retiring() == model.count(SlotPhase::retiring));
    BOOST_TEST_REQUIRE(ledger.any_live() == (model.count(SlotPhase::live) + model.count(SlotPhase::retiring) != 0));
    BOOST_TEST_REQUIRE(ledger.has_jobs() == !model.jobs.empty());
    BOOST_TEST_REQUIRE(!ledger.excess());
    for (std::uint32_t i = 0; i < model.phases.size(); ++i) BOOST_TEST_REQUIRE((ledger.phase(i) == model.phases[i]));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ledger)

BOOST_AUTO_TEST_CASE(all_is_vacant_at_first_and_the_lowest_goes_first) {
    for (const std::uint32_t n : sizes) {
        BOOST_TEST_CONTEXT(n << " slots") {
            Ledger ledger{Plan{.max_size = n, .opens_at_once = n}};
            agree(ledger, Model{n});
            for (std::uint32_t i = 0; i < n; ++i) {
                BOOST_TEST_REQUIRE(ledger.has_room());
                BOOST_TEST_REQUIRE(ledger.take_vacancy() == i);
            }
            BOOST_TEST(!ledger.has_room());
            BOOST_TEST(ledger.counted() == n);
            BOOST_TEST(ledger.opening() == n);
            ledger.vacate(n / 2);
            BOOST_TEST(ledger.take_vacancy() == n / 2);
        }
    }
}

BOOST_AUTO_TEST_CASE(each_way_through_the_phases) {
    Ledger ledger{Plan{.max_size = 1}};
    Model model{1};
    const auto now_in = [&](SlotPhase p) {
        model.phases[0] = p;
        agree(ledger, model);
    };
    // opened, used, closed
    ledger.take_vacancy(), now_in(SlotPhase::opening);
    ledger.opened(0), now_in(SlotPhase::live);
    ledger.retire(0), now_in(SlotPhase::retiring);
    ledger.vacate(0), now_in(SlotPhase::vacant);
    // an opening that failed
    ledger.take_vacancy(), now_in(SlotPhase::opening);
    ledger.vacate(0), now_in(SlotPhase::vacant);
    // a reset in the background, then detached
    ledger.take_vacancy(), ledger.opened(0), ledger.retire(0), now_in(SlotPhase::retiring);
    ledger.revive(0), now_in(SlotPhase::live);
    ledger.vacate(0), now_in(SlotPhase::vacant);
}

BOOST_AUTO_TEST_CASE(so_many_open_at_once_and_one_while_it_fails) {
    Ledger ledger{Plan{.max_size = 10, .opens_at_once = 3}};
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST(ledger.has_room());
        ledger.take_vacancy();
    }
    BOOST_TEST(!ledger.has_room());
    ledger.opened(0);
    BOOST_TEST(ledger.has_room());
    ledger.outage.failures = 1;
    BOOST_TEST(!ledger.has_room());
    ledger.vacate(1);
    BOOST_TEST(!ledger.has_room());
    ledger.vacate(2);
    BOOST_TEST(ledger.has_room());
    ledger.outage.gate = TimePoint{std::chrono::seconds{10}};
    BOOST_TEST(!ledger.may_open(TimePoint{std::chrono::seconds{9}}));
    BOOST_TEST(ledger.may_open(TimePoint{std::chrono::seconds{10}}));
}

BOOST_AUTO_TEST_CASE(another_size_leaves_room_or_too_many) {
    Ledger ledger{Plan{.max_size = 2, .capacity = 4, .opens_at_once = 4}};
    for (int i = 0; i < 2; ++i) ledger.opened(ledger.take_vacancy());
    BOOST_TEST((!ledger.has_room() && !ledger.excess()));
    ledger.set_max_size(3);
    BOOST_TEST((ledger.has_room() && !ledger.excess() && ledger.max_size() == 3));
    ledger.set_max_size(1);
    BOOST_TEST((!ledger.has_room() && ledger.excess()));
    ledger.retire(0);  // what is about to go is not one too many
    BOOST_TEST((!ledger.has_room() && !ledger.excess()));
    ledger.vacate(0);
    BOOST_TEST((!ledger.has_room() && !ledger.excess()));
}

BOOST_AUTO_TEST_CASE(jobs_come_out_in_the_order_in_which_they_were_put) {
    Ledger ledger{Plan{.max_size = 5, .opens_at_once = 5}};
    for (int i = 0; i < 5; ++i) ledger.take_vacancy();
    for (int round = 0; round < 3; ++round) {
        BOOST_TEST(!ledger.has_jobs());
        for (const std::uint32_t slot : {3U, 0U, 4U}) ledger.push_job(slot);
        BOOST_TEST(ledger.pop_job() == 3u);
        ledger.push_job(3);
        ledger.push_job(1);
        for (const std::uint32_t slot : {0U, 4U, 3U, 1U}) {
            BOOST_TEST(ledger.has_jobs());
            BOOST_TEST(ledger.pop_job() == slot);
        }
    }
    BOOST_TEST(!ledger.has_jobs());
}

BOOST_AUTO_TEST_CASE(any_sequence_keeps_the_books) {
    for (const std::uint32_t n : sizes) {
        BOOST_TEST_CONTEXT(n << " slots") {
            std::mt19937 random{n};  // NOLINT(cert-msc51-cpp): the same sequence every time
            const std::uint32_t at_once = 1 + n / 2;
            Ledger ledger{Plan{.max_size = n, .opens_at_once = at_once}};
            Model model{n};
            const auto any = [&](SlotPhase p) {
                std::vector<std::uint32_t> of_it;
                for (std::uint32_t i = 0; i < n; ++i) {
                    if (model.phases[i] == p && std::find(model.jobs.begin(), model.jobs.end(), i) == model.jobs.end()) of_it.push_back(i);
                }
                return of_it.empty() ? nil : of_it[random() % of_it.size()];
            };
            for (int step = 0; step < 3'000; ++step) {
                ledger.outage.failures = random() % 4 == 0 ? 1 : 0;
                switch (random() % 7) {
                    case 0:
                    case 1: {
                        const std::uint32_t allowed = ledger.outage.failures != 0 ? 1 : at_once;
                        const bool room = model.counted() < n && model.count(SlotPhase::opening) < allowed;
                        BOOST_TEST_REQUIRE(ledger.has_room() == room);
                        if (!room) break;
                        const std::uint32_t slot = model.lowest_vacant();
                        BOOST_TEST_REQUIRE(ledger.take_vacancy() == slot);
                        model.phases[slot] = SlotPhase::opening;
                        break;
                    }
                    case 2:
                        if (const std::uint32_t slot = any(SlotPhase::opening); slot != nil) {
                            const std::uint32_t failures = ledger.outage.failures;
                            BOOST_TEST_REQUIRE(ledger.opened(slot).failures == failures);
                            BOOST_TEST_REQUIRE(ledger.outage.failures == 0u);
                            model.phases[slot] = SlotPhase::live;
                        }
                        break;
                    case 3:
                        if (const std::uint32_t slot = any(SlotPhase::live); slot != nil) {
                            ledger.retire(slot);
                            model.phases[slot] = SlotPhase::retiring;
                            if (random() % 2 == 0) {
                                ledger.push_job(slot);
                                model.jobs.push_back(slot);
                            }
                        }
                        break;
                    case 4:
                        if (!model.jobs.empty()) {
                            BOOST_TEST_REQUIRE(ledger.pop_job() == model.jobs.front());
                            model.jobs.pop_front();
                        }
                        break;
                    case 5:
                        if (const std::uint32_t slot = any(SlotPhase::retiring); slot != nil) {
                            ledger.revive(slot);
                            model.phases[slot] = SlotPhase::live;
                        }
                        break;
                    default:
                        if (const std::uint32_t slot = any(static_cast<SlotPhase>(1 + random() % 3)); slot != nil) {
                            ledger.vacate(slot);
                            model.phases[slot] = SlotPhase::vacant;
                        }
                        break;
                }
                if (n <= 65 || step % 50 == 0) agree(ledger, model);
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
