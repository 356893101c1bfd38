// SPDX-License-Identifier: BSL-1.0
// Place and PlaceName: where a checkout was asked for; and how spans, numbers and places are written in sentences.
#include <chrono>
#include <cstdint>
#include <limits>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/text.hpp>
#include <dewpond/place.hpp>
#include <dewpond/policies/watch.hpp>

using namespace std::chrono_literals;
using dewpond::Duration;
using dewpond::Place;
using dewpond::PlaceName;
using dewpond::detail::text;

namespace {

static_assert(sizeof(Place) == 8 && std::is_trivially_copyable_v<Place> && std::is_nothrow_default_constructible_v<Place>);
static_assert(std::is_constructible_v<Place, const PlaceName&> && !std::is_constructible_v<Place, PlaceName>);
static_assert(std::is_empty_v<dewpond::NoPlace> && std::is_constructible_v<dewpond::NoPlace, Place>);
[[maybe_unused]] constinit const Place at_compile_time{};

constexpr PlaceName orders{"orders"};
constexpr PlaceName orders_again{"orders"};
constexpr PlaceName invoices{"invoices"};
constexpr PlaceName nameless{};

Place here(std::source_location where = std::source_location::current()) { return where; }

}  // namespace

BOOST_AUTO_TEST_SUITE(place)

BOOST_AUTO_TEST_CASE(places_are_equal_when_they_say_the_same) {
    const Place line = here();
    // clang-format off
    const Place one = here(), same_line = here();
    // clang-format on
    const std::pair<const char*, Place> all[] = {
        {"nothing", Place{}}, {"a line", line}, {"another", one}, {"orders", orders}, {"invoices", invoices}, {"no name", nameless},
    };
    for (const auto& [a_name, a] : all) {
        for (const auto& [b_name, b] : all) {
            BOOST_TEST_CONTEXT(a_name << " and " << b_name) { BOOST_TEST((a == b) == (std::string{a_name} == b_name)); }
        }
    }
    BOOST_TEST((one == same_line));
    BOOST_TEST((Place{orders} == Place{orders_again}));
    BOOST_TEST((Place{orders}.bits() != Place{orders_again}.bits()));
    BOOST_TEST((Place{} == Place{}));
}

BOOST_AUTO_TEST_CASE(a_place_survives_its_eight_bytes) {
    for (const Place p : {Place{}, here(), Place{orders}, Place{nameless}}) {
        const Place back = Place::from_bits(p.bits());
        BOOST_TEST((back == p));
        BOOST_TEST(back.line() == p.line());
        BOOST_TEST(std::string{back.file()} == p.file());
        BOOST_TEST(back.empty() == p.empty());
    }
}

BOOST_AUTO_TEST_CASE(a_place_is_a_line_or_a_name_or_empty) {
    const unsigned line = __LINE__ + 1;
    const Place p = here();
    BOOST_TEST(!p.empty());
    BOOST_TEST(p.name() == nullptr);
    BOOST_TEST(std::string{p.file()} == "types_place.cpp");
    BOOST_TEST(p.line() == line);

    const Place named{orders};
    BOOST_TEST(!named.empty());
    BOOST_TEST(std::string{named.name()} == "orders");
    BOOST_TEST(std::string{named.file()}.empty());
    BOOST_TEST(named.line() == 0u);

    const Place none;
    BOOST_TEST(none.empty());
    BOOST_TEST(none.name() == nullptr);
    BOOST_TEST(std::string{none.file()}.empty());
    BOOST_TEST(none.line() == 0u);
}

BOOST_AUTO_TEST_CASE(places_in_sentences) {
    const Place p = here();
    BOOST_TEST(text(p) == "types_place.cpp:" + std::to_string(p.line()));
    BOOST_TEST(text(Place{orders}) == "orders");
    BOOST_TEST(text(Place{nameless}).empty());
    BOOST_TEST(text(Place{}) == "an unknown place");
}

BOOST_AUTO_TEST_CASE(the_record_of_a_holder_gives_its_place_back) {
    dewpond::Holders::per_slot record;
    BOOST_TEST(record.place().empty());
    for (const Place p : {here(), Place{orders}, Place{}, Place{invoices}}) {
        record.took(p);
        BOOST_TEST((record.place() == p));
        BOOST_TEST(record.by_this_thread());
    }
}

BOOST_AUTO_TEST_CASE(spans_in_sentences) {
    constexpr auto most = std::chrono::nanoseconds::max();
    const std::pair<Duration, const char*> rows[] = {
        {Duration{}, "0 ns"},
        {1ns, "1 ns"},
        {999ns, "999 ns"},
        {1us, "1 us"},
        {1049ns, "1 us"},
        {1500ns, "1.5 us"},
        {999'999ns, "999.9 us"},
        {1ms, "1 ms"},
        {200ms, "200 ms"},
        {1250us, "1.2 ms"},
        {1s, "1 s"},
        {1'999'999'999ns, "1.9 s"},
        {41'200ms, "41.2 s"},
        {30min, "1800 s"},
        {-1ns, "-1 ns"},
        {-5ms, "-5 ms"},
        {-1500ms, "-1.5 s"},
        {most - 1ns, "9223372036.8 s"},
        {std::chrono::nanoseconds::min(), "-9223372036.8 s"},
        {std::chrono::hours::max(), "never"},
        {dewpond::never, "never"},
    };
    for (const auto& [span, expected] : rows) {
        BOOST_TEST_CONTEXT(span.ns().count() << " ns") { BOOST_TEST(text(span) == expected); }
    }
}

BOOST_AUTO_TEST_CASE(numbers_in_sentences) {
    for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{9}, std::uint64_t{10}, std::numeric_limits<std::uint64_t>::max()}) {
        BOOST_TEST(text(n) == std::to_string(n));
    }
    BOOST_TEST(text("of ", std::uint32_t{12}, " slots", "") == "of 12 slots");
    BOOST_TEST(text().empty());
}

BOOST_AUTO_TEST_SUITE_END()
