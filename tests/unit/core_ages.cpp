// SPDX-License-Identifier: BSL-1.0
// Ages by sampling, and what the keeper makes of them: pace, expiry, spacing.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/detail/samples.hpp>
#include <dewpond/policies/lifetime.hpp>

using namespace std::chrono_literals;
using dewpond::Ages;
using dewpond::CloseReason;
using dewpond::Duration;
using dewpond::Lifetime;
using dewpond::never;
using dewpond::TimePoint;
using dewpond::detail::may_shrink;
using dewpond::detail::retirements_per_tick;
using dewpond::detail::Sample;
using dewpond::detail::scatter;
using dewpond::detail::stall_after;
using dewpond::detail::tick_period;

namespace {

constexpr TimePoint at(int seconds) { return TimePoint{std::chrono::seconds{1000 + seconds}}; }

static_assert(tick_period(never, never) == Duration{1s} && retirements_per_tick(0) == 1 && !may_shrink(0, 0) && may_shrink(1, 0));
static_assert([] {
    Sample s;
    s.opened(0, at(0));
    s.look(1, true, at(1));
    s.look(1, true, at(3));
    return s.ages(at(3)).idle == Duration{2s} && s.ages(at(3)).life == Duration{3s};
}());
static_assert([] {
    Lifetime::per_slot slot;
    Lifetime{}.opened(slot, 0);
    return slot.lifetime == Duration{1800s} && Lifetime{}.expired(slot, Ages{.idle = 300s}) == CloseReason::max_idle;
}());

}  // namespace

BOOST_AUTO_TEST_SUITE(ages)

