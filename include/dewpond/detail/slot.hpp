// SPDX-License-Identifier: BSL-1.0
// One slot: the resource and what is kept beside it, on a line of its own. Absent questions leave no field.
#pragma once

#include <cstdint>
#include <type_traits>

#include <dewpond/config.hpp>
#include <dewpond/detail/idle_set.hpp>
#include <dewpond/policy.hpp>

namespace dewpond::inline v0::detail {

/// A field that is not there; a template, since two members of one empty type may not share an address.
template <class Question>
struct Absent {};

/// The state a policy keeps in each slot, or nothing.
template <class P>
struct per_slot_of {
    using type = Absent<typename P::answers>;
};
template <class P>
    requires requires { typename P::per_slot; }
struct per_slot_of<P> {
    using type = typename P::per_slot;
};

/// Marks that the keeper sets on a slot.
enum Mark : std::uint32_t {
    mark_retire = 1,  ///< close it when it comes back
    mark_aged = 2,    ///< it has rested long enough to be asked
    mark_renew = 4,   ///< as mark_retire, for another reason
};

template <class S>
struct alignas(cache_line) Slot {
    using Sync = typename S::sync;
    using Resource = typename S::resource;
    template <class T>
    using atomic = typename Sync::template atomic<T>;

    /// What the claimant's `uses` and the keeper's marks are made of where nobody asked for them.
    template <class T>
    struct Count {
        atomic<T> n{0};
    };

    // Owned by whoever owns the slot. `report` dooms a lease by taking its home away: the return, which looks at the home
    // anyway, then comes to the mutex, and the hit path needs no test for it.
    std::uint64_t bit = 0;
    std::uint32_t home = 0;
    std::uint32_t index = 0;
    std::uint32_t barged = 0;
    [[no_unique_address]] std::conditional_t<S::keeps_marks, Count<std::uint32_t>, Absent<struct marks_tag>> marks;
    union {
        Resource resource;
    };
    [[no_unique_address]] std::conditional_t<S::keeps_uses, Count<std::uint64_t>, Absent<struct uses_tag>> uses;
    /// The use count with which it retires; written when it is opened.
    struct LastUse {
        std::uint64_t n = ~std::uint64_t{0};
    };
    [[no_unique_address]] std::conditional_t<S::limits_uses, LastUse, Absent<struct last_use_tag>> last_use;
    [[no_unique_address]] typename per_slot_of<typename S::watch>::type watch;
    [[no_unique_address]] typename per_slot_of<typename S::metrics>::type meter;

    Slot() noexcept {}  // the resource is constructed when opened, destroyed when closed
    Slot(const Slot&) = delete;
    ~Slot() {}

    /// Once, before anybody else sees the slot: index and bit are read by any thread.
    void settle_at(std::uint32_t i) noexcept {
        index = i;
        bit = IdleSet<Sync>::bit_of(i);
        settle_again();
    }
    /// A new resource in it is not doomed.
    void settle_again() noexcept { home = IdleSet<Sync>::home_of(index); }
    [[nodiscard]] bool to_retire() const noexcept { return marked(mark_retire | mark_renew); }
    [[nodiscard]] bool worn_out() const noexcept {
        if constexpr (S::limits_uses) return uses.n.load(std::memory_order_relaxed) >= last_use.n;
        else return false;
    }
    [[nodiscard]] bool doomed() const noexcept { return home == IdleSet<Sync>::nowhere; }
    [[nodiscard]] bool marked(std::uint32_t any_of) const noexcept {
        if constexpr (S::keeps_marks) return (marks.n.load(std::memory_order_relaxed) & any_of) != 0;
        else return false;
    }
};

}  // namespace dewpond::inline v0::detail
