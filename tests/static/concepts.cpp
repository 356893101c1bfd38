// SPDX-License-Identifier: BSL-1.0
// Who models which concept: drivers, abilities, policies.
#include <chrono>
#include <memory>
#include <string>

#include <dewpond/pool.hpp>
#include <dewpond/testing/archetype.hpp>
#include <dewpond/testing/plain_driver.hpp>
#include <dewpond/testing/scripted_driver.hpp>

namespace {

using namespace dewpond;

// ---- Driver ----

struct Least {
    using resource = int;
    int open();
    void close(int&) noexcept;
};
static_assert(Driver<Least> && Driver<testing::MinimalDriver> && Driver<testing::PlainDriver>);

template <class Resource, class Opened = Resource>
struct Of {
    using resource = Resource;
    Opened open(Deadline);
    void close(Resource&) noexcept;
};
struct MovesOnly {
    MovesOnly(MovesOnly&&) noexcept;
    MovesOnly& operator=(MovesOnly&&) = delete;
};
struct MoveThrows {
    MoveThrows(MoveThrows&&);
};
struct Stays {
    Stays(Stays&&) = delete;
};
struct EndThrows {
    EndThrows(EndThrows&&) noexcept;
    ~EndThrows() noexcept(false);
};
static_assert(Driver<Of<int>> && Driver<Of<int*>> && Driver<Of<std::string>> && Driver<Of<std::unique_ptr<int>>> && Driver<Of<MovesOnly>>);
static_assert(Driver<Of<int, Result<int, OpenError>>> && Driver<Of<MovesOnly, Result<MovesOnly, OpenError>>>);
static_assert(!Driver<Of<MoveThrows>> && !Driver<Of<Stays>> && !Driver<Of<EndThrows>>);
static_assert(!Driver<Of<int, long>> && !Driver<Of<int, void>> && !Driver<Of<int, Result<int, PoolError>>> && !Driver<Of<int, const int&>>);

struct OpensBothWays : Least {
    int open(Deadline);
    int open();
};
struct OpensByDefault : Least {
    int open(Deadline = {});
};
struct OpensByTemplate : Least {
    template <class... When>
    int open(When...);
};
struct ClosesByValue : Least {
    void close(int) noexcept;
};
struct ClosesForEver : Least {
    void close(int&) const noexcept;
};
struct Final final : Least {};
struct Virtual : Least {
    virtual ~Virtual() = default;
    virtual bool probe(int&) noexcept;
};
static_assert(Driver<OpensBothWays> && Driver<OpensByDefault> && Driver<OpensByTemplate>);
static_assert(Driver<ClosesByValue> && Driver<ClosesForEver> && Driver<Final> && Driver<Virtual> && Probes<Virtual>);

struct NoResource {
    int open();
    void close(int&) noexcept;
};
struct NoOpen {
    using resource = int;
    void close(int&) noexcept;
};
struct NoClose {
    using resource = int;
    int open();
};
struct CloseThrows {
    using resource = int;
    int open();
    void close(int&);
};
struct CloseKeepsWaiting {
    using resource = int;
    int open();
    void close(int&, Deadline) noexcept;
};
class Secretive {
    using resource = int;
    int open();
    void close(int&) noexcept;
};
struct Immovable : Least {
    Immovable(Immovable&&) = delete;
};
struct MovedWithCare : Least {
    MovedWithCare(MovedWithCare&&);
};
static_assert(!Driver<NoResource> && !Driver<NoOpen> && !Driver<NoClose> && !Driver<CloseThrows> && !Driver<CloseKeepsWaiting>);
static_assert(!Driver<Secretive> && !Driver<Immovable> && !Driver<MovedWithCare>);
static_assert(!Driver<int> && !Driver<void> && !Driver<Least&> && !Driver<Least*> && !Driver<int()> && !Driver<Options>);

// ---- abilities: a driver with one of them has one of them ----

enum Ability : unsigned {
    none = 0,
    status_ok = 1 << 0,
    probe = 1 << 1,
    ping = 1 << 2,
    dirty = 1 << 3,
    reset = 1 << 4,
    poll_handle = 1 << 5,
    interrupt = 1 << 6,
    abandon = 1 << 7,
    last_fault = 1 << 8,
    label = 1 << 9,
};
template <class D>
inline constexpr unsigned abilities = (TellsStatus<D> ? status_ok : none) | (Probes<D> ? probe : none) | (Pings<D> ? ping : none) |
                                      (KnowsDirty<D> ? dirty : none) | (Resets<D> ? reset : none) | (HasPollHandle<D> ? poll_handle : none) |
                                      (Interrupts<D> ? interrupt : none) | (Abandons<D> ? abandon : none) |
                                      (TellsFault<D> ? last_fault : none) | (HasLabel<D> ? label : none);
#define HAS_ONLY(name, ...)                                                                                            \
    struct With_##name : Least {                                                                                       \
        __VA_ARGS__                                                                                                    \
    };                                                                                                                 \
    static_assert(Driver<With_##name> && abilities<With_##name> == name)
HAS_ONLY(none, );
HAS_ONLY(status_ok, bool status_ok(int&) noexcept;);
HAS_ONLY(probe, bool probe(int&) noexcept;);
HAS_ONLY(ping, bool ping(int&, Deadline) noexcept;);
HAS_ONLY(dirty, bool dirty(int&) noexcept;);
HAS_ONLY(reset, ResetResult reset(int&, Deadline) noexcept;);
HAS_ONLY(poll_handle, int poll_handle(int&) noexcept;);
HAS_ONLY(interrupt, void interrupt(int&) noexcept;);
HAS_ONLY(abandon, void abandon(int&) noexcept;);
HAS_ONLY(last_fault, OpenError last_fault(int&) noexcept;);
HAS_ONLY(label, std::string label(int&););
// Helpers of the driver's own are nobody's affair.
struct Busy : Least {
    void refresh(int&); bool alive(int&); int size = 0;
};
static_assert(Driver<Busy> && abilities<Busy> == none);

// The archetype and the plain driver have the needed rows and nothing else.
static_assert(abilities<testing::MinimalDriver> == none && abilities<testing::PlainDriver> == none);
static_assert(!std::is_default_constructible_v<testing::MinimalDriver> && !std::is_copy_constructible_v<testing::MinimalDriver>);
static_assert(!std::is_default_constructible_v<testing::MinimalDriver::resource> && !std::is_move_assignable_v<testing::MinimalDriver::resource>);

// ---- Policy ----

template <class... P>
concept all_policies = (Policy<P> && ...);
static_assert(all_policies<NoCheck, StatusAlways, ProbeAlways, PingAfterIdle, PingAlways, NoReset, ResetIfDirty, ResetAlways>);
static_assert(all_policies<NoExpiry, Lifetime, NoMetrics, Counters, Adaptive, StrictFifo, OpenInCaller, OpenInBackground, NoHolders, Holders, NoCells, ThreadCells>);
static_assert(all_policies<OnOpen<void (*)(int&)>, OnCheckout<void (*)(int&)>, OnReturn<void (*)(int&)>>);

struct AnswersAll {
    using answers = question::watch;
};
struct AnswersAnything {
    using answers = int;
};
struct Answers {
    int answers = 42;
};
struct AnswersStaying {
    using answers = question::watch;
    AnswersStaying(AnswersStaying&&) = delete;
};
static_assert(Policy<AnswersAll>);
static_assert(!Policy<int> && !Policy<void> && !Policy<Options> && !Policy<Least> && !Policy<std::chrono::seconds> && !Policy<question::reset>);
static_assert(!Policy<AnswersAnything> && !Policy<Answers> && !Policy<AnswersStaying> && !Policy<OnOpen<MoveThrows>>);

}  // namespace
