// SPDX-License-Identifier: BSL-1.0
// Action: one step of a scripted driver: what a hook does on the way, and how it ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <dewpond/error.hpp>
#include <dewpond/testing/gate.hpp>
#include <dewpond/testing/manual_clock.hpp>

namespace dewpond::inline v0::testing {

/// The hooks of a driver, in the order of the contract.
enum class Hook : std::uint8_t {
    open,
    close,
    status_ok,
    probe,
    ping,
    dirty,
    reset,
    poll_handle,
    interrupt,
    abandon,
    last_fault,
    label,
    pool_named,
    count_  ///< how many hooks there are
};

/// The hook's name, as it is spelled in a driver.
[[nodiscard]] constexpr std::string_view to_string(Hook h) noexcept {
    constexpr std::string_view names[] = {"open", "close", "status_ok", "probe", "ping", "dirty", "reset",
                                          "poll_handle", "interrupt", "abandon", "last_fault", "label", "pool_named"};
    static_assert(std::size(names) == static_cast<std::size_t>(Hook::count_));
    return h < Hook::count_ ? names[static_cast<std::size_t>(h)] : "unknown";
}

/// One step of a script. Made by one of the functions below; what it does on the way is added to it:
/// `fail(Fault::starting).after(gate)`, `succeed().taking(clock, 200ms)`, `unfinished().times(3)`.
class Action {
public:
    /// How a hook ends.
    enum class End : std::uint8_t {
        succeed,              ///< does what an honest driver does
        fail,                 ///< `open` returns an error, checks say no, `dirty` says yes, `reset` says broken
        unfinished,           ///< `reset` says unfinished and changes nothing; anything else succeeds
        blank,                ///< `reset` succeeds and says blank; anything else succeeds
        throw_open_error,     ///< `open` and `label` only, like the two below
        throw_runtime_error,
        throw_int
    };

    explicit Action(End end, OpenError error = {}) : end_{end}, error_{std::move(error)} {}

    /// Passes this gate first.
    [[nodiscard]] Action after(Gate gate) && {
        gate_ = std::move(gate);
        return std::move(*this);
    }
    /// Opens this gate first; on `interrupt` it sets free what is blocked elsewhere.
    [[nodiscard]] Action opening(Gate gate) && {
        opens_ = std::move(gate);
        return std::move(*this);
    }
    /// Moves the time on first: the hook is slow.
    [[nodiscard]] Action taking(ManualClock clock, Duration span) && {
        clock_ = std::move(clock);
        span_ = span;
        return std::move(*this);
    }
    /// Calls this first, from inside the hook.
    [[nodiscard]] Action doing(std::function<void()> call) && {
        call_ = std::move(call);
        return std::move(*this);
    }
    /// Stands for `n` calls instead of one.
    [[nodiscard]] Action times(std::size_t n) && {
        times_ = n;
        return std::move(*this);
    }

    [[nodiscard]] End end() const noexcept { return end_; }
    [[nodiscard]] bool throws() const noexcept { return end_ >= End::throw_open_error; }
    [[nodiscard]] std::size_t times() const noexcept { return times_; }
    [[nodiscard]] const OpenError& error() const noexcept { return error_; }

    /// Does what is to be done on the way. The scripted driver calls it, under no lock.
    void run() const {
        if (call_) call_();
        if (opens_) opens_->open();
        if (gate_) gate_->pass();
        if (clock_) clock_->advance(span_);
    }

private:
    End end_;
    OpenError error_;
    std::optional<Gate> gate_, opens_;
    std::optional<ManualClock> clock_;
    Duration span_{};
    std::function<void()> call_;
    std::size_t times_ = 1;
};

/// Does what an honest driver does.
[[nodiscard]] inline Action succeed() { return Action{Action::End::succeed}; }
/// Says no: `open` returns this error, checks answer false, `dirty` true, `reset` broken.
[[nodiscard]] inline Action fail(Fault fault = Fault::unreachable, std::string text = "scripted failure") {
    return Action{Action::End::fail, OpenError{fault, std::move(text)}};
}
/// Blocks until the gate opens, then succeeds.
[[nodiscard]] inline Action block(Gate gate) { return succeed().after(std::move(gate)); }
/// `reset` says unfinished.
[[nodiscard]] inline Action unfinished() { return Action{Action::End::unfinished}; }
/// `reset` says blank.
[[nodiscard]] inline Action blank() { return Action{Action::End::blank}; }
/// Throws an OpenError.
[[nodiscard]] inline Action throw_open_error(Fault fault = Fault::unreachable, std::string text = "scripted throw") {
    return Action{Action::End::throw_open_error, OpenError{fault, std::move(text)}};
}
/// Throws a std::runtime_error with this text, which a pool must withhold.
[[nodiscard]] inline Action throw_runtime_error(std::string text = "scripted secret") {
    return Action{Action::End::throw_runtime_error, OpenError{Fault::other, std::move(text)}};
}
/// Throws an int: something that is no std::exception.
[[nodiscard]] inline Action throw_int() { return Action{Action::End::throw_int}; }

}  // namespace dewpond::inline v0::testing
