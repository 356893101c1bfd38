// SPDX-License-Identifier: BSL-1.0
// What Options and policies with values accept: every legal edge, and one step beyond it with its sentence.
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>

#include <boost/test/unit_test.hpp>

#include <dewpond/env.hpp>
#include <dewpond/event.hpp>
#include <dewpond/options.hpp>
#include <dewpond/policies/lifetime.hpp>
#include <dewpond/policies/liveness.hpp>
#include <dewpond/policies/waiting.hpp>
#include <dewpond/policies/watch.hpp>

using namespace std::chrono_literals;
using dewpond::Duration;
using dewpond::never;
using dewpond::Options;
using dewpond::detail::check;

namespace {

struct Row {
    const char* what;
    std::function<void(Options&)> spoil;
    const char* sentence;  ///< what is said; empty: it is legal
};

using Field = Duration Options::*;
struct Span {
    const char* name;
    Field field;
    bool zero;   ///< is allowed
    bool never;  ///< is allowed
};
/// The three spans of the back-off have to rise: they are tested apart.
constexpr Span spans[] = {
    {"checkout_timeout", &Options::checkout_timeout, false, false}, {"open_timeout", &Options::open_timeout, false, false},
    {"outage_grace", &Options::outage_grace, true, true},           {"reset_timeout", &Options::reset_timeout, false, false},
    {"return_budget", &Options::return_budget, true, false},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(options)

BOOST_AUTO_TEST_CASE(the_defaults_are_legal_and_as_documented) {
    const Options o;
    BOOST_TEST(check(o).empty());
    BOOST_TEST(o.max_size == 10u);
    BOOST_TEST(!o.min_idle.has_value());
    BOOST_TEST((o.checkout_timeout == Duration{10s}));
    BOOST_TEST(o.max_waiting == 10'000u);
    BOOST_TEST((o.open_timeout == Duration{5s}));
    BOOST_TEST(o.opens_at_once == 2u);
    BOOST_TEST((o.backoff_min == Duration{100ms}));
    BOOST_TEST((o.backoff_max_waiting == Duration{1s}));
    BOOST_TEST((o.backoff_max == Duration{5s}));
    BOOST_TEST((o.outage_grace == Duration{3s}));
    BOOST_TEST((o.reset_timeout == Duration{1s}));
    BOOST_TEST((o.return_budget == Duration{20ms}));
    BOOST_TEST(o.keeper_thread);
    BOOST_TEST(!o.on_event);
}

BOOST_AUTO_TEST_CASE(every_count_has_its_edges) {
    const Row rows[] = {
        {"max_size 1", [](Options& o) { o.max_size = 1; }, ""},
        {"max_size 65535", [](Options& o) { o.max_size = 65'535; }, ""},
        {"max_size 0", [](Options& o) { o.max_size = 0; }, "max_size is 0: it must be 1 to 65535"},
        {"max_size 65536", [](Options& o) { o.max_size = 65'536; }, "max_size is 65536: it must be 1 to 65535"},
        {"max_size -1", [](Options& o) { o.max_size = static_cast<std::size_t>(-1); }, "max_size is 18446744073709551615: it must be 1 to 65535"},
        {"min_idle 0", [](Options& o) { o.min_idle = 0; }, ""},
        {"min_idle = max_size", [](Options& o) { o.max_size = 3, o.min_idle = 3; }, ""},
        {"min_idle above max_size", [](Options& o) { o.max_size = 3, o.min_idle = 4; }, "min_idle is 4: it must be 0 to 3"},
        {"max_waiting 0", [](Options& o) { o.max_waiting = 0; }, ""},
        {"max_waiting 65535", [](Options& o) { o.max_waiting = 65'535; }, ""},
        {"max_waiting 65536", [](Options& o) { o.max_waiting = 65'536; }, "max_waiting is 65536: it must be 0 to 65535"},
        {"opens_at_once 1", [](Options& o) { o.opens_at_once = 1; }, ""},
        {"opens_at_once 16", [](Options& o) { o.opens_at_once = 16; }, ""},
        {"opens_at_once 0", [](Options& o) { o.opens_at_once = 0; }, "opens_at_once is 0: it must be 1 to 16"},
        {"opens_at_once 17", [](Options& o) { o.opens_at_once = 17; }, "opens_at_once is 17: it must be 1 to 16"},
    };
    for (const Row& row : rows) {
        BOOST_TEST_CONTEXT(row.what) {
            Options o;
            row.spoil(o);
            BOOST_TEST(check(o) == row.sentence);
        }
    }
}

BOOST_AUTO_TEST_CASE(every_span_has_its_edges) {
    for (const Span& s : spans) {
        const std::string range = std::string{": it must be "} + (s.zero ? "0 or more" : "above 0") + (s.never ? ", or never" : " and finite");
        const auto said = [&](Duration d) {
            Options o;
            o.*s.field = d;
            return check(o);
        };
        const std::string name = s.name;
        BOOST_TEST_CONTEXT(name) {
            BOOST_TEST(said(1ns).empty());
            BOOST_TEST(said(std::chrono::nanoseconds::max() - 1ns).empty());
            BOOST_TEST(said(0s) == (s.zero ? "" : name + " is 0 ns" + range));
            BOOST_TEST(said(-1ns) == name + " is -1 ns" + range);
            BOOST_TEST(said(std::chrono::hours::min()) == name + " is -9223372036.8 s" + range);
            BOOST_TEST(said(never) == (s.never ? "" : name + " is never" + range));
        }
    }
}

BOOST_AUTO_TEST_CASE(the_back_off_rises) {
    const auto spoil = [](Duration low, Duration waiting, Duration high) {
        return [=](Options& o) { o.backoff_min = low, o.backoff_max_waiting = waiting, o.backoff_max = high; };
    };
    const Row rows[] = {
        {"all the same", spoil(1s, 1s, 1s), ""},
        {"the shortest", spoil(1ns, 1ns, 1ns), ""},
        {"no least", spoil(0s, 1s, 5s), "backoff_min is 0 ns: it must be above 0 and finite"},
        {"never at least", spoil(never, never, never), "backoff_min is never: it must be above 0 and finite"},
        {"no cap while waiting", spoil(1ms, 0s, 5s), "backoff_max_waiting is 0 ns: it must be above 0 and finite"},
        {"no end while waiting", spoil(1ms, never, never), "backoff_max_waiting is never: it must be above 0 and finite"},
        {"no cap", spoil(1ms, 1s, 0s), "backoff_max is 0 ns: it must be above 0 and finite"},
        {"no end", spoil(1ms, 1s, never), "backoff_max is never: it must be above 0 and finite"},
        {"falls at first", spoil(1s, 1s - 1ns, 5s), "backoff_max_waiting is 999.9 ms: it must be at least backoff_min (1 s)"},
        {"falls at last", spoil(1ms, 2s, 1s), "backoff_max is 1 s: it must be at least backoff_max_waiting (2 s)"},
    };
    for (const Row& row : rows) {
        BOOST_TEST_CONTEXT(row.what) {
            Options o;
            row.spoil(o);
            BOOST_TEST(check(o) == row.sentence);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_name_is_short_and_plain) {
    const auto said = [](std::string name) {
        Options o;
        o.name = std::move(name);
        return check(o);
    };
    for (const char* good : {"a", "Orders-db.2_x:y", "0"}) BOOST_TEST(said(good).empty());
    BOOST_TEST(said(std::string(64, 'n')).empty());
    BOOST_TEST(said("") == "name has 0 characters: it must have 1 to 64");
    BOOST_TEST(said(std::string(65, 'n')) == "name has 65 characters: it must have 1 to 64");
    for (const char* bad : {"a b", "a\nb", "a\"b", "a/b", "\xc3\xa4", "a{b"}) {
        BOOST_TEST(said(bad) == std::string{"name '"} + bad + "' has a character other than letters, digits and _ - . :");
    }
    BOOST_TEST(!said(std::string{"a\0b", 3}).empty());
}

BOOST_AUTO_TEST_CASE(the_first_mistake_is_told) {
    Options o;
    o.max_size = 0;
    o.opens_at_once = 0;
    o.return_budget = -1s;
    BOOST_TEST(check(o).starts_with("max_size is 0"));
}

BOOST_AUTO_TEST_CASE(policies_with_values_check_them) {
    const Options o;
    using dewpond::Adaptive;
    using dewpond::Lifetime;
    using dewpond::PingAfterIdle;
    const auto lifetime = [&o](auto spoil) {
        Lifetime l;
        spoil(l);
        return l.check(o);
    };
    BOOST_TEST(Lifetime{}.check(o).empty());
    BOOST_TEST(lifetime([](Lifetime& l) { l.max_idle = 1ns, l.max_lifetime = 1ns, l.jitter = 0; }).empty());
    BOOST_TEST(lifetime([](Lifetime& l) { l.max_idle = never, l.max_lifetime = never, l.jitter = 90; }).empty());
    BOOST_TEST(lifetime([](Lifetime& l) { l.max_idle = 0s; }) == "max_idle is 0 ns: it must be above 0, or never");
    BOOST_TEST(lifetime([](Lifetime& l) { l.max_lifetime = -1s; }) == "max_lifetime is -1 s: it must be above 0, or never");
    BOOST_TEST(lifetime([](Lifetime& l) { l.jitter = 91; }) == "jitter is 91 %: it must be 0 to 90");

    BOOST_TEST(PingAfterIdle{1ns}.check(o).empty());
    BOOST_TEST(PingAfterIdle{0s}.check(o) == "rested is 0 ns: it must be above 0 and finite");
    BOOST_TEST(PingAfterIdle{never}.check(o) == "rested is never: it must be above 0 and finite");

    BOOST_TEST(Adaptive{0s}.check(o).empty());
    BOOST_TEST(Adaptive{-1ns}.check(o) == "patience is -1 ns: it must be 0 or more and finite");
    BOOST_TEST(Adaptive{never}.check(o) == "patience is never: it must be 0 or more and finite");
}

BOOST_AUTO_TEST_CASE(a_sink_is_called_and_shared_by_its_copies) {
    struct Throwing {
        void operator()(const dewpond::Event&) const {}
    };
    static_assert(!std::is_constructible_v<dewpond::EventSink, Throwing>);
    static_assert(std::is_nothrow_copy_constructible_v<dewpond::EventSink>);
    int told = 0;
    const dewpond::EventSink sink{[&told](const dewpond::Event&) noexcept { ++told; }};
    const dewpond::EventSink copy = sink;
    sink({});
    copy({});
    BOOST_TEST(told == 2);
    BOOST_TEST(static_cast<bool>(copy));
    const dewpond::EventSink none;
    none({});
    BOOST_TEST(!none);
}

namespace {

/// A variable for as long as it lives.
struct Variable {
    Variable(const char* variable, const char* value) : name{variable} { ::setenv(variable, value, 1); }
    Variable(const Variable&) = delete;
    ~Variable() { ::unsetenv(name); }
    const char* name;
};

}  // namespace

BOOST_AUTO_TEST_CASE(every_reader_knows_the_keys_of_the_others) {
    const Variable variables[] = {{"T_POOL_CAPACITY", "100"}, {"T_POOL_MAX_SIZE", "7"}, {"T_POOL_MAX_USES", "9"}, {"T_POOL_RESTED", "2s"},
                                  {"T_POOL_PATIENCE", "3ms"}, {"T_POOL_WARN_AFTER", "5min"}};
    const Options o = Options::from_env("T_POOL_");
    BOOST_TEST(o.max_size == 7u);
    BOOST_TEST(o.capacity.value_or(0) == 100u);
    BOOST_TEST(dewpond::lifetime_from_env("T_POOL_").max_uses.count() == 9u);
    BOOST_CHECK(dewpond::ping_after_idle_from_env("T_POOL_").rested == Duration{2s});
    BOOST_CHECK(dewpond::adaptive_from_env("T_POOL_").patience == Duration{3ms});
    BOOST_CHECK(dewpond::warn_after_from_env("T_POOL_").warn_after() == Duration{5min});
    BOOST_CHECK(dewpond::warn_after_from_env("OTHER_").warn_after() == Duration{60s});
}

BOOST_AUTO_TEST_CASE(a_bad_span_to_warn_after_is_refused_with_its_variable) {
    const auto refusal = [](const char* value) -> std::string {
        const Variable v{"T_POOL_WARN_AFTER", value};
        try {
            (void)dewpond::warn_after_from_env("T_POOL_");
        } catch (const dewpond::PoolError& e) {
            return e.what();
        }
        return {};
    };
    BOOST_TEST(refusal("never").empty());
    BOOST_TEST(refusal("30") == "T_POOL_WARN_AFTER is '30': it must be a whole number with a unit (ns, us, ms, s, min, h), such as 250ms, or never");
    BOOST_TEST(refusal("1ms") == "under T_POOL_: WarnAfter is 1 ms: it must be at least 100 ms, or never");
}

BOOST_AUTO_TEST_SUITE_END()
