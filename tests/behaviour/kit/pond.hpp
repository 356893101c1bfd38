// SPDX-License-Identifier: BSL-1.0
// Pond: any pool behind one face, so that a behaviour is written and compiled once and run on every configuration.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <dewpond/deadline.hpp>
#include <dewpond/error.hpp>
#include <dewpond/options.hpp>
#include <dewpond/place.hpp>
#include <dewpond/policies/lifetime.hpp>
#include <dewpond/report.hpp>
#include <dewpond/result.hpp>
#include <dewpond/stats.hpp>
#include <dewpond/testing/scripted_driver.hpp>

#include "kit/stall_clock.hpp"

namespace behaviour {

using dewpond::Code;
using dewpond::Deadline;
using dewpond::Duration;
using dewpond::EventKind;
using dewpond::CloseReason;
using dewpond::Fault;
using dewpond::Limit;
using dewpond::Place;
using dewpond::PoolError;
using dewpond::ReturnReport;
using dewpond::Stats;
using dewpond::testing::Gate;
using dewpond::testing::Hook;
using dewpond::testing::Script;
using dewpond::testing::ScriptedResource;

/// A lease of whatever pool it came from.
class AnyLease {
public:
    struct Face {
        virtual ~Face() = default;
        virtual ScriptedResource& resource() = 0;
        virtual ReturnReport give_back() = 0;
        virtual void discard() = 0;
        virtual ScriptedResource detach() = 0;
        virtual void report(Fault) = 0;
    };
    AnyLease() noexcept = default;
    explicit AnyLease(std::unique_ptr<Face> face) noexcept : face_{std::move(face)} {}

    explicit operator bool() const noexcept { return face_ != nullptr; }
    ScriptedResource* operator->() const { return &face_->resource(); }
    [[nodiscard]] std::uint32_t id() const { return face_->resource().id(); }
    /// The end of its scope.
    void end() noexcept { face_.reset(); }
    ReturnReport give_back() const { return face_->give_back(); }
    void discard() const { face_->discard(); }
    [[nodiscard]] ScriptedResource detach() const { return face_->detach(); }
    void report(Fault f) const { face_->report(f); }

private:
    std::unique_ptr<Face> face_;
};

using Outcome = dewpond::Result<AnyLease>;

/// A waiter without a thread.
class Ticket {
public:
    explicit Ticket(std::function<void(Outcome)> served) : told_{std::move(served)} {}
    Ticket(const Ticket&) = delete;
    virtual ~Ticket() = default;

protected:
    std::function<void(Outcome)> told_;
};

/// What is asked of a checkout.
struct Wish {
    std::optional<Limit> limit{};
    std::optional<std::stop_token> stop{};
    Place place = std::source_location::current();
};

class Pond {
public:
    Pond() = default;
    Pond(const Pond&) = delete;
    virtual ~Pond() = default;

    virtual AnyLease checkout(const Wish&) = 0;
    virtual Outcome try_checkout(const Wish&) = 0;
    AnyLease checkout(std::optional<Limit> limit = {}, Place place = std::source_location::current()) {
        return checkout(Wish{limit, {}, place});
    }
    Outcome try_checkout(std::optional<Limit> limit = {}, Place place = std::source_location::current()) {
        return try_checkout(Wish{limit, {}, place});
    }
    virtual std::unique_ptr<Ticket> ticket(std::function<void(Outcome)> served) = 0;
    virtual void enqueue(Ticket&, std::optional<Limit> limit = {}) = 0;
    virtual bool withdraw(Ticket&) = 0;
    virtual dewpond::Result<void> wait_ready(Limit) = 0;
    [[nodiscard]] virtual Stats stats() const = 0;
    [[nodiscard]] virtual std::string inspect() const = 0;
    [[nodiscard]] virtual std::string describe() const = 0;
    virtual void maintain() = 0;
    virtual std::uint32_t close(Limit) = 0;
};

/// A hook of the user's: answers whether the resource is welcome.
using HookFunction = std::function<bool(ScriptedResource&, Deadline)>;

/// What a pool is made of, for policies that have values.
struct Setting {
    dewpond::Options options{};
    dewpond::Lifetime lifetime{};
    Duration rested = std::chrono::seconds{30};
    Duration patience = std::chrono::milliseconds{1};
    HookFunction on_open, on_checkout, on_return;
    StallClock clock{};
};

/// One configuration: a driver and a pack of policies.
struct Config {
    const char* name;
    std::unique_ptr<Pond> (*make)(Script, const Setting&);
    bool strict, background, holders, counts;
    bool checks;      ///< a broken resource is noticed before it is handed out
    bool pings;       ///< by asking the other side each time
    bool resets;      ///< a dirty resource is reset on return
    bool knows_dirty; ///< and the pool can tell whether it was dirty
    bool keeps;       ///< there is something for a keeper to do
};

/// Every configuration there is; and one by its name.
[[nodiscard]] const std::vector<Config>& configs();
[[nodiscard]] const Config& config(std::string_view name);

}  // namespace behaviour
