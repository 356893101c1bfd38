// SPDX-License-Identifier: BSL-1.0
// What may be copied, moved and thrown, and what may not.
#include <chrono>
#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>

#include <dewpond/pool.hpp>
#include <dewpond/testing/archetype.hpp>

namespace {

using namespace dewpond;
using namespace std::chrono_literals;

struct Teapot {
    int size = 1;
};
struct Kettle {
    using resource = Teapot;
    Teapot open();
    void close(Teapot&) noexcept;
};
struct PointerKettle {
    using resource = Teapot*;
    Teapot* open();
    void close(Teapot*&) noexcept;
};
using Teapots = Pool<Kettle>;
using Lease = Teapots::Lease;
constexpr std::chrono::seconds some{1};

// ---- the lease ----

static_assert(std::is_nothrow_default_constructible_v<Lease>);
static_assert(std::is_nothrow_move_constructible_v<Lease> && std::is_nothrow_move_assignable_v<Lease> && std::is_nothrow_destructible_v<Lease>);
static_assert(!std::is_copy_constructible_v<Lease> && !std::is_copy_assignable_v<Lease>);
static_assert(std::is_nothrow_swappable_v<Lease>);
static_assert(std::is_constructible_v<bool, Lease&> && !std::is_convertible_v<Lease&, bool>, "no number by accident");
static_assert(!std::is_constructible_v<Lease, Teapot> && !std::is_constructible_v<Lease, Teapot*>, "made by a pool only");

static_assert(noexcept(std::declval<Lease&>().give_back()) && noexcept(std::declval<Lease&>().discard()));
static_assert(noexcept(std::declval<Lease&>().detach()) && noexcept(std::declval<Lease&>().report(Fault::broken)));
static_assert(std::same_as<decltype(std::declval<Lease&>().give_back()), ReturnReport>);
static_assert(std::same_as<decltype(std::declval<Lease&>().detach()), Teapot>);

// Looked into where it has a name, const or not; never where it would be gone at the end of the expression.
template <class L>
concept looked_into = requires(L lease) {
    *std::forward<L>(lease);
    std::forward<L>(lease).get();
    std::forward<L>(lease).get_if();
    std::forward<L>(lease).operator->();
};
template <class L>
concept looked_into_somehow =
    requires(L lease) { *std::forward<L>(lease); } || requires(L lease) { std::forward<L>(lease).get(); } ||
    requires(L lease) { std::forward<L>(lease).get_if(); } || requires(L lease) { std::forward<L>(lease).operator->(); };
static_assert(looked_into<Lease&> && looked_into<const Lease&>);
static_assert(!looked_into_somehow<Lease&&> && !looked_into_somehow<const Lease&&>);
static_assert(std::same_as<decltype(*std::declval<const Lease&>()), Teapot&>);
static_assert(std::same_as<decltype(std::declval<Lease&>().get_if()), Teapot*>);
static_assert(std::same_as<decltype(std::declval<Lease&>().operator->()), Teapot*>);
static_assert(std::same_as<decltype(*std::declval<Pool<PointerKettle>::Lease&>()), Teapot*&>);
static_assert(std::same_as<decltype(std::declval<Pool<PointerKettle>::Lease&>().operator->()), Teapot*>, "through the pointer");

// ---- the pool ----

static_assert(!std::is_copy_constructible_v<Teapots> && !std::is_move_constructible_v<Teapots>);
static_assert(!std::is_copy_assignable_v<Teapots> && !std::is_move_assignable_v<Teapots>);
static_assert(std::is_nothrow_destructible_v<Teapots>);
static_assert(std::is_constructible_v<Teapots, Kettle> && std::is_constructible_v<Teapots, Kettle, Options>);
static_assert(!std::is_convertible_v<Kettle, Teapots>, "no pool by accident");
static_assert(!std::is_constructible_v<Teapots, Options>, "nor one without a driver");
static_assert(std::is_constructible_v<Pool<Kettle, Lifetime, NoMetrics>, Kettle, Lifetime, NoMetrics>);
static_assert(std::is_constructible_v<Pool<Kettle, Lifetime, NoMetrics>, Kettle, Options, Lifetime, NoMetrics>);
static_assert(std::is_constructible_v<Pool<Kettle, Lifetime>, Kettle> && std::is_constructible_v<Pool<Kettle, Lifetime>, Kettle, Options>);
static_assert(!std::is_constructible_v<Pool<Kettle, Lifetime>, Kettle, Lifetime, Options>, "options come second");

// Deduced from what it is made of; the options are no policy.
static_assert(std::same_as<decltype(Pool{Kettle{}}), Teapots>);
static_assert(std::same_as<decltype(Pool{Kettle{}, Options{}}), Teapots>);
static_assert(std::same_as<decltype(Pool{Kettle{}, {.max_size = 5}}), Teapots>);
static_assert(std::same_as<decltype(Pool{Kettle{}, Lifetime{}, NoMetrics{}}), Pool<Kettle, Lifetime, NoMetrics>>);
static_assert(std::same_as<decltype(Pool{Kettle{}, {.max_size = 5}, StrictFifo{}}), Pool<Kettle, StrictFifo>>);
static_assert(std::same_as<decltype(Pool{Kettle{}, {}, NoCheck{}})::driver_type, Kettle>);

static_assert(std::same_as<decltype(std::declval<Teapots&>().checkout()), Lease>);
static_assert(std::same_as<decltype(std::declval<Teapots&>().checkout(200ms)), Lease>);
static_assert(std::same_as<decltype(std::declval<Teapots&>().checkout(never)), Lease>);
static_assert(std::same_as<decltype(std::declval<Teapots&>().checkout(std::chrono::steady_clock::now())), Lease>);
static_assert(std::same_as<decltype(std::declval<Teapots&>().try_checkout()), Result<Lease>>);
static_assert(noexcept(std::declval<Teapots&>().try_checkout()) && noexcept(std::declval<Teapots&>().try_checkout(some)));
static_assert(noexcept(std::declval<Teapots&>().wait_ready(some)) && noexcept(std::declval<Teapots&>().close(some)));
static_assert(noexcept(std::declval<Teapots&>().maintain()));

// A limit has a unit and a clock that nobody sets.
template <class L>
concept limits = requires(Teapots& pool, L limit) { pool.checkout(limit); };
static_assert(limits<std::chrono::nanoseconds> && limits<std::chrono::hours> && limits<std::chrono::duration<double>>);
static_assert(limits<Duration> && limits<Limit> && limits<Never> && limits<std::chrono::steady_clock::time_point>);
static_assert(!limits<int> && !limits<double> && !limits<bool> && !limits<std::nullptr_t> && !limits<const char*>);
static_assert(!limits<std::chrono::system_clock::time_point> && !limits<Deadline>);

using Waiter = Teapots::Waiter;
static_assert(!std::is_copy_constructible_v<Waiter> && !std::is_move_constructible_v<Waiter> && !std::is_move_assignable_v<Waiter>);

// ---- results and errors ----

static_assert(std::is_nothrow_move_constructible_v<Result<Lease>> && std::is_nothrow_move_assignable_v<Result<Lease>>);
static_assert(!std::is_copy_constructible_v<Result<Lease>> && !std::is_convertible_v<Result<Lease>&, bool>);
static_assert(std::is_nothrow_copy_constructible_v<PoolError> && std::is_nothrow_copy_assignable_v<PoolError>);
static_assert(std::derived_from<PoolError, std::exception> && std::derived_from<OpenError, std::exception>);
static_assert(noexcept(std::declval<const PoolError&>().what()));
static_assert(std::is_nothrow_move_constructible_v<OpenError> && std::is_copy_constructible_v<OpenError>, "thrown");

// ---- values ----

static_assert(std::is_trivially_copyable_v<Place> && std::is_trivially_copyable_v<Limit>);
static_assert(std::is_trivially_copyable_v<Deadline> && std::is_trivially_copyable_v<Duration> && std::is_trivially_copyable_v<NoPlace>);
static_assert(std::is_convertible_v<std::source_location, Place> && std::is_convertible_v<const PlaceName&, Place>);
static_assert(!std::is_constructible_v<Place, PlaceName> && !std::is_constructible_v<Place, const PlaceName>, "a temporary name would dangle");
static_assert(std::is_aggregate_v<Options> && std::is_aggregate_v<Lifetime> && std::is_aggregate_v<Stats>);
static_assert(std::is_nothrow_move_constructible_v<Options> && std::is_copy_constructible_v<Options>);

// ---- the least of a driver ----

using Least = Pool<testing::MinimalDriver>;
static_assert(std::is_constructible_v<Least, testing::MinimalDriver> && std::is_constructible_v<Least, testing::MinimalDriver, Options>);
static_assert(std::is_nothrow_move_constructible_v<Least::Lease>);

}  // namespace
