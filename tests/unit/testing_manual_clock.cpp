// SPDX-License-Identifier: BSL-1.0
// The manual clock: time stands still until it is moved, and no wake-up is lost.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/deadline.hpp>
#include <dewpond/policy.hpp>
#include <dewpond/testing/manual_clock.hpp>

using namespace std::chrono_literals;
using dewpond::Deadline;
using dewpond::testing::ManualClock;

namespace {

static_assert(dewpond::Policy<ManualClock>);
static_assert(std::is_same_v<ManualClock::answers, dewpond::question::sync>);

using Word = ManualClock::atomic<std::uint32_t>;

}  // namespace

BOOST_AUTO_TEST_SUITE(manual_clock, *boost::unit_test::timeout(60))

BOOST_AUTO_TEST_CASE(time_starts_after_zero_and_stands_still) {
    const ManualClock clock;
    const auto first = clock.now();
    BOOST_TEST((first > dewpond::TimePoint{}));
    BOOST_TEST((clock.now() == first));
    BOOST_TEST((clock.elapsed() == dewpond::Duration{}));
}

BOOST_AUTO_TEST_CASE(time_moves_by_what_it_is_told) {
    const ManualClock clock;
    const auto first = clock.now();
    clock.advance(250ms);
    BOOST_TEST((clock.now() - first == 250ms));
    clock.set(first + 1h);
    BOOST_TEST((clock.elapsed() == dewpond::Duration{1h}));
}

BOOST_AUTO_TEST_CASE(time_never_goes_back) {
    const ManualClock clock;
    clock.advance(1s);
    const auto at = clock.now();
    clock.set(at - 500ms);
    clock.advance(-1s);
    BOOST_TEST((clock.now() == at));
}

BOOST_AUTO_TEST_CASE(advancing_for_ever_does_not_overflow) {
    const ManualClock clock;
    clock.advance(dewpond::never);
    clock.advance(1s);
    BOOST_TEST((clock.now() == dewpond::TimePoint::max()));
}

BOOST_AUTO_TEST_CASE(copies_share_their_time_and_a_moved_from_handle_still_tells_it) {
    ManualClock clock;
    ManualClock copy = clock;
    const ManualClock moved = std::move(copy);
    moved.advance(1s);
    BOOST_TEST((clock.now() == moved.now()));
    BOOST_TEST((copy.now() == moved.now()));
}

BOOST_AUTO_TEST_CASE(parking_on_a_word_that_has_changed_returns_at_once) {
    const ManualClock clock;
    Word word{1};
    clock.park(word, 0, Deadline{});
    BOOST_TEST(clock.parked() == 0u);
}

BOOST_AUTO_TEST_CASE(parking_with_a_deadline_that_has_come_returns_at_once) {
    const ManualClock clock;
    Word word{0};
    clock.park(word, 0, Deadline{clock.now()});
    clock.park(word, 0, Deadline::after(clock.now(), 0s));
    BOOST_TEST(clock.parked() == 0u);
}

BOOST_AUTO_TEST_CASE(an_unpark_ends_a_park) {
    const ManualClock clock;
    Word word{0};
    const std::jthread t{[&] { clock.park(word, 0, Deadline{}); }};
    clock.wait_until_parked(1);
    word.store(1);
    clock.unpark(&word);
    BOOST_TEST(clock.parked() == 0u);
}

BOOST_AUTO_TEST_CASE(changing_the_word_without_an_unpark_wakes_nobody) {
    const ManualClock clock;
    Word word{0};
    std::atomic<bool> back{false};
    const std::jthread t{[&] {
        clock.park(word, 0, Deadline{});
        back.store(true);
    }};
    clock.wait_until_parked(1);
    word.store(1);
    int other = 0;
    clock.unpark_all(&other);  // stirs every sleeper's condition, and is none of their business
    clock.advance(1h);
    BOOST_TEST(clock.parked() == 1u);
    BOOST_TEST(!back.load());
    clock.unpark(&word);
}

BOOST_AUTO_TEST_CASE(a_deadline_ends_a_park_when_time_reaches_it_and_not_before) {
    const ManualClock clock;
    Word word{0};
    const auto until = clock.now() + 100ms;
    const std::jthread t{[&] { clock.park(word, 0, Deadline{until}); }};
    clock.wait_until_parked(1);
    clock.advance(99ms);
    BOOST_TEST(clock.parked() == 1u);
    clock.advance(1ms);
    BOOST_TEST(clock.parked() == 0u);
}

