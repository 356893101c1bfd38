// SPDX-License-Identifier: BSL-1.0
// The answers that are functions of a view: who opens, who is handed what; and which events are told.
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <dewpond/detail/announcer.hpp>
#include <dewpond/detail/sync.hpp>
#include <dewpond/event.hpp>
#include <dewpond/policies/opening.hpp>
#include <dewpond/policies/waiting.hpp>

using namespace std::chrono_literals;
using dewpond::Adaptive;
using dewpond::Duration;
using dewpond::EventKind;
using dewpond::OpenInBackground;
using dewpond::OpenInCaller;
using dewpond::OpeningView;
using dewpond::Place;
using dewpond::PlaceName;
using dewpond::StrictFifo;
using dewpond::TimePoint;
using dewpond::detail::RecentEvents;

namespace {

static_assert(Adaptive{}.hand_over({.head_waited = 1ms}) && !Adaptive{}.hand_over({.head_waited = 1ms - 1ns}));
static_assert(OpenInBackground{}.wanted({.waiting = 3, .on_way = 1}) == 2);

constexpr TimePoint start{1h};
constexpr PlaceName orders{"orders"};
constexpr PlaceName invoices{"invoices"};

}  // namespace

BOOST_AUTO_TEST_SUITE(decisions)

BOOST_AUTO_TEST_CASE(openings_for_those_who_wait_and_for_the_canary) {
    struct Row {
        OpeningView view;
        std::uint32_t wanted;
    };
    const Row rows[] = {
        {{}, 0},
        {{.waiting = 1}, 1},
        {{.waiting = 5}, 5},
        {{.waiting = 5, .on_way = 1}, 4},
        {{.waiting = 1, .on_way = 1}, 0},
        {{.waiting = 1, .on_way = 3}, 0},
        {{.idle = 0, .min_idle = 2}, 2},
        {{.idle = 1, .min_idle = 2}, 1},
        {{.idle = 2, .min_idle = 2}, 0},
        {{.idle = 9, .min_idle = 2}, 0},
        {{.waiting = 3, .on_way = 1, .idle = 1, .min_idle = 2}, 3},
    };
    for (const Row& row : rows) {
        BOOST_TEST_CONTEXT(row.view.waiting << " waiting, " << row.view.on_way << " on the way, " << row.view.idle << " idle of " << row.view.min_idle) {
            BOOST_TEST(OpenInBackground{}.wanted(row.view) == row.wanted);
        }
    }
}

