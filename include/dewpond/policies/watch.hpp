// SPDX-License-Identifier: BSL-1.0
// Answers to `watch`: who holds what, since when?
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/text.hpp>
#include <dewpond/options.hpp>
#include <dewpond/place.hpp>
#include <dewpond/policy.hpp>

namespace dewpond::inline v0 {

/// Nobody keeps a record; the place parameter of a checkout is an empty type.
struct NoHolders {
    using answers = question::watch;
    static constexpr const char* name = "NoHolders";
    using place_type = NoPlace;
};

/// Keeps the place of the last checkout of each slot, with a mark of the thread, in one relaxed store. Read only for
/// slots that are out; it may name the previous holder for some nanoseconds.
struct Holders {
    using answers = question::watch;
    static constexpr const char* name = "Holders";
    using place_type = Place;

    class per_slot {
    public:
        void took(Place place) noexcept { word_.store(pack(place), std::memory_order_relaxed); }
        [[nodiscard]] Place place() const noexcept { return Place::from_bits(word_.load(std::memory_order_relaxed) & low); }
        /// Taken by the calling thread? Wrong for one in 65 536 foreign leases: good for a message, not for a decision.
        [[nodiscard]] bool by_this_thread() const noexcept {
            return (word_.load(std::memory_order_relaxed) & ~low) == mark();
        }

    private:
        // A pointer to static data has 47 bits in user space; the 16 above carry a hash of the thread's own pointer,
        // so that a nested checkout can be named without a second store on the hit path.
        static constexpr std::uint64_t low = (std::uint64_t{1} << 48) - 1;
        static std::uint64_t mark() noexcept {
            const auto self = reinterpret_cast<std::uint64_t>(__builtin_thread_pointer());
            return (self * 0x9E3779B97F4A7C15u) & ~low;
        }
        static std::uint64_t pack(Place place) noexcept { return (place.bits() & low) | mark(); }
        std::atomic<std::uint64_t> word_{0};
    };
};

/// As `Holders`, and a lease that is out for so long is reported, once, by the event `lease_too_old` with its place, its
/// age and the label of its resource, and once more by `old_lease_back` when it has ended. `stats().leaks_suspected` counts
/// them, `stats().overdue` says how many are out now. Nothing happens to the lease. Ages are the keeper's, which looks each
/// second, or each tenth of the span if that is less: no clock and no instruction more on the hit path.
class WarnAfter : public Holders {
public:
    static constexpr const char* name = "WarnAfter";

    constexpr WarnAfter() noexcept = default;
    constexpr explicit WarnAfter(Duration after) noexcept : after_{after} {}

    /// The sentence of what cannot work, empty when all is well.
    [[nodiscard]] std::string check(const Options&) const {
        constexpr Duration least = std::chrono::milliseconds{100};
        return after_ < least ? detail::text("WarnAfter is ", after_, ": it must be at least ", least, ", or never") : std::string{};
    }
    [[nodiscard]] std::string describe() const { return detail::text(after_); }
    [[nodiscard]] constexpr Duration warn_after() const noexcept { return after_; }

private:
    Duration after_ = std::chrono::seconds{60};
};

}  // namespace dewpond::inline v0
