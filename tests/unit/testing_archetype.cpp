// SPDX-License-Identifier: BSL-1.0
// The archetype has what the contract needs, and nothing that code could come to rely on.
#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <dewpond/driver.hpp>
#include <dewpond/testing/archetype.hpp>

using namespace dewpond::testing;

namespace {

using R = MinimalDriver::resource;

template <class T>
concept address_taken = requires(T& t) { &t; };
template <class D>
concept opened_as_constant = requires(const D& d) { d.open(); };
template <class D>
concept opened_as_temporary = requires(D d) { std::move(d).open(); };

static_assert(dewpond::Driver<MinimalDriver>);
static_assert(!dewpond::TellsStatus<MinimalDriver> && !dewpond::Probes<MinimalDriver> && !dewpond::Pings<MinimalDriver> &&
              !dewpond::KnowsDirty<MinimalDriver> && !dewpond::Resets<MinimalDriver> && !dewpond::HasLabel<MinimalDriver> &&
              !dewpond::Interrupts<MinimalDriver> && !dewpond::Abandons<MinimalDriver> && !dewpond::TellsFault<MinimalDriver> &&
              !dewpond::HasPollHandle<MinimalDriver>);

static_assert(std::is_nothrow_move_constructible_v<R> && std::is_nothrow_destructible_v<R>);
static_assert(!std::default_initializable<R> && !std::is_copy_constructible_v<R>);
static_assert(!std::is_copy_assignable_v<R> && !std::is_move_assignable_v<R> && !std::is_swappable_v<R>);
static_assert(!std::equality_comparable<R> && !std::is_invocable_v<std::less<>, const R&, const R&> && !address_taken<R>);

static_assert(std::is_nothrow_move_constructible_v<MinimalDriver> && !std::is_copy_constructible_v<MinimalDriver>);
static_assert(!std::default_initializable<MinimalDriver> && !std::is_move_assignable_v<MinimalDriver>);
static_assert(!opened_as_constant<MinimalDriver> && !opened_as_temporary<MinimalDriver>);
static_assert(!address_taken<MinimalDriver>);

}  // namespace

BOOST_AUTO_TEST_SUITE(archetype)

BOOST_AUTO_TEST_CASE(it_counts_what_it_opens_and_closes_wherever_the_resource_was_moved) {
    PlainCounts counts;
    MinimalDriver first{counts};
    MinimalDriver driver{std::move(first)};
    R r = driver.open();
    BOOST_TEST(counts.live() == 1);
    R there{std::move(r)};
    BOOST_TEST(there.is_open());
    driver.close(there);
    BOOST_TEST(!there.is_open());
    BOOST_TEST(counts.live() == 0);
}

BOOST_AUTO_TEST_CASE(a_resource_that_was_moved_from_or_closed_before_is_not_counted_again) {
    PlainCounts counts;
    MinimalDriver driver{counts};
    R r = driver.open();
    R there{std::move(r)};
    driver.close(r);
    BOOST_TEST(counts.live() == 1);
    driver.close(there);
    driver.close(there);
    BOOST_TEST(counts.live() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
