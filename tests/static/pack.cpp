// SPDX-License-Identifier: BSL-1.0
// Who answers which question: the user's pack before the driver's suggestion before the default by ability; in any order.
#include <string>
#include <type_traits>

#include <dewpond/testing/archetype.hpp>

#include "static/setup_of.hpp"

namespace {

using namespace dewpond;
using dewpond_test::core_of;
using dewpond_test::setup_of;

struct Plain {
    using resource = int;
    int open();
    void close(int&) noexcept;
};
struct Able : Plain {
    bool status_ok(int&) noexcept;
    bool probe(int&) noexcept;
    bool ping(int&, Deadline) noexcept;
    bool dirty(int&) noexcept;
    ResetResult reset(int&, Deadline) noexcept;
};

// ---- the order of a pack is nothing ----

template <class A, class B>
concept one_code = std::is_same_v<typename A::Lease, typename B::Lease> && std::is_same_v<typename A::Waiter, typename B::Waiter>;

static_assert(one_code<Pool<Plain, Lifetime, NoMetrics>, Pool<Plain, NoMetrics, Lifetime>>);
static_assert(one_code<Pool<Able, PingAlways, ResetAlways, StrictFifo, NoHolders>, Pool<Able, NoHolders, StrictFifo, ResetAlways, PingAlways>>);
static_assert(one_code<Pool<Able, PingAlways, ResetAlways, StrictFifo, NoHolders>, Pool<Able, StrictFifo, NoHolders, PingAlways, ResetAlways>>);
static_assert(one_code<Pool<Plain>, Pool<Plain, Counters>> && one_code<Pool<Plain>, Pool<Plain, Adaptive, Holders, NoCheck>>, "nor is saying the default");
static_assert(one_code<Pool<Plain, ThreadCells, Lifetime>, Pool<Plain, Lifetime, ThreadCells>> && one_code<Pool<Plain>, Pool<Plain, NoCells>>);
static_assert(!std::is_same_v<Pool<Plain, Lifetime, NoMetrics>, Pool<Plain, NoMetrics, Lifetime>>, "two types over one core");
static_assert(!one_code<Pool<Plain>, Pool<Plain, ThreadCells>> && !one_code<Pool<Plain>, Pool<Plain, NoMetrics>> && !one_code<Pool<Plain>, Pool<Able>>);

// ---- who answers ----

#define ANSWERS(question, Answer, ...) static_assert(std::is_same_v<setup_of<__VA_ARGS__>::question, Answer>)

// By ability, where nobody says anything.
struct Status : Plain {
    bool status_ok(int&) noexcept;
};
struct Probing : Plain {
    bool probe(int&) noexcept;
};
struct Pinging : Plain {
    bool ping(int&, Deadline) noexcept;
};
struct StatusAndProbing : Status {
    bool probe(int&) noexcept;
};
ANSWERS(liveness, NoCheck, Plain);
ANSWERS(liveness, StatusAlways, Status);
ANSWERS(liveness, ProbeAlways, Probing);
ANSWERS(liveness, ProbeAlways, StatusAndProbing);
ANSWERS(liveness, NoCheck, Pinging);  // a round trip is nobody's default
ANSWERS(liveness, ProbeAlways, Able);

struct Soiled : Plain {
    bool dirty(int&) noexcept;
};
struct Washing : Plain {
    ResetResult reset(int&, Deadline) noexcept;
};
struct Clean : Soiled {
    ResetResult reset(int&, Deadline) noexcept;
};
ANSWERS(reset, NoReset, Plain);
ANSWERS(reset, NoReset, Soiled);
ANSWERS(reset, NoReset, Washing);
ANSWERS(reset, ResetIfDirty, Clean);

ANSWERS(lifetime, NoExpiry, Able);
ANSWERS(metrics, Counters, Able);
ANSWERS(waiting, Adaptive, Able);
ANSWERS(opening, OpenInCaller, Able);
ANSWERS(watch, Holders, Able);
ANSWERS(cells, NoCells, Able);
ANSWERS(sync, detail::RealSync, Able);

// The driver suggests: before the default, after the user.
template <class... Policies>
struct Suggesting : Able {
    using suggests = Suggest<Policies...>;
};
using All = Suggesting<OpenInBackground, PingAfterIdle, Lifetime, NoHolders, StrictFifo, NoMetrics, ResetAlways, ThreadCells>;
ANSWERS(liveness, PingAfterIdle, All);
ANSWERS(reset, ResetAlways, All);
ANSWERS(lifetime, Lifetime, All);
ANSWERS(metrics, NoMetrics, All);
ANSWERS(waiting, StrictFifo, All);
ANSWERS(opening, OpenInBackground, All);
ANSWERS(watch, NoHolders, All);
ANSWERS(cells, ThreadCells, All);
ANSWERS(liveness, NoCheck, All, NoCheck);
ANSWERS(reset, NoReset, All, NoReset);
ANSWERS(lifetime, NoExpiry, All, NoExpiry);
ANSWERS(metrics, Counters, All, Counters);
ANSWERS(waiting, Adaptive, All, Adaptive);
ANSWERS(opening, OpenInCaller, All, OpenInCaller);
ANSWERS(watch, Holders, All, Holders);
ANSWERS(cells, NoCells, All, NoCells);
// One answer of the user's leaves the other suggestions.
ANSWERS(lifetime, Lifetime, All, NoCheck, NoReset);
ANSWERS(liveness, NoCheck, All, NoReset, NoCheck);
ANSWERS(liveness, ProbeAlways, Suggesting<Lifetime>);
ANSWERS(lifetime, NoExpiry, Suggesting<>);

// Where each came from, for describe().
template <class Question, class D, class... Policies>
inline constexpr detail::Origin origin = detail::origin_of<Question, D, Policies...>();
static_assert(origin<question::lifetime, All> == detail::Origin::driver && origin<question::lifetime, Able> == detail::Origin::by_default);
static_assert(origin<question::lifetime, All, Lifetime> == detail::Origin::user && origin<question::lifetime, Able, NoExpiry> == detail::Origin::user);
static_assert(origin<question::cells, All> == detail::Origin::driver && origin<question::cells, Able, ThreadCells> == detail::Origin::user);
static_assert(origin<question::lifetime, Suggesting<NoCheck>> == detail::Origin::by_default);

// Hooks and policies of the user's own.
struct Never {
    using answers = question::liveness;
    template <class D, class R, class V>
    bool usable(D&, R&, const V&) noexcept {
        return false;
    }
};
ANSWERS(liveness, ::Never, Able, ::Never);
inline constexpr auto hook = [](int&) {};
using Hook = decltype(hook);
static_assert(std::is_same_v<setup_of<Able, OnOpen<Hook>>::on_open, OnOpen<Hook>>);
static_assert(std::is_same_v<setup_of<Able, NoCheck, OnReturn<Hook>, OnCheckout<Hook>>::on_checkout, OnCheckout<Hook>>);
static_assert(std::is_same_v<setup_of<Able, NoCheck, OnReturn<Hook>, OnCheckout<Hook>>::on_return, OnReturn<Hook>>);
// A member called `f` makes no hook of a policy.
struct Faraday : Lifetime {
    double f = 96485.3;
};
ANSWERS(lifetime, Faraday, Able, Faraday);

// ---- what follows from the choices ----

using Bare = setup_of<Able, NoCheck, NoReset, NoExpiry, NoMetrics, NoHolders>;
static_assert(!Bare::checks && !Bare::check_talks && !Bare::resets && !Bare::expires && !Bare::holders && !Bare::counts);
static_assert(!Bare::keeps_marks && !Bare::keeps_uses && !Bare::needs_keeper);
using Default = setup_of<Plain>;
static_assert(!Default::checks && !Default::resets && !Default::expires && !Default::keeps_marks && !Default::needs_keeper);
static_assert(Default::holders && Default::counts && Default::keeps_uses);
static_assert(!Default::keeps_cells && !Bare::keeps_cells && setup_of<Plain, ThreadCells>::keeps_cells && !setup_of<Plain, ThreadCells>::needs_keeper);
// A cells answer of the user's own.
struct Keeps {
    using answers = question::cells;
    static constexpr bool keeps = true;
};
static_assert(setup_of<Plain, Keeps>::keeps_cells);
static_assert(setup_of<Able>::checks && setup_of<Able>::resets && !setup_of<Able>::check_talks);
static_assert(setup_of<Able, PingAlways>::check_talks && setup_of<Able, PingAfterIdle>::keeps_marks);
static_assert(setup_of<Able, Lifetime>::expires && setup_of<Able, Lifetime>::needs_keeper && setup_of<Able, OpenInBackground>::needs_keeper);
static_assert(std::is_empty_v<setup_of<Able, NoHolders>::place_type> && std::is_same_v<setup_of<Able>::place_type, Place>);

}  // namespace
