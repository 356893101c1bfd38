// SPDX-License-Identifier: BSL-1.0
// What things weigh: the small ones have a bound, and a slot is what one would write by hand, field by field.
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "static/setup_of.hpp"

namespace {

using namespace dewpond;

template <class Resource>
struct Opens {
    using resource = Resource;
    Resource open();
    void close(Resource&) noexcept;
};

// ---- what a user holds ----

using Ints = Pool<Opens<int>>;
static_assert(sizeof(Ints) == sizeof(void*));
static_assert(sizeof(Ints::Lease) == 16);
static_assert(sizeof(Pool<Opens<std::array<char, 1000>>, NoHolders, NoMetrics>::Lease) == 16, "whatever it is a lease of");
static_assert(sizeof(PoolError) <= 40);
static_assert(sizeof(Result<Ints::Lease>) <= sizeof(PoolError) + sizeof(void*));
static_assert(sizeof(Place) == 8);
static_assert(std::is_empty_v<NoPlace>);
static_assert(sizeof(Duration) == 8 && sizeof(Deadline) == 8 && sizeof(Limit) <= 16);

// An answer that keeps nothing weighs nothing.
static_assert(std::is_empty_v<NoCheck> && std::is_empty_v<StatusAlways> && std::is_empty_v<ProbeAlways> && std::is_empty_v<PingAlways>);
static_assert(std::is_empty_v<NoReset> && std::is_empty_v<ResetIfDirty> && std::is_empty_v<ResetAlways>);
static_assert(std::is_empty_v<NoExpiry> && std::is_empty_v<NoMetrics> && std::is_empty_v<StrictFifo>);
static_assert(std::is_empty_v<OpenInCaller> && std::is_empty_v<OpenInBackground> && std::is_empty_v<NoHolders> && std::is_empty_v<Holders>);
static_assert(std::is_empty_v<NoCells> && std::is_empty_v<ThreadCells>);

// ---- the slot ----

/// A type that does not exist: no field, wherever it stands.
template <int>
struct Nothing {};

/// The slot as one would write it: where it belongs in the idle set, the resource, and one word for each thing asked.
template <class Resource, class Uses, class Marks, class LastUse, class Where>
struct alignas(64) ByHand {
    std::uint64_t bit;
    std::uint32_t home, index, barged;
    [[no_unique_address]] Marks marks;
    Resource resource;
    [[no_unique_address]] Uses uses;
    [[no_unique_address]] LastUse last_use;
    [[no_unique_address]] Where where;
};
using Uses = std::uint64_t;
using Marks = std::uint32_t;
using LastUse = std::uint64_t;
using Where = std::uint64_t;

template <std::size_t N>
using Bytes = std::array<char, N>;

/// The same size for resources of 1 to 64 bytes: padding cannot hide a field in all of them.
template <template <class> class Mine, template <class> class Hand, std::size_t... N>
constexpr bool same_sizes(std::index_sequence<N...>) {
    return ((sizeof(Mine<Bytes<N + 1>>) == sizeof(Hand<Bytes<N + 1>>)) && ...);
}
template <template <class> class Mine, template <class> class Hand>
inline constexpr bool weighs = same_sizes<Mine, Hand>(std::make_index_sequence<64>{});

template <class Resource, class... Policies>
using SlotOf = detail::Slot<detail::setup_t<Opens<Resource>, Policies...>>;
static_assert(std::is_same_v<SlotOf<int, NoMetrics>, dewpond_test::slot_of<Opens<int>, NoMetrics>>);

template <class R>
using Bare = SlotOf<R, NoMetrics, NoHolders>;
template <class R>
using BareByHand = ByHand<R, Nothing<1>, Nothing<2>, Nothing<4>, Nothing<3>>;
static_assert(weighs<Bare, BareByHand>);

template <class R>
using Counted = SlotOf<R, Counters, NoHolders>;
template <class R>
using CountedByHand = ByHand<R, Uses, Nothing<2>, Nothing<4>, Nothing<3>>;
static_assert(weighs<Counted, CountedByHand>);

template <class R>
using Default = SlotOf<R>;
template <class R>
using DefaultByHand = ByHand<R, Uses, Nothing<2>, Nothing<4>, Where>;
static_assert(weighs<Default, DefaultByHand>);

template <class R>
using Ageing = SlotOf<R, NoMetrics, NoHolders, Lifetime>;
template <class R>
using AgeingByHand = ByHand<R, Uses, Marks, LastUse, Nothing<3>>;
static_assert(weighs<Ageing, AgeingByHand>);

template <class R>
using All = SlotOf<R, Lifetime, Counters, Holders>;
template <class R>
using AllByHand = ByHand<R, Uses, Marks, LastUse, Where>;
static_assert(weighs<All, AllByHand>);

// With a resource of a pointer's size, what a holder touches of its slot never has the lowest twelve bits of the address of its word: a load would wait for the CAS.
static_assert(offsetof(AllByHand<void*>, where) + sizeof(Where) <= offsetof(detail::IdleSet<detail::RealSync>::Word, bits));

// A watch that warns keeps no more than one that does not; times of leases are two lines of their own.
template <class R>
using Warned = SlotOf<R, WarnAfter>;
static_assert(weighs<Warned, DefaultByHand>);
static_assert(sizeof(Timings::per_slot) == 128 && sizeof(ExactTimings::per_slot) == 128);
static_assert(sizeof(SlotOf<int, Timings>) == 192);

// ---- cells ----

// A thread's cells are its own: a slot weighs the same.
template <class R>
using InCells = SlotOf<R, ThreadCells>;
static_assert(weighs<InCells, DefaultByHand>);

// What finds the cells has a line of its own in the pool. Where there are none there is nothing: one byte would be a line,
// too, as the words of the idle set, which come next, begin one.
template <class... Policies>
using CoreOf = dewpond_test::core_of<Opens<int>, Policies...>;
template <class... Policies>
using ExchangeOf = typename CoreOf<Policies...>::Exchange;
static_assert(std::is_empty_v<detail::NoHub<detail::RealSync>>);
static_assert(sizeof(ExchangeOf<ThreadCells>) == sizeof(ExchangeOf<>) + 64 && sizeof(CoreOf<ThreadCells>) == sizeof(CoreOf<>) + 64);
static_assert(sizeof(ExchangeOf<ThreadCells, StrictFifo, OpenInBackground>) == sizeof(ExchangeOf<StrictFifo, OpenInBackground>) + 64);

// The measure can tell them apart.
static_assert(!weighs<Bare, CountedByHand> && !weighs<Counted, DefaultByHand> && !weighs<Default, AllByHand> && !weighs<All, DefaultByHand>);

// One cache line for a handle, whatever is asked.
static_assert(sizeof(Default<int>) == 64 && sizeof(All<void*>) == 64 && alignof(Default<int>) == 64);

}  // namespace
