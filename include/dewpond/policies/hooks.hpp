// SPDX-License-Identifier: BSL-1.0
// User hooks that ride in the pack: OnOpen{f}, OnCheckout{f}, OnReturn{f}; at most one of each. As a driver's functions,
// a hook may run on after the pool has ended, on a thread of the pool's own that was inside it or inside the driver: nobody
// waits for a foreign call. What it refers to has to live as long: hold it by value or by shared_ptr.
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include <dewpond/deadline.hpp>
#include <dewpond/policy.hpp>

namespace dewpond::inline v0 {
namespace detail {

/// Runs a user's callable as `f(resource)` or `f(resource, deadline)`; one that answers `false` refuses the resource.
template <class F, class R>
bool run_hook(F& f, R& resource, Deadline by) {
    if constexpr (std::invocable<F&, R&, Deadline>) {
        if constexpr (std::same_as<std::invoke_result_t<F&, R&, Deadline>, bool>) return f(resource, by);
        else return f(resource, by), true;
    } else {
        if constexpr (std::same_as<std::invoke_result_t<F&, R&>, bool>) return f(resource);
        else return f(resource), true;
    }
}

template <class F, class R>
concept hook_for = std::invocable<F&, R&, Deadline> || std::invocable<F&, R&>;

}  // namespace detail

/// Runs once for each resource after it was opened, inside the opening's deadline. A hook that throws or answers
/// `false` makes the opening fail. Whatever it did, the resource must be clean afterwards. Runs again after a reset that
/// answers `ResetResult::blank`, which undid its work; what throws or refuses then costs the resource.
template <class F>
struct OnOpen {
    using answers = question::on_open;
    F f;
};
template <class F>
OnOpen(F) -> OnOpen<F>;

/// Runs at each checkout, after the liveness check, inside the checkout's deadline. `false` closes the resource and
/// the search goes on; throwing closes it and fails the checkout.
template <class F>
struct OnCheckout {
    using answers = question::on_checkout;
    F f;
};
template <class F>
OnCheckout(F) -> OnCheckout<F>;

/// Runs at each return, after the reset. Throwing or `false` closes the resource.
template <class F>
struct OnReturn {
    using answers = question::on_return;
    F f;
};
template <class F>
OnReturn(F) -> OnReturn<F>;

}  // namespace dewpond::inline v0
