// SPDX-License-Identifier: BSL-1.0
// Answers to `liveness`: may this idle resource be handed out?
#pragma once

#include <chrono>
#include <string>

#include <dewpond/detail/text.hpp>
#include <dewpond/driver.hpp>
#include <dewpond/fwd.hpp>
#include <dewpond/policy.hpp>

namespace dewpond::inline v0 {

/// Hands out what is there, unseen. Cost: nothing.
struct NoCheck {
    using answers = question::liveness;
    static constexpr const char* name = "NoCheck";
};

/// Asks the driver's local memory (`status_ok`). Cost with libpq: about 7 ns. Blind to everything that happened on
/// the wire while the resource rested.
struct StatusAlways {
    using answers = question::liveness;
    using needs = Needs<ability::status_ok>;
    static constexpr const char* name = "StatusAlways";
    template <class D, class R, class Visit>
    bool usable(D& driver, R& resource, const Visit&) noexcept {
        return driver.status_ok(resource);
    }
};

/// Asks this host (`probe`: one system call, no round trip), after the local memory where the driver has a status.
/// Cost with libpq: a third to half a microsecond. Blind only to a peer that is silent.
struct ProbeAlways {
    using answers = question::liveness;
    using needs = Needs<ability::probe>;
    static constexpr const char* name = "ProbeAlways";
    template <class D, class R, class Visit>
    bool usable(D& driver, R& resource, const Visit&) noexcept {
        if constexpr (TellsStatus<D>) {
            if (!driver.status_ok(resource)) return false;
        }
        return driver.probe(resource);
    }
};

/// Asks the other side (`ping`, a round trip) when the resource rested for `rested`, and what is free otherwise.
struct PingAfterIdle {
    using answers = question::liveness;
    using needs = Needs<ability::ping>;
    static constexpr const char* name = "PingAfterIdle";

    Duration rested = std::chrono::seconds{30};

    constexpr PingAfterIdle() noexcept = default;
    constexpr PingAfterIdle(Duration d) noexcept : rested{d} {}

    [[nodiscard]] std::string check(const Options&) const {
        if (rested > Duration{} && !rested.is_never()) return {};
        return detail::text("rested is ", rested, ": it must be above 0 and finite");
    }
    [[nodiscard]] std::string describe() const { return detail::text("rested = ", rested); }
    /// From this idle age on the keeper marks a resource as aged.
    [[nodiscard]] constexpr Duration aged_after() const noexcept { return rested; }
    template <class D, class R, class Visit>
    bool usable(D& driver, R& resource, const Visit& visit) noexcept {
        if constexpr (Probes<D>) {
            if (!ProbeAlways{}.usable(driver, resource, visit)) return false;
        } else if constexpr (TellsStatus<D>) {
            if (!driver.status_ok(resource)) return false;
        }
        return !visit.aged() || driver.ping(resource, visit.deadline());
    }
};

/// Asks the other side at every checkout: what others do, and what it costs them. One round trip and one clock read.
struct PingAlways {
    using answers = question::liveness;
    using needs = Needs<ability::ping>;
    static constexpr const char* name = "PingAlways";
    template <class D, class R, class Visit>
    bool usable(D& driver, R& resource, const Visit& visit) noexcept {
        return driver.ping(resource, visit.deadline());
    }
};

}  // namespace dewpond::inline v0