BOOST_AUTO_TEST_CASE(an_age_runs_while_use_count_and_side_stay_the_same) {
    struct Look {
        int at;
        std::uint64_t uses;
        bool idle;
        int idle_for, out_for;  ///< as known after it, in seconds
    };
    struct Story {
        const char* what;
        std::vector<Look> looks;  ///< opened at 0 with use count 5, in somebody's hand
    };
    const Story stories[] = {
        {"it rests", {{1, 5, true, 0, 0}, {2, 5, true, 1, 0}, {9, 5, true, 8, 0}}},
        {"one long lease", {{1, 6, false, 0, 0}, {2, 6, false, 0, 1}, {60, 6, false, 0, 59}}},
        {"used between two looks", {{1, 5, true, 0, 0}, {2, 5, true, 1, 0}, {3, 6, true, 0, 0}, {4, 6, true, 1, 0}}},
        {"a lease follows a lease", {{1, 6, false, 0, 0}, {2, 7, false, 0, 0}, {3, 7, false, 0, 1}}},
        // The trap: the use count changes at checkout only, so a lease of ten ticks that has just come back shows the
        // same count as ten ticks ago. It has not rested for ten ticks.
        {"just back from a long lease", {{1, 6, false, 0, 0}, {11, 6, false, 0, 10}, {12, 6, true, 0, 0}, {13, 6, true, 1, 0}}},
        {"out again and back while nobody looked", {{1, 5, true, 0, 0}, {2, 7, true, 0, 0}, {3, 7, true, 1, 0}}},
        {"taken a moment ago", {{1, 5, true, 0, 0}, {8, 5, true, 7, 0}, {9, 6, false, 0, 0}, {10, 6, false, 0, 1}}},
    };
    for (const Story& story : stories) {
        Sample s;
        s.opened(5, at(0));
        for (const Look& look : story.looks) {
            BOOST_TEST_CONTEXT(story.what << ", at " << look.at) {
                const TimePoint now = at(look.at);
                s.look(look.uses, look.idle, now);
                BOOST_TEST((s.ages(now).idle == Duration{std::chrono::seconds{look.idle_for}}));
                BOOST_TEST((s.out_for(now) == Duration{std::chrono::seconds{look.out_for}}));
                BOOST_TEST((s.ages(now).life == Duration{now - at(0)}));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(an_empty_slot_has_no_age) {
    Sample s;
    BOOST_TEST((s.ages(at(9)).idle == Duration{} && s.ages(at(9)).life == Duration{} && s.out_for(at(9)) == Duration{}));
    s.opened(3, at(0));
    s.look(3, true, at(1));
    s.look(3, true, at(5));
    s.vacated();
    BOOST_TEST((s.ages(at(9)).idle == Duration{} && s.ages(at(9)).life == Duration{} && s.out_for(at(9)) == Duration{}));
    s.opened(3, at(10));  // the count goes on where it was; the age does not
    BOOST_TEST((s.ages(at(11)).life == Duration{1s}));
    s.look(3, true, at(12));
    BOOST_TEST((s.ages(at(12)).idle == Duration{}));
    s.look(3, true, at(15));
    BOOST_TEST((s.ages(at(15)).idle == Duration{3s}));
}

BOOST_AUTO_TEST_CASE(an_age_begins_with_the_first_look) {
    Sample s;
    s.look(3, true, at(1));
    s.look(3, true, at(5));
    BOOST_TEST((s.ages(at(5)).idle == Duration{4s} && s.out_for(at(5)) == Duration{}));
}

BOOST_AUTO_TEST_CASE(the_keepers_pace) {
    struct Row {
        Duration resolution, aged_after, expected;
    };
    const Row rows[] = {
        {never, never, 1s},     {never, 30s, 1s},       {never, 5s, 500ms},   {never, 100ms, 10ms}, {never, 1ns, 10ms},
        {30s, never, 1s},       {300ms, never, 300ms},  {1ms, never, 10ms},   {0s, never, 10ms},    {200ms, 1s, 100ms},
        {50ms, 1s, 50ms},       {1s, 10s, 1s},          {1s + 1ns, never, 1s}, {10ms, never, 10ms},  {10ms - 1ns, never, 10ms},
    };
    for (const Row& row : rows) {
        BOOST_TEST_CONTEXT(row.resolution.ns().count() << ", " << row.aged_after.ns().count()) {
            BOOST_TEST(tick_period(row.resolution, row.aged_after).ns().count() == row.expected.ns().count());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_tick_so_much_late_tells_of_a_stall) {
    for (const Duration period : {Duration{10ms}, Duration{999ms}, Duration{1s}}) BOOST_TEST((stall_after(period) == Duration{2s}));
    BOOST_TEST((stall_after(5s) == Duration{10s}));
    BOOST_TEST(stall_after(never).is_never());
}

BOOST_AUTO_TEST_CASE(neighbours_have_nothing_to_do_with_each_other) {
    // Whichever bit changes, each bit of the number changes about every second time.
    for (unsigned changed = 0; changed < 64; ++changed) {
        int flips[32] = {};
        for (std::uint64_t k = 0; k < 1'024; ++k) {
            const std::uint64_t n = k % 2 == 0 ? k : k * 0x9E37'79B9'7F4A'7C15u;
            const std::uint32_t differ = scatter(n) ^ scatter(n ^ std::uint64_t{1} << changed);
            for (unsigned bit = 0; bit < 32; ++bit) flips[bit] += static_cast<int>(differ >> bit & 1);
        }
        for (unsigned bit = 0; bit < 32; ++bit) {
            BOOST_TEST_CONTEXT("bit " << changed << " changed, bit " << bit << " of the number") {
                BOOST_TEST_REQUIRE(flips[bit] > 512 - 112);
                BOOST_TEST_REQUIRE(flips[bit] < 512 + 112);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(retirements_are_spaced_and_spare_the_canary) {
    struct Row {
        std::uint32_t counted, expected;
    };
    for (const Row row : {Row{0, 1}, Row{1, 1}, Row{9, 1}, Row{10, 2}, Row{99, 10}, Row{100, 11}, Row{65'535, 6'554}}) {
        BOOST_TEST(retirements_per_tick(row.counted) == row.expected);
    }
    for (std::uint32_t idle = 0; idle < 5; ++idle) {
        for (std::uint32_t min_idle = 0; min_idle < 5; ++min_idle) BOOST_TEST(may_shrink(idle, min_idle) == (idle > min_idle));
    }
}

BOOST_AUTO_TEST_CASE(jitter_shortens_a_lifetime_by_up_to_so_many_per_cent) {
    for (const unsigned jitter : {0U, 1U, 10U, 50U, 90U}) {
        for (const Duration most : {Duration{1s}, Duration{1800s}, Duration{24h * 365}, Duration{std::chrono::nanoseconds::max() - 1ns}}) {
            BOOST_TEST_CONTEXT(jitter << " % of " << most.ns().count() << " ns") {
                const Lifetime rule{.max_idle = never, .max_lifetime = most, .jitter = jitter};
                const std::int64_t ns = most.ns().count();
                const std::int64_t cut = ns / 100 * jitter;
                std::int64_t lowest = ns, highest = 0;
                int tenths[10] = {};
                for (std::uint32_t random = 0; random < 8'192; ++random) {
                    Lifetime::per_slot slot, same;
                    rule.opened(slot, random);
                    rule.opened(same, random);
                    const std::int64_t got = slot.lifetime.ns().count();
                    BOOST_TEST_REQUIRE(got <= ns);
                    BOOST_TEST_REQUIRE(got >= ns - cut);
                    BOOST_TEST_REQUIRE((slot.lifetime == same.lifetime));
                    lowest = std::min(lowest, got);
                    highest = std::max(highest, got);
                    if (jitter != 0) ++tenths[std::min<std::int64_t>((ns - got) / (cut / 10), 9)];
                }
                BOOST_TEST(highest == ns);
                BOOST_TEST(lowest <= ns - cut + cut / 1'000);
                if (jitter != 0) {
                    for (const int n : tenths) {
                        BOOST_TEST(n > 8'192 / 10 - 20);
                        BOOST_TEST(n < 8'192 / 10 + 20);
                    }
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(without_an_end_there_is_nothing_to_shorten) {
    Lifetime::per_slot slot;
    Lifetime{.max_lifetime = never}.opened(slot, 4'095);
    BOOST_TEST(slot.lifetime.is_never());
    // A slot of old keeps nothing of the resource before.
    Lifetime{.max_lifetime = 10s, .jitter = 0}.opened(slot, 1);
    BOOST_TEST((slot.lifetime == Duration{10s}));
}

BOOST_AUTO_TEST_CASE(what_has_expired_and_why) {
    struct Row {
        const char* what;
        Duration max_idle, lifetime;
        Ages ages;
        CloseReason why;
    };
    constexpr CloseReason no = CloseReason::count_;
    const Row rows[] = {
        {"new", 300s, 1800s, {0s, 0s}, no},
        {"one ns before either", 300s, 1800s, {300s - 1ns, 1800s - 1ns}, no},
        {"rested just long enough", 300s, 1800s, {300s, 1000s}, CloseReason::max_idle},
        {"lived just long enough", 300s, 1800s, {0s, 1800s}, CloseReason::max_lifetime},
        {"both: age is why", 300s, 1800s, {300s, 1800s}, CloseReason::max_lifetime},
        {"no limits", never, never, {24h, 24h}, no},
        {"no limits at the end of time", never, never, {never, never}, no},
        {"no idle limit", never, 1800s, {24h, 1799s}, no},
        {"no idle limit, old", never, 1800s, {24h, 24h}, CloseReason::max_lifetime},
        {"no lifetime", 300s, never, {299s, 24h}, no},
        {"no lifetime, rested", 300s, never, {301s, 24h}, CloseReason::max_idle},
    };
    for (const Row& row : rows) {
        BOOST_TEST_CONTEXT(row.what) {
            const Lifetime rule{.max_idle = row.max_idle};
            BOOST_TEST((rule.expired(Lifetime::per_slot{row.lifetime}, row.ages) == row.why));
        }
    }
}

BOOST_AUTO_TEST_CASE(the_keeper_looks_ten_times_as_often_as_needed) {
    BOOST_TEST((Lifetime{}.resolution() == Duration{30s}));
    BOOST_TEST((Lifetime{.max_idle = never, .max_lifetime = 10s}.resolution() == Duration{1s}));
    BOOST_TEST((Lifetime{.max_idle = 1s, .max_lifetime = never}.resolution() == Duration{100ms}));
    BOOST_TEST((Lifetime{.max_idle = never, .max_lifetime = never}.resolution().is_never()));
}

BOOST_AUTO_TEST_SUITE_END()