BOOST_AUTO_TEST_CASE(callers_open_for_themselves_but_not_for_those_without_a_thread) {
    // `waiting` counts callbacks only here.
    for (std::uint32_t waiting = 0; waiting < 4; ++waiting) {
        for (std::uint32_t idle = 0; idle < 4; ++idle) {
            for (std::uint32_t min_idle = 0; min_idle < 4; ++min_idle) {
                BOOST_TEST_CONTEXT(waiting << " callbacks, " << idle << " idle of " << min_idle) {
                    const std::uint32_t wanted = OpenInCaller{}.wanted({.waiting = waiting, .idle = idle, .min_idle = min_idle});
                    BOOST_TEST(wanted >= waiting);
                    BOOST_TEST(wanted == waiting + (idle < min_idle ? min_idle - idle : 0));
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(adaptive_hands_over_from_its_patience_on) {
    for (const Duration patience : {Duration{0s}, Duration{1ns}, Duration{1ms}, Duration{1h}}) {
        const Adaptive rule{patience};
        BOOST_TEST(rule.hand_over({patience}));
        BOOST_TEST(rule.hand_over({dewpond::never}));
        if (patience > Duration{}) BOOST_TEST(!rule.hand_over({patience.ns() - 1ns}));
        BOOST_TEST(rule.hand_over({}) == (patience == Duration{}));
        BOOST_TEST(StrictFifo{}.hand_over({}));
    }
}

BOOST_AUTO_TEST_CASE(an_event_is_told_once_in_ten_seconds_and_the_rest_is_counted) {
    RecentEvents recent;
    const auto note = [&](Duration at) { return recent.note(EventKind::dirty_return, orders, start + at.ns()); };
    BOOST_TEST(note(0s).tell);
    for (int i = 0; i < 5; ++i) {
        const auto t = note(std::chrono::seconds{i});
        BOOST_TEST(!t.tell);
    }
    BOOST_TEST(!note(10s - 1ns).tell);
    const auto again = note(10s);
    BOOST_TEST(again.tell);
    BOOST_TEST(again.suppressed == 6u);
    BOOST_TEST(!note(19s).tell);
    const auto third = note(20s);
    BOOST_TEST(third.tell);
    BOOST_TEST(third.suppressed == 1u);
    const auto late = note(1h);
    BOOST_TEST(late.tell);
    BOOST_TEST(late.suppressed == 0u);
}

BOOST_AUTO_TEST_CASE(the_first_event_is_told_however_early) {
    RecentEvents recent;
    BOOST_TEST(recent.note(EventKind::down, Place{}, TimePoint{}).tell);
    BOOST_TEST(recent.note(EventKind::up, Place{}, TimePoint{} + 1ns).tell);
}

BOOST_AUTO_TEST_CASE(kinds_and_places_are_limited_apart) {
    RecentEvents recent;
    const std::pair<EventKind, Place> all[] = {
        {EventKind::dirty_return, orders}, {EventKind::dirty_return, invoices}, {EventKind::closed, orders},
        {EventKind::closed, Place{}},      {EventKind::nested_wait, Place{}},
    };
    for (const auto& [kind, place] : all) BOOST_TEST(recent.note(kind, place, start).tell);
    for (const auto& [kind, place] : all) BOOST_TEST(!recent.note(kind, place, start + 1s).tell);
    for (const auto& [kind, place] : all) BOOST_TEST(recent.note(kind, place, start + 10s).suppressed == 1u);
}

BOOST_AUTO_TEST_CASE(a_flood_of_one_kind_swallows_no_event_of_another) {
    RecentEvents recent;
    const auto place = [](std::uintptr_t i) { return Place::from_bits(0x1000 + i * 8); };
    for (std::uintptr_t i = 0; i < 1'000; ++i) {
        BOOST_TEST(recent.note(EventKind::dirty_return, place(i), start).tell);
        BOOST_TEST(recent.note(EventKind::lease_too_old, place(i), start).tell);
        BOOST_TEST(!recent.note(EventKind::lease_too_old, place(i), start).tell);
    }
}

BOOST_AUTO_TEST_CASE(sixty_four_kinds_and_places_are_remembered_and_the_one_told_longest_ago_makes_room) {
    RecentEvents recent;
    const auto tells = [&](std::uintptr_t i, Duration at) { return recent.note(EventKind::closed, Place::from_bits(0x1000 + i * 8), start + at.ns()); };
    for (std::uintptr_t i = 0; i < 64; ++i) BOOST_TEST(tells(i, std::chrono::milliseconds{i}).tell);
    for (std::uintptr_t i = 0; i < 64; ++i) BOOST_TEST(!tells(i, 1s).tell);
    BOOST_TEST(tells(64, 2s).tell);
    for (std::uintptr_t i = 1; i < 65; ++i) BOOST_TEST(!tells(i, 3s).tell);
    const auto again = tells(0, 3s);
    BOOST_TEST(again.tell);
    BOOST_TEST(again.suppressed == 0u);
    const auto later = tells(2, 12s);
    BOOST_TEST(later.tell);
    BOOST_TEST(later.suppressed == 2u);
}

BOOST_AUTO_TEST_CASE(the_state_of_the_pool_is_always_told_and_nothing_once_it_is_gone) {
    using dewpond::Event;
    using Sync = dewpond::detail::RealSync;
    int told = 0;
    std::string pool;
    Sync sync;
    dewpond::detail::Announcer<Sync> announcer{dewpond::EventSink{[&](const Event& e) noexcept {
                                                   ++told;
                                                   pool = e.pool;
                                               }},
                                               "db"};
    const auto tell = [&](EventKind kind) {
        Event e;
        e.kind = kind;
        announcer.tell(e, sync.now(), sync);
        return told;
    };
    BOOST_TEST(tell(EventKind::closed) == 1);
    BOOST_TEST(tell(EventKind::closed) == 1);
    BOOST_TEST(pool == "db");
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST(tell(EventKind::down) == 2 + 2 * i);
        BOOST_TEST(tell(EventKind::up) == 3 + 2 * i);
    }
    announcer.mute(sync);
    BOOST_TEST(tell(EventKind::down) == 7);
    dewpond::detail::Announcer<Sync>{dewpond::EventSink{}, "db"}.tell(Event{}, sync.now(), sync);
}

BOOST_AUTO_TEST_SUITE_END()
