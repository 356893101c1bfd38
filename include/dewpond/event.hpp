// SPDX-License-Identifier: BSL-1.0
// What happens in the background of a pool, told to a sink of the user's: outside locks, never on the hit path.
#pragma once

#include <concepts>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/detail/text.hpp>
#include <dewpond/error.hpp>
#include <dewpond/place.hpp>
#include <dewpond/policy.hpp>

namespace dewpond::inline v0 {

/// What an event is about.
enum class EventKind : std::uint8_t {
    open_failed,      ///< an opening failed; `fault` and `text` say how
    opened_after_outage,  ///< the first success after failures; `age` is how long they lasted
    down,             ///< no resource left and opening failed for `outage_grace`: checkouts are refused
    up,               ///< the pool is no longer down; `age` is how long it was
    dirty_return,     ///< a lease came back needing a reset: often a lost COMMIT at `place`
    closed,           ///< a resource was closed because something was wrong with it, or was discarded: see `reason`
    hook_left_dirty,  ///< a hook or check (named in `text`) left a resource dirty or refused it
    stalled,          ///< the keeper came `age` late, as if the process had been stopped: nothing is retired by age this time
    nested_wait,      ///< a thread timed out waiting while it held leases of this pool itself
    lease_too_old,    ///< a lease has been out for longer than `WarnAfter` allows; `age` is how long, `text` what the resource is called
    old_lease_back,   ///< a lease of which `lease_too_old` was told has ended; `age` is what was seen of it, `text` as there
    // remembered by the recorder (`pool.events()`), not told to the sink
    opened,           ///< a resource was opened; `age` is how long it took
    waited,           ///< a checkout was served after it had queued for a millisecond or more
    failed,           ///< a checkout failed; not those of `try_checkout()` that found nothing idle
    resized,          ///< `resize`
    renewed,          ///< `renew`, or a reported `wrong_role`
    closing,          ///< `close`, or the end of the pool
    count_            ///< how many kinds there are
};

[[nodiscard]] constexpr std::string_view to_string(EventKind k) noexcept {
    switch (k) {
        case EventKind::open_failed: return "open failed";
        case EventKind::opened_after_outage: return "opened after outage";
        case EventKind::down: return "down";
        case EventKind::up: return "up";
        case EventKind::dirty_return: return "dirty return";
        case EventKind::closed: return "closed";
        case EventKind::hook_left_dirty: return "hook left dirty";
        case EventKind::stalled: return "stalled";
        case EventKind::nested_wait: return "nested wait";
        case EventKind::lease_too_old: return "lease too old";
        case EventKind::old_lease_back: return "old lease came back";
        case EventKind::opened: return "opened";
        case EventKind::waited: return "waited";
        case EventKind::failed: return "failed";
        case EventKind::resized: return "resized";
        case EventKind::renewed: return "renewed";
        case EventKind::closing: return "closing";
        case EventKind::count_: break;
    }
    return "unknown";
}

[[nodiscard]] constexpr std::string_view to_string(CloseReason r) noexcept {
    switch (r) {
        case CloseReason::max_idle: return "max_idle";
        case CloseReason::max_lifetime: return "max_lifetime";
        case CloseReason::max_uses: return "max_uses";
        case CloseReason::renewed: return "renewed";
        case CloseReason::check_failed: return "check failed";
        case CloseReason::reset_failed: return "reset failed";
        case CloseReason::wrong_role: return "wrong role";
        case CloseReason::hook_left_dirty: return "hook left dirty";
        case CloseReason::discarded: return "discarded";
        case CloseReason::excess: return "excess";
        case CloseReason::pool_closed: return "pool closed";
        case CloseReason::count_: break;
    }
    return "unknown";
}

/// One thing that happened. The views are good during the call only.
struct Event {
    EventKind kind = EventKind::closed;
    std::string_view pool{};
    Place place{};                              ///< of the lease concerned, if any
    std::uint32_t slot = 0;                     ///< the slot concerned, if any
    Duration age{};                             ///< how long what is reported has lasted
    Fault fault = Fault::none;
    CloseReason reason = CloseReason::count_;   ///< for `closed`
    std::string_view text{};                    ///< free of secrets
    std::uint64_t suppressed = 0;               ///< of this kind and place, not told since the last one
};

/// A place to tell events to: anything callable with `const Event&` that is noexcept. Copies share the callable.
/// It is called from any thread that uses the pool, possibly by several at once, and must be quick; it may use the
/// pool. The end of the pool waits for the calls of other threads and lets no new one in: what a sink refers to has to
/// live as long as the pool, no longer, and a sink must not wait for the thread that ends the pool. A pool tells at most
/// one event per kind and place in ten seconds and counts the rest; `down` and `up` are always told. It remembers 64 of
/// those: with more within ten seconds the oldest may be told again.
class EventSink {
public:
    EventSink() noexcept = default;
    template <class F>
        requires(!std::same_as<std::remove_cvref_t<F>, EventSink> &&
                 std::is_nothrow_invocable_v<std::remove_cvref_t<F>&, const Event&>)
    EventSink(F&& f)
        : object_{std::shared_ptr<std::remove_cvref_t<F>>{new std::remove_cvref_t<F>(std::forward<F>(f))}},
          call_{[](void* object, const Event& e) noexcept {
              (*static_cast<std::remove_cvref_t<F>*>(object))(e);
          }} {}

    [[nodiscard]] explicit operator bool() const noexcept { return call_ != nullptr; }
    void operator()(const Event& e) const noexcept {
        if (call_ != nullptr) call_(object_.get(), e);
    }

private:
    std::shared_ptr<void> object_;
    void (*call_)(void*, const Event&) noexcept = nullptr;
};

/// A sink that writes one line per event to standard error.
[[nodiscard]] inline EventSink to_stderr() {
    return EventSink{[](const Event& e) noexcept {
        DEWPOND_TRY {
            std::string line = detail::text("dewpond pool '", e.pool, "': ", to_string(e.kind));
            if (e.reason != CloseReason::count_) detail::append(line, detail::text(" (", to_string(e.reason), ")"));
            if (!e.place.empty()) detail::append(line, detail::text(" at ", e.place));
            if (e.age > Duration{}) detail::append(line, detail::text(", ", e.age));
            if (e.fault != Fault::none) detail::append(line, detail::text(", ", to_string(e.fault)));
            if (!e.text.empty()) detail::append(line, detail::text(": ", e.text));
            if (e.suppressed != 0) detail::append(line, detail::text(" (and ", e.suppressed, " more)"));
            line += '\n';
            std::fwrite(line.data(), 1, line.size(), stderr);
        }
        DEWPOND_CATCH_ALL {}
    }};
}

}  // namespace dewpond::inline v0
