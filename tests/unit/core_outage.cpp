// SPDX-License-Identifier: BSL-1.0
// When opening fails: back-off, the down state and its end, as tables of values.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/detail/ledger.hpp>
#include <dewpond/detail/outage.hpp>
#include <dewpond/detail/settlement.hpp>

using namespace std::chrono_literals;
using dewpond::Code;
using dewpond::Duration;
using dewpond::Fault;
using dewpond::TimePoint;
using dewpond::detail::backoff;
using dewpond::detail::FailedOpen;
using dewpond::detail::Ledger;
using dewpond::detail::nearer_gate;
using dewpond::detail::on_open_failed;
using dewpond::detail::on_opened_in_vain;
using dewpond::detail::opening_cap;
using dewpond::detail::Outage;
using dewpond::detail::OutageRules;
using dewpond::detail::OutageWord;
using dewpond::detail::Plan;
using dewpond::detail::refuses;
using dewpond::detail::Verdict;

namespace {

constexpr TimePoint start{1h};
constexpr OutageRules rules{.backoff_min = 100ms, .backoff_max_waiting = 1s, .backoff_max = 5s, .grace = 3s, .open_timeout = 5s};
constexpr std::uint32_t draws[] = {0, 1, 2, 100, 32'767, 32'768, 65'534, 65'535, 65'536, 1'000'003, 0xffff'ffff};

/// The undrawn span of the n-th failure: doubled each time, never above the cap; by the definition.
std::int64_t span_of(std::uint32_t failures, std::int64_t least, std::int64_t most) {
    auto span = static_cast<long double>(least);
    for (std::uint32_t i = 1; i < failures && span < static_cast<long double>(most); ++i) span *= 2;
    return span >= static_cast<long double>(most) ? most : static_cast<std::int64_t>(span);
}

static_assert(backoff(1, 100ms, 5s, 0).ns() == 10ms && backoff(4, 100ms, 5s, 0).ns() == 80ms && backoff(60, 100ms, 5s, 0).ns() == 500ms);
static_assert(opening_cap(Outage{}, 4) == 4 && opening_cap(Outage{.failures = 1}, 4) == 1);
static_assert([] {
    Outage o;
    return on_open_failed(o, rules, {.fault = Fault::unreachable}, start) == Verdict::carry_on && o.failures == 1;
}());
static_assert([] {
    Code c{};
    return !refuses(Outage{}, false, start, c) && nearer_gate(Outage{}, rules, start) == TimePoint{};
}());

}  // namespace

BOOST_AUTO_TEST_SUITE(outage)

