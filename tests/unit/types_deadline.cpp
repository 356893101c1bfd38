// SPDX-License-Identifier: BSL-1.0
// Duration, Limit, Deadline: whatever a caller says becomes a span or a moment, and nothing overflows.
#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

#include <boost/test/unit_test.hpp>

#include <dewpond/deadline.hpp>

using namespace std::chrono_literals;
using dewpond::Deadline;
using dewpond::Duration;
using dewpond::Limit;
using dewpond::never;
using dewpond::TimePoint;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
using Seconds = std::chrono::duration<double>;
using Nanos = std::chrono::duration<double, std::nano>;
using Picoseconds = std::chrono::duration<std::int64_t, std::pico>;
using Years = std::chrono::duration<std::int64_t, std::ratio<31556952>>;

constexpr nanoseconds most = nanoseconds::max();
constexpr nanoseconds least = nanoseconds::min();
constexpr TimePoint end_of_time = TimePoint::max();
constexpr TimePoint at(nanoseconds since_boot) { return TimePoint{since_boot}; }
constexpr TimePoint now = at(1h);

// All of it is there at compile time.
static_assert(Duration{}.ns() == 0ns && Duration{never}.is_never() && !Duration{0s}.is_never());
static_assert(Duration{std::chrono::hours::max()}.is_never() && Duration{std::chrono::hours::min()}.ns() == least);
static_assert(Duration{Seconds{0.5}}.ns() == 500ms && Duration{Seconds{inf}}.is_never());
static_assert(Duration{1s} < Duration{2s} && Duration{-1s} < Duration{} && Duration{never} > Duration{24h} && Duration{1000ms} == Duration{1s});
static_assert(Limit{200ms}.from(now).at() == now + 200ms && Limit{never}.from(now).is_never() && Limit{0s}.is_zero());
static_assert(Deadline{}.is_never() && Deadline{now}.passed(now) && Deadline::after(now, never).is_never());
static_assert(earlier(Deadline{now}, Deadline{}) == Deadline{now} && Deadline{now}.remaining(now + 1s) == 0ns);

// A number has no unit, another clock can be stepped: neither is a limit.
static_assert(!std::is_constructible_v<Limit, int> && !std::is_constructible_v<Limit, double>);
static_assert(!std::is_constructible_v<Limit, std::chrono::system_clock::time_point>);
static_assert(!std::is_constructible_v<Duration, int> && !std::is_constructible_v<Duration, steady_clock::time_point>);
static_assert(!std::is_convertible_v<TimePoint, Deadline> && std::is_convertible_v<TimePoint, Limit>);
static_assert(std::is_convertible_v<dewpond::Never, Limit> && std::is_convertible_v<dewpond::Never, Duration>);

}  // namespace

BOOST_AUTO_TEST_SUITE(deadline)

