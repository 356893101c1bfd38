// SPDX-License-Identifier: BSL-1.0
// The face as users write it: the pool's type, its lease, places, results; and a driver that offers the least.
#include <source_location>
#include <type_traits>
#include <utility>

#include <dewpond/pool.hpp>
#include <dewpond/testing/archetype.hpp>

#include "kit/bench.hpp"

using namespace behaviour;
using dewpond::Options;

namespace {

using Pool = dewpond::Pool<ScriptedDriver, StallClock>;
using Lease = Pool::Lease;
using Silent = dewpond::Pool<ScriptedDriver, dewpond::NoHolders, StallClock>;

static_assert(!std::is_copy_constructible_v<Pool> && !std::is_move_constructible_v<Pool>);
static_assert(sizeof(Lease) <= 16 && !std::is_copy_constructible_v<Lease> && std::is_nothrow_default_constructible_v<Lease>);
static_assert(std::is_nothrow_move_constructible_v<Lease> && std::is_nothrow_move_assignable_v<Lease> && std::is_nothrow_destructible_v<Lease>);
static_assert(noexcept(std::declval<Lease&>().give_back()));
static_assert(noexcept(std::declval<Lease&>().discard()));
static_assert(noexcept(std::declval<Lease&>().detach()));
static_assert(noexcept(std::declval<Pool&>().try_checkout(Place{})) && noexcept(std::declval<Pool&>().try_checkout(Limit{dewpond::never}, Place{})));

template <class L>
concept can_be_looked_into = requires(L&& l) { *std::forward<L>(l); } || requires(L&& l) { std::forward<L>(l).get(); } ||
                             requires(L&& l) { std::forward<L>(l).operator->(); };
static_assert(can_be_looked_into<Lease&> && can_be_looked_into<const Lease&>);
static_assert(!can_be_looked_into<Lease>, "a temporary lease is returned at the end of the expression");

template <class P, class Where>
concept takes_place = requires(P& p, Where where) { p.checkout(1s, where); };
static_assert(takes_place<Pool, const dewpond::PlaceName&> && takes_place<Pool, std::source_location> && takes_place<Pool, Place>);
static_assert(takes_place<Silent, const dewpond::PlaceName&> && takes_place<Silent, std::source_location> && takes_place<Silent, Place>);
template <class P>
concept takes_number = requires(P& p) { p.checkout(5); };
static_assert(!takes_number<Pool>, "a number has no unit");

struct Typed {
    Script script;
    StallClock clock;
    Pool pool{ScriptedDriver{script}, Options{.max_size = 2}, clock};
    ~Typed() {
        pool.close(0ms);
        BOOST_CHECK(script.violations().empty());
    }
};

/// A wrapper as the tutorial shows it.
struct Repository {
    Pool& pool;
    Lease connect(Place place = std::source_location::current()) const { return pool.checkout(1s, place); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(face, *boost::unit_test::timeout(60))

BOOST_FIXTURE_TEST_CASE(an_empty_lease_holds_nothing_and_may_be_ended_in_every_way, Typed) {
    Lease lease;
    BOOST_TEST(!lease);
    BOOST_TEST(lease.get_if() == nullptr);
    BOOST_CHECK(lease.give_back() == ReturnReport::clean);
    lease.discard();
    lease.report(Fault::broken);
    BOOST_TEST(!lease);
}

BOOST_FIXTURE_TEST_CASE(a_lease_that_was_moved_from_is_empty, Typed) {
    Lease first = pool.checkout();
    const auto* resource = first.get_if();
    Lease second = std::move(first);
    BOOST_TEST(!first);  // NOLINT(bugprone-use-after-move): that it is defined is what is tested
    BOOST_TEST(first.get_if() == nullptr);
    BOOST_CHECK(first.give_back() == ReturnReport::clean);
    BOOST_TEST(second.get_if() == resource);
    BOOST_TEST(pool.stats().in_use == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_lease_that_was_ended_is_empty, Typed) {
    Lease lease = pool.checkout();
    (void)lease.give_back();
    BOOST_TEST(!lease);
    lease = pool.checkout();
    lease.discard();
    BOOST_TEST(!lease);
    lease = pool.checkout();
    lease.detach().close_detached();
    BOOST_TEST(!lease);
}

BOOST_FIXTURE_TEST_CASE(moving_a_lease_into_itself_changes_nothing, Typed) {
    Lease lease = pool.checkout();
    Lease& same = lease;
    lease = std::move(same);
    BOOST_TEST(lease.operator bool());
    BOOST_TEST(lease->id() == 1u);
    BOOST_TEST(pool.stats().in_use == 1u);
}

BOOST_FIXTURE_TEST_CASE(assigning_over_a_lease_returns_what_it_held, Typed) {  // R7
    Lease lease = pool.checkout();
    Lease other = pool.checkout();
    lease = std::move(other);
    BOOST_TEST(lease->id() == 2u);
    BOOST_TEST(pool.stats().idle == 1u);
    BOOST_TEST(pool.stats().in_use == 1u);
    BOOST_TEST(script.live() == 2u);
    lease = Lease{};
    BOOST_TEST(pool.stats().idle == 2u);
}

BOOST_FIXTURE_TEST_CASE(a_wrapper_passes_its_callers_place_on, Typed) {
    const Repository repository{pool};
    const Lease held = repository.connect();
    const auto line = std::to_string(__LINE__ - 1);
    BOOST_TEST(holds(pool.inspect(), "face.cpp:" + line));
}

BOOST_FIXTURE_TEST_CASE(a_wrapper_may_name_a_place, Typed) {
    static constexpr dewpond::PlaceName orders{"orders"};
    const Repository repository{pool};
    const Lease held = repository.connect(orders);
    BOOST_TEST(holds(pool.inspect(), "at orders"));
}

BOOST_AUTO_TEST_CASE(a_pool_that_records_no_holders_takes_places_and_keeps_none, *boost::unit_test::timeout(20)) {
    static constexpr dewpond::PlaceName orders{"orders"};
    const Script script;
    Silent pool{ScriptedDriver{script}, Options{}, dewpond::NoHolders{}, StallClock{}};
    const auto lease = pool.checkout(1s, orders);
    BOOST_TEST(!holds(pool.inspect(), "orders"));
}

BOOST_FIXTURE_TEST_CASE(the_resource_is_reached_by_star_arrow_and_get, Typed) {
    const Lease lease = pool.checkout();
    BOOST_TEST((*lease).id() == 1u);
    BOOST_TEST(lease->id() == 1u);
    BOOST_TEST(lease.get().id() == 1u);
    BOOST_TEST(lease.get_if() == &lease.get());
}

BOOST_AUTO_TEST_CASE(options_may_be_absent_and_policies_come_in_any_order, *boost::unit_test::timeout(20)) {
    const Script script;
    const StallClock clock;
    dewpond::Pool none{ScriptedDriver{script}, clock};
    static_assert(std::is_same_v<decltype(none), Pool>);
    BOOST_TEST(none.stats().max_size == 10u);
    dewpond::Pool other{ScriptedDriver{script}, {.max_size = 3}, dewpond::NoHolders{}, clock};
    dewpond::Pool same{ScriptedDriver{script}, {.max_size = 3}, clock, dewpond::NoHolders{}};
    static_assert(std::is_same_v<decltype(other)::Lease, decltype(same)::Lease>);
    BOOST_TEST(other.stats().max_size == 3u);
}

BOOST_AUTO_TEST_CASE(a_driver_with_the_needed_rows_only_is_enough, *boost::unit_test::timeout(20)) {
    PlainCounts counts;
    {
        dewpond::Pool<MinimalDriver, StallClock> pool{MinimalDriver{counts}, Options{.max_size = 2}, StallClock{}};
        auto first = pool.checkout();
        BOOST_TEST(first->is_open());
        auto second = pool.try_checkout(1s);
        BOOST_TEST_REQUIRE(second.has_value());
        BOOST_CHECK(pool.try_checkout().error().code() == Code::none_idle);
        first.discard();
        BOOST_TEST(counts.live() == 1);
        first = pool.checkout();
        auto mine = second->detach();
        BOOST_TEST(mine.is_open());
        BOOST_TEST(pool.stats().size == 1u);
        BOOST_CHECK(first.give_back() == ReturnReport::clean);
        BOOST_TEST(pool.stats().idle == 1u);
        BOOST_TEST(counts.opened.load() == 3);
    }
    BOOST_TEST(counts.live() == 1);  // the one that was taken out
}

/// A resource that is counted as an object, too.
struct Counted {
    explicit Counted(int& n) noexcept : alive{&n} { ++n; }
    Counted(Counted&& other) noexcept : alive{other.alive} { ++*alive; }
    ~Counted() { --*alive; }
    int* alive;
};
struct Counting {
    using resource = Counted;
    int* alive;
    Counted open() { return Counted{*alive}; }
    void close(Counted&) noexcept {}
};

BOOST_AUTO_TEST_CASE(a_resource_is_destroyed_when_it_was_closed_refused_or_taken_out, *boost::unit_test::timeout(20)) {
    int alive = 0;
    bool welcome = true;
    const auto ask = [&](Counted&, Deadline) { return welcome; };
    {
        dewpond::Pool pool{Counting{&alive}, {.max_size = 2, .outage_grace = 0s}, dewpond::OnOpen{ask}, StallClock{}};
        pool.checkout().discard();
        BOOST_TEST(alive == 0);
        {
            const Counted taken = pool.checkout().detach();
            BOOST_TEST(alive == 1);
        }
        BOOST_TEST(alive == 0);
        welcome = false;
        BOOST_TEST(!pool.try_checkout(1s));
        BOOST_TEST(alive == 0);
        welcome = true;
    }
    BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(what_a_hook_soils_is_closed_where_the_driver_cannot_clean_it, *boost::unit_test::timeout(20)) {
    using Staining = dewpond::testing::Scripted<dewpond::testing::can::Dirty>;
    const Script script;
    const auto soil_the_first = [](ScriptedResource& r, Deadline) {
        if (r.id() == 1) r.make_dirty();
        return true;
    };
    dewpond::Pool pool{Staining{script}, {.max_size = 1}, dewpond::OnCheckout{soil_the_first}, StallClock{}};
    const auto lease = pool.checkout(1s);
    BOOST_TEST(lease->id() == 2u);
    BOOST_TEST(pool.stats().closed_because(CloseReason::hook_left_dirty) == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