BOOST_AUTO_TEST_CASE(back_off_doubles_within_its_bounds) {
    constexpr std::int64_t forever = std::numeric_limits<std::int64_t>::max() - 1;
    for (const std::int64_t least : {std::int64_t{1}, std::int64_t{9}, std::int64_t{100'000'000}, forever}) {
        for (const std::int64_t most : {std::int64_t{1}, std::int64_t{1'000'000'000}, std::int64_t{5'000'000'000}, forever}) {
            for (const std::uint32_t failures : {0U, 1U, 2U, 3U, 5U, 10U, 33U, 63U, 64U, 65U, 1'000U, 0xffff'ffffU}) {
                BOOST_TEST_CONTEXT("failure " << failures << ", " << least << " to " << most << " ns") {
                    const std::int64_t span = span_of(failures, std::min(least, most), most);
                    std::int64_t before = -1;
                    for (const std::uint32_t draw : {0U, 1U, 100U, 32'767U, 32'768U, 65'535U}) {
                        const std::int64_t got = backoff(failures, std::chrono::nanoseconds{least}, std::chrono::nanoseconds{most}, draw).ns().count();
                        BOOST_TEST(got >= span / 10);
                        BOOST_TEST(got <= span);
                        BOOST_TEST(got >= before);
                        before = got;
                    }
                    if (span > 10'000'000) BOOST_TEST(before > span / 100 * 99);
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(back_off_is_spread_over_the_whole_span) {
    int tenths[10] = {};
    for (std::uint32_t draw = 0; draw < 65'536; ++draw) {
        const auto ns = backoff(7, 100ms, 5s, draw).ns();  // a span of 5 s, drawn from 0.5 s on
        ++tenths[std::min<std::int64_t>((ns - 500ms) / 450ms, 9)];
    }
    for (const int n : tenths) {
        BOOST_TEST(n > 6'500);
        BOOST_TEST(n < 6'600);
    }
}

BOOST_AUTO_TEST_CASE(back_off_of_nothing_is_still_a_span) {
    for (const std::uint32_t draw : draws) {
        const Duration d = backoff(1, 0s, 0s, draw);
        BOOST_TEST((d >= Duration{} && d <= Duration{1ns}));
    }
}

BOOST_AUTO_TEST_CASE(a_cap_just_above_twice_the_span_is_not_reached_by_doubling) {
    std::int64_t cap = 1'000'000'001;
    while ((cap - cap / 10) % 65'536 != 0) cap += 2;  // here one nanosecond of the span shows in what is drawn
    const Duration least = std::chrono::nanoseconds{cap / 2}, just_above = std::chrono::nanoseconds{cap};
    BOOST_TEST((backoff(2, least, just_above, 65'535) == backoff(2, least, Duration{2 * least.ns()}, 65'535)));
    BOOST_TEST((backoff(3, least, just_above, 65'535) > backoff(2, least, just_above, 65'535)));
}

BOOST_AUTO_TEST_CASE(the_same_draw_gives_the_same_wait) {
    for (const std::uint32_t draw : draws) BOOST_TEST((backoff(3, 100ms, 5s, draw) == backoff(3, 100ms, 5s, draw % 65'536)));
}

namespace {

struct Step {
    Duration at;
    FailedOpen failed;
    Verdict verdict;
    std::uint32_t failures;  ///< in a row, afterwards
    bool down;               ///< afterwards
    Duration gate_from{}, gate_to{};  ///< from `at`; both zero: as before
};
struct Story {
    const char* what;
    std::vector<Step> steps;
};

FailedOpen unreachable(bool any_live = false, bool waiting = false) { return {Fault::unreachable, 5s, 1ms, any_live, waiting, 12'345}; }
FailedOpen slow(Duration allowed) { return {Fault::timed_out, allowed, allowed, false, false, 54'321}; }
FailedOpen says_timed_out(Duration allowed, Duration took) { return {Fault::timed_out, allowed, took, false, false, 54'321}; }
FailedOpen wrong_password(bool any_live = false) { return {Fault::configuration, 5s, 1ms, any_live, false, 7}; }

}  // namespace

BOOST_AUTO_TEST_CASE(failed_openings_tell_their_stories) {
    const Story stories[] = {
        {"down once the grace is over, and still down then",
         {
             {0s, unreachable(), Verdict::carry_on, 1, false, 10ms, 100ms},
             {100ms, unreachable(), Verdict::carry_on, 2, false, 20ms, 200ms},
             {2'999ms, unreachable(), Verdict::carry_on, 3, false, 40ms, 400ms},
             {3s, unreachable(), Verdict::down, 4, true, 80ms, 800ms},
             {4s, unreachable(), Verdict::down, 5, true, 160ms, 1600ms},
             {6s, unreachable(), Verdict::down, 6, true, 320ms, 3200ms},
             {9s, unreachable(), Verdict::down, 7, true, 500ms, 5s},
             {99s, unreachable(), Verdict::down, 8, true, 500ms, 5s},
         }},
        {"while somebody waits the cap is lower",
         {
             {0s, unreachable(false, true), Verdict::carry_on, 1, false, 10ms, 100ms},
             {1s, unreachable(false, true), Verdict::carry_on, 2, false, 20ms, 200ms},
             {2s, unreachable(false, true), Verdict::carry_on, 3, false, 40ms, 400ms},
             {2500ms, unreachable(false, true), Verdict::carry_on, 4, false, 80ms, 800ms},
             {3s, unreachable(false, true), Verdict::down, 5, true, 100ms, 1s},
             {4s, unreachable(false, false), Verdict::down, 6, true, 320ms, 3200ms},
         }},
        {"what still lives keeps the pool up for ever",
         {
             {0s, unreachable(true), Verdict::carry_on, 1, false, 10ms, 100ms},
             {5s, unreachable(true), Verdict::carry_on, 2, false, 20ms, 200ms},
             {1h, unreachable(true), Verdict::carry_on, 3, false, 40ms, 400ms},
         }},
        {"the last one dies long after opening began to fail: down at the next failure",
         {
             {0s, unreachable(true), Verdict::carry_on, 1, false, 10ms, 100ms},
             {60s, unreachable(false), Verdict::down, 2, true, 20ms, 200ms},
         }},
        {"one came to life while the pool was down (a detached and reopened one, say): not refused, still down in name",
         {
             {0s, unreachable(), Verdict::carry_on, 1, false, 10ms, 100ms},
             {3s, unreachable(), Verdict::down, 2, true, 20ms, 200ms},
             {4s, unreachable(true), Verdict::carry_on, 3, true, 40ms, 400ms},
         }},
        {"a configuration fault with nothing live refuses at once",
         {
             {0s, wrong_password(), Verdict::refuse, 1, false, 10ms, 100ms},
             {1s, wrong_password(), Verdict::refuse, 2, false, 20ms, 200ms},
         }},
        {"a configuration fault is only waited out while something lives",
         {
             {0s, wrong_password(true), Verdict::carry_on, 1, false, 10ms, 100ms},
             {1h, wrong_password(true), Verdict::carry_on, 2, false, 20ms, 200ms},
         }},
        {"the fault may change on the way",
         {
             {0s, unreachable(), Verdict::carry_on, 1, false, 10ms, 100ms},
             {1s, wrong_password(), Verdict::refuse, 2, false, 20ms, 200ms},
             {3s, unreachable(), Verdict::down, 3, true, 40ms, 400ms},
         }},
        {"a time-out that was given too little time proves nothing",
         {
             {0s, slow(10ms), Verdict::carry_on, 0, false},
             {10s, slow(4'999ms), Verdict::carry_on, 0, false},
             {20s, slow(5s), Verdict::carry_on, 1, false, 10ms, 100ms},
             {21s, slow(1ms), Verdict::carry_on, 1, false},
             {30s, slow(5s), Verdict::down, 2, true, 20ms, 200ms},
             {31s, slow(1ms), Verdict::carry_on, 2, true},
             {32s, slow(dewpond::never), Verdict::down, 3, true, 40ms, 400ms},
         }},
        {"a time-out that came before its time was up is the driver's own answer, and counts",
         {
             {0s, says_timed_out(10ms, 10ms - 1ns), Verdict::carry_on, 1, false, 10ms, 100ms},
             {1s, says_timed_out(10ms, 10ms), Verdict::carry_on, 1, false},
             {2s, says_timed_out(10ms, 11ms), Verdict::carry_on, 1, false},
             {3s, says_timed_out(10ms, 0s), Verdict::down, 2, true, 20ms, 200ms},
         }},
        {"other faults count however little time they were given",
         {
             {0s, {Fault::unreachable, 1ms, 1ms, false, false, 0}, Verdict::carry_on, 1, false, 10ms, 10ms},
             {3s, {Fault::full, 0s, 0s, false, false, 0}, Verdict::down, 2, true, 20ms, 20ms},
         }},
    };
    for (const Story& story : stories) {
        Outage o;
        TimePoint gate{}, since{}, down_since{};
        for (const Step& step : story.steps) {
            BOOST_TEST_CONTEXT(story.what << ", after " << step.at.ns().count() << " ns") {
                const TimePoint now = start + step.at.ns();
                if (o.failures == 0 && step.failures != 0) since = now;
                if (!o.down && step.down) down_since = now;
                BOOST_TEST((on_open_failed(o, rules, step.failed, now) == step.verdict));
                BOOST_TEST(o.failures == step.failures);
                BOOST_TEST(o.down == step.down);
                BOOST_TEST((o.since == since));
                BOOST_TEST((o.down_since == down_since));
                if (step.gate_to == Duration{}) {
                    BOOST_TEST((o.gate == gate));
                } else {
                    BOOST_TEST((o.gate >= now + step.gate_from.ns()));
                    BOOST_TEST((o.gate <= now + step.gate_to.ns()));
                    BOOST_TEST((o.fault == step.failed.fault));
                }
                gate = o.gate;
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(no_grace_is_down_at_once_and_endless_grace_never) {
    OutageRules at_once = rules, patient = rules;
    at_once.grace = 0s;
    patient.grace = dewpond::never;
    Outage a, b;
    BOOST_TEST((on_open_failed(a, at_once, unreachable(), start) == Verdict::down));
    for (int hour = 0; hour < 1'000; ++hour) {
        BOOST_TEST((on_open_failed(b, patient, unreachable(), start + std::chrono::hours{hour}) == Verdict::carry_on));
    }
}

BOOST_AUTO_TEST_CASE(what_was_opened_in_vain_makes_the_next_one_wait) {
    Outage o;
    on_opened_in_vain(o, rules, 2, 0, start);
    BOOST_TEST((o.failures == 2 && o.fault == Fault::other && o.since == start && !o.down && o.gate == start + 20ms));
    on_opened_in_vain(o, rules, 1, 0, start + 1s);  // another caller's first: the row goes on
    BOOST_TEST((o.failures == 2 && o.since == start && o.gate == start + 1s + 20ms));
    on_opened_in_vain(o, rules, 60, 0, start + 2s);  // somebody waits: never longer than the cap for those
    BOOST_TEST((o.failures == 60 && o.since == start && o.gate == start + 2s + 100ms));
    Outage before{.failures = 5, .fault = Fault::unreachable, .since = start};
    on_opened_in_vain(before, rules, 2, 0, start + 9s);
    BOOST_TEST((before.failures == 5 && before.fault == Fault::other && before.since == start && before.gate == start + 9s + 100ms));
}

BOOST_AUTO_TEST_CASE(the_first_success_ends_it) {
    Ledger ledger{Plan{.max_size = 2, .opens_at_once = 2, .outage = rules}};
    for (const Duration at : {Duration{0s}, Duration{4s}}) {
        const std::uint32_t slot = ledger.take_vacancy();
        ledger.vacate(slot);
        on_open_failed(ledger.outage, rules, unreachable(), start + at.ns());
    }
    BOOST_TEST(ledger.outage.down);
    BOOST_TEST(ledger.opens_allowed() == 1u);
    BOOST_TEST(!ledger.may_open(start + 4s));
    BOOST_TEST(ledger.may_open(ledger.outage.gate));
    const Outage before = ledger.opened(ledger.take_vacancy());
    BOOST_TEST(before.down);
    BOOST_TEST(before.failures == 2u);
    BOOST_TEST((before.since == start));
    BOOST_TEST((before.down_since == start + 4s));
    BOOST_TEST(ledger.outage.failures == 0u);
    BOOST_TEST(!ledger.outage.down);
    BOOST_TEST(ledger.opens_allowed() == 2u);
    BOOST_TEST(ledger.may_open(start));
    BOOST_TEST(ledger.opened(ledger.take_vacancy()).failures == 0u);
}

BOOST_AUTO_TEST_CASE(what_a_newcomer_gets) {
    struct Row {
        const char* what;
        Outage outage;
        bool any_live;
        bool refused;
        Code code;
    };
    const TimePoint later = start + 1s;
    const Row rows[] = {
        {"all is well", {}, false, false, {}},
        {"all is well and something lives", {}, true, false, {}},
        {"one failure", {.failures = 1, .fault = Fault::unreachable, .gate = later}, false, false, {}},
        {"down", {.failures = 9, .down = true, .fault = Fault::unreachable, .gate = later}, false, true, Code::server_down},
        {"down and the gate open", {.failures = 9, .down = true, .fault = Fault::unreachable, .gate = start}, false, true, Code::server_down},
        {"down, but something lives", {.failures = 9, .down = true, .gate = later}, true, false, {}},
        {"misconfigured", {.failures = 1, .fault = Fault::configuration, .gate = later}, false, true, Code::open_failed},
        {"misconfigured, time to try again", {.failures = 1, .fault = Fault::configuration, .gate = start}, false, false, {}},
        {"misconfigured, but something lives", {.failures = 1, .fault = Fault::configuration, .gate = later}, true, false, {}},
        {"misconfigured and down", {.failures = 5, .down = true, .fault = Fault::configuration, .gate = later}, false, true, Code::server_down},
    };
    for (const Row& row : rows) {
        BOOST_TEST_CONTEXT(row.what) {
            Code code = Code::bad_option;
            BOOST_TEST(refuses(row.outage, row.any_live, start, code) == row.refused);
            BOOST_TEST((code == (row.refused ? row.code : Code::bad_option)));
        }
    }
}

BOOST_AUTO_TEST_CASE(the_gate_comes_nearer_for_one_who_waits_and_never_recedes) {
    const Outage far{.failures = 8, .gate = start + 5s}, near{.failures = 1, .gate = start + 10ms}, open{.failures = 1, .gate = start - 1s};
    BOOST_TEST((nearer_gate(far, rules, start) == start + 1s));
    BOOST_TEST((nearer_gate(near, rules, start) == near.gate));
    BOOST_TEST((nearer_gate(open, rules, start) == open.gate));
}

BOOST_AUTO_TEST_CASE(one_alone_opens_while_it_keeps_failing) {
    for (const std::uint32_t at_once : {1U, 2U, 16U}) {
        BOOST_TEST(opening_cap({}, at_once) == at_once);
        for (const std::uint32_t failures : {1U, 2U, 1'000U}) BOOST_TEST(opening_cap({.failures = failures}, at_once) == 1u);
    }
}

BOOST_AUTO_TEST_CASE(one_word_tells_of_an_outage_to_the_millisecond_and_never_too_short_a_back_off) {
    BOOST_TEST(OutageWord::of({}).bits == 0u);
    const OutageWord word = OutageWord::of({.failures = 3, .fault = Fault::full, .gate = start + 250ms});
    BOOST_CHECK(word.fault() == Fault::full && word.failures() == 3);
    BOOST_CHECK(word.backoff(start) == Duration{251ms} && word.backoff(start + 251ms) == Duration{} && word.backoff(start + 1h) == Duration{});
    BOOST_CHECK(OutageWord::of({.failures = 1, .gate = start + 1ns}).backoff(start) == Duration{1ms});
    BOOST_CHECK(OutageWord::of({.failures = 1, .gate = TimePoint{-1h}}).backoff(TimePoint{}) == Duration{1ms});
    BOOST_TEST(OutageWord::of({.failures = 70'000}).failures() == 65'535u);
    const OutageWord last = OutageWord::of({.failures = 1, .fault = Fault::full, .gate = TimePoint{24h * 365 * 40}});  // of a clock of 34 years
    BOOST_CHECK(last.backoff(TimePoint{}) == Duration{std::chrono::milliseconds{(std::int64_t{1} << 40) - 1}} && last.failures() == 1 && last.fault() == Fault::full);
}

BOOST_AUTO_TEST_SUITE_END()