BOOST_AUTO_TEST_CASE(a_duration_takes_every_span_and_saturates) {
    struct Row {
        const char* said;
        Duration got;
        nanoseconds expected;
    };
    const Row rows[] = {
        {"nothing", {}, 0ns},
        {"0 s", 0s, 0ns},
        {"1 ns", 1ns, 1ns},
        {"250 ms", 250ms, 250'000'000ns},
        {"-5 s", -5s, -5'000'000'000ns},
        {"never", never, most},
        {"the longest ns", most, most},
        {"the longest ns but one", most - 1ns, most - 1ns},
        {"the most negative ns", least, least},
        {"the most negative ns but one", least + 1ns, least + 1ns},
        {"the longest us", std::chrono::microseconds::max(), most},
        {"the most negative us", std::chrono::microseconds::min(), least},
        {"the longest hours", std::chrono::hours::max(), most},
        {"the most negative hours", std::chrono::hours::min(), least},
        {"9223372036 s", 9'223'372'036s, 9'223'372'036'000'000'000ns},
        {"9223372037 s", 9'223'372'037s, most},
        {"-9223372036 s", -9'223'372'036s, -9'223'372'036'000'000'000ns},
        {"-9223372037 s", -9'223'372'037s, least},
        {"292 years", Years{292}, nanoseconds{292 * 31556952LL * 1'000'000'000LL}},
        {"293 years", Years{293}, most},
        {"1999 ps", Picoseconds{1999}, 1ns},
        {"-1999 ps", Picoseconds{-1999}, -1ns},
        {"half a second", Seconds{0.5}, 500ms},
        {"half a second, float", std::chrono::duration<float>{0.5F}, 500ms},
        {"1.9 ns", Nanos{1.9}, 1ns},
        {"-1.9 ns", Nanos{-1.9}, -1ns},
        {"1e300 s", Seconds{1e300}, most},
        {"-1e300 s", Seconds{-1e300}, least},
        {"the nearest double above the longest ns", Nanos{9223372036854775808.0}, most},
        {"the nearest double below it", Nanos{9223372036854774784.0}, 9'223'372'036'854'774'784ns},
        {"the double at the most negative ns", Nanos{-9223372036854775808.0}, least},
        {"infinity", Seconds{inf}, most},
        {"minus infinity", Seconds{-inf}, least},
        {"not a number", Seconds{not_a_number}, most},
    };
    for (const Row& row : rows) {
        BOOST_TEST_CONTEXT(row.said) {
            BOOST_TEST(row.got.ns().count() == row.expected.count());
            BOOST_TEST(row.got.is_never() == (row.expected == most));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_span_that_rounds_up_to_the_end_of_time_is_long_not_negative) {
    using FloatHours = std::chrono::duration<float, std::ratio<3600>>;
    BOOST_TEST((Duration{FloatHours{2562047.75F}} > Duration{Years{292}}));
    BOOST_TEST((Duration{FloatHours{-2562047.75F}} < Duration{-Years{292}}));
    BOOST_TEST((Limit{FloatHours{2562047.75F}}.from(now).is_never()));
}

BOOST_AUTO_TEST_CASE(durations_are_ordered_by_their_span) {
    const Duration rising[] = {least, -1h, -1ns, 0s, 1ns, 1us, 1ms, 1s, 24h, most - 1ns, never};
    for (const Duration& a : rising) {
        for (const Duration& b : rising) {
            BOOST_TEST_CONTEXT(a.ns().count() << " and " << b.ns().count()) {
                BOOST_TEST((a < b) == (&a < &b));
                BOOST_TEST((a == b) == (&a == &b));
                BOOST_TEST((a >= b) == (&a >= &b));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_limit_becomes_a_deadline) {
    struct Row {
        const char* said;
        Limit limit;
        TimePoint expected;
        bool zero;
    };
    using OnFloat = std::chrono::time_point<steady_clock, Seconds>;
    using OnHours = std::chrono::time_point<steady_clock, std::chrono::hours>;
    const Row rows[] = {
        {"0 s", 0s, now, true},
        {"-1 s", -1s, now, true},
        {"minus for ever", std::chrono::hours::min(), now, true},
        {"1 ns", 1ns, now + 1ns, false},
        {"a Duration", Duration{30s}, now + 30s, false},
        {"all that is left of time", end_of_time - now, end_of_time, false},
        {"all but one ns of it", end_of_time - now - 1ns, end_of_time - 1ns, false},
        {"one ns more than there is", end_of_time - now + 1ns, end_of_time, false},
        {"never", never, end_of_time, false},
        {"Duration never", Duration{never}, end_of_time, false},
        {"the longest hours", std::chrono::hours::max(), end_of_time, false},
        {"not a number", Seconds{not_a_number}, end_of_time, false},
        {"a moment to come", now + 3s, now + 3s, false},
        {"this moment", now, now, false},
        {"a moment gone by", now - 30min, now - 30min, false},
        {"the beginning", TimePoint{}, TimePoint{}, false},
        {"the end of time", end_of_time, end_of_time, false},
        {"a moment in fractions", OnFloat{Seconds{7200.25}}, at(7200s + 250ms), false},
        {"a moment beyond the end", OnHours{std::chrono::hours::max()}, end_of_time, false},
        {"an infinite moment", OnFloat{Seconds{inf}}, end_of_time, false},
    };
    for (const Row& row : rows) {
        BOOST_TEST_CONTEXT(row.said) {
            const Deadline d = row.limit.from(now);
            BOOST_TEST(d.at().time_since_epoch().count() == row.expected.time_since_epoch().count());
            BOOST_TEST(d.is_never() == (row.expected == end_of_time));
            BOOST_TEST(row.limit.is_zero() == row.zero);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_deadline_tells_what_is_left) {
    struct Row {
        const char* what;
        Deadline deadline;
        TimePoint when;
        bool passed;
        nanoseconds remaining;
    };
    const Row rows[] = {
        {"never, now", {}, now, false, most},
        {"never, at the end of time", {}, end_of_time, true, most},
        {"in 5 s", Deadline::after(now, 5s), now, false, 5s},
        {"in 5 s, 1 ns before", Deadline::after(now, 5s), now + 5s - 1ns, false, 1ns},
        {"in 5 s, at it", Deadline::after(now, 5s), now + 5s, true, 0ns},
        {"in 5 s, long after", Deadline::after(now, 5s), now + 5h, true, 0ns},
        {"at once", Deadline::after(now, 0s), now, true, 0ns},
        {"after a negative span", Deadline::after(now, -5s), now, true, 0ns},
        {"after never", Deadline::after(now, never), now, false, most},
        {"after more than there is", Deadline::after(now, most - 1ns), now, false, most},
        {"after a span from the last moment", Deadline::after(end_of_time, 1s), now, false, most},
        {"one ns before the end of time", Deadline{end_of_time - 1ns}, now, false, end_of_time - 1ns - now},
    };
    for (const Row& row : rows) {
        BOOST_TEST_CONTEXT(row.what) {
            BOOST_TEST(row.deadline.passed(row.when) == row.passed);
            BOOST_TEST(row.deadline.remaining(row.when).count() == row.remaining.count());
        }
    }
}

BOOST_AUTO_TEST_CASE(the_earlier_of_two_deadlines) {
    const Deadline rising[] = {Deadline{TimePoint{}}, Deadline{now}, Deadline{now + 1ns}, Deadline{end_of_time - 1ns}, Deadline{}};
    for (const Deadline& a : rising) {
        for (const Deadline& b : rising) BOOST_TEST((earlier(a, b) == (&a < &b ? a : b)));
    }
}

BOOST_AUTO_TEST_SUITE_END()
