// SPDX-License-Identifier: BSL-1.0
// Answers to `reset`: what happens to a resource on return?
#pragma once

#include <dewpond/driver.hpp>
#include <dewpond/policy.hpp>

namespace dewpond::inline v0 {

/// Returns it as it is.
struct NoReset {
    using answers = question::reset;
    static constexpr const char* name = "NoReset";
};

/// Resets what the driver calls dirty (local memory only), so that a clean return costs one look.
struct ResetIfDirty {
    using answers = question::reset;
    using needs = Needs<ability::dirty, ability::reset>;
    static constexpr const char* name = "ResetIfDirty";
    template <class D, class R>
    bool wants_reset(D& driver, R& resource) noexcept {
        return driver.dirty(resource);
    }
};

/// Resets at every return, on the returner's thread for at most `return_budget`.
struct ResetAlways {
    using answers = question::reset;
    using needs = Needs<ability::reset>;
    static constexpr const char* name = "ResetAlways";
    template <class D, class R>
    constexpr bool wants_reset(D&, R&) noexcept {
        return true;
    }
};

}  // namespace dewpond::inline v0