BOOST_AUTO_TEST_CASE(advance_to_next_moves_to_the_earliest_deadline) {
    const ManualClock clock;
    BOOST_TEST(!clock.advance_to_next());
    Word word{0};
    const auto start = clock.now();
    const std::jthread late{[&] { clock.park(word, 0, Deadline{start + 3s}); }};
    const std::jthread early{[&] { clock.park(word, 0, Deadline{start + 1s}); }};
    const std::jthread never{[&] { clock.park(word, 0, Deadline{}); }};
    clock.wait_until_parked(3);
    BOOST_TEST((clock.next_deadline() == Deadline{start + 1s}));
    BOOST_TEST(clock.advance_to_next());
    BOOST_TEST((clock.now() == start + 1s));
    BOOST_TEST(clock.parked() == 2u);
    BOOST_TEST(clock.advance_to_next());
    BOOST_TEST((clock.now() == start + 3s));
    BOOST_TEST(!clock.advance_to_next());
    BOOST_TEST(clock.parked() == 1u);
    clock.unpark(&word);
}

BOOST_AUTO_TEST_CASE(unpark_wakes_one_and_unpark_all_wakes_all_of_that_address) {
    const ManualClock clock;
    Word word{0}, other{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { clock.park(word, 0, Deadline{}); });
    threads.emplace_back([&] { clock.park(other, 0, Deadline{}); });
    clock.wait_until_parked(5);
    clock.unpark(&word);
    BOOST_TEST(clock.parked() == 4u);
    clock.unpark_all(&word);
    BOOST_TEST(clock.parked() == 1u);
    clock.unpark(&other);
}

BOOST_AUTO_TEST_CASE(who_has_been_parked_longest_is_woken_first) {
    const ManualClock clock;
    Word word{0};
    std::jthread first{[&] { clock.park(word, 0, Deadline{}); }};
    clock.wait_until_parked(1);
    const std::jthread second{[&] { clock.park(word, 0, Deadline{}); }};
    clock.wait_until_parked(2);
    clock.unpark(&word);
    first.join();
    BOOST_TEST(clock.parked() == 1u);
    clock.unpark(&word);
}

BOOST_AUTO_TEST_CASE(an_address_whose_word_is_gone_may_be_unparked) {
    const ManualClock clock;
    const auto* gone = reinterpret_cast<const void*>(std::uintptr_t{64});  // looking into it would crash
    clock.unpark(gone);
    clock.unpark_all(gone);
    BOOST_TEST(clock.parked() == 0u);
}

BOOST_AUTO_TEST_CASE(no_wake_up_is_lost_between_looking_at_the_word_and_sleeping) {
    const ManualClock clock;
    static constexpr std::uint32_t rounds = 20'000;
    Word word{0}, seen{0};
    // Somebody who often holds the clock's mutex drives sleeper and waker apart, so that they meet it in either order.
    const std::jthread noise{[&clock](const std::stop_token& stop) {
        while (!stop.stop_requested()) static_cast<void>(clock.parked());
    }};
    const std::jthread sleeper{[&] {
        for (std::uint32_t i = 0; i < rounds; ++i) {
            while (word.load() == i) clock.park(word, i, Deadline{});
            seen.store(i + 1);
        }
    }};
    // The waker does not sleep itself: it changes the word just when the sleeper, having said so, goes to park on it.
    for (std::uint32_t i = 0; i < rounds; ++i) {
        word.store(i + 1);
        clock.unpark(&word);
        for (unsigned turns = 0; seen.load() == i; ++turns) {
            if (turns > 1000) std::this_thread::yield();
        }
        for (unsigned n = i % 256; n != 0; --n) static_cast<void>(seen.load());  // every distance behind the sleeper
    }
    BOOST_TEST(seen.load() == rounds);
}

BOOST_AUTO_TEST_CASE(time_may_be_moved_while_others_park_and_unpark) {
    const ManualClock clock;
    std::atomic<bool> stop{false};
    const std::jthread mover{[&] {
        while (!stop.load()) clock.advance(1ms);
    }};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 500; ++n) {
                Word word{0};
                clock.park(word, 0, Deadline::after(clock.now(), 2ms));
                clock.unpark(&word);
            }
        });
    }
    threads.clear();
    stop.store(true);
    BOOST_TEST(clock.parked() == 0u);
}

BOOST_AUTO_TEST_CASE(a_handle_may_be_destroyed_while_a_thread_is_parked_through_it) {
    Word word{0};
    auto clock = std::make_unique<ManualClock>();
    const ManualClock mine = *clock;
    const std::jthread t{[handle = clock.get(), &word] { handle->park(word, 0, Deadline{}); }};
    mine.wait_until_parked(1);
    clock.reset();
    mine.unpark(&word);
}

BOOST_AUTO_TEST_SUITE_END()
