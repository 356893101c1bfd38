// SPDX-License-Identifier: BSL-1.0
// Lease: a resource that is yours until the end of its scope. Waiter: the same, delivered to a callback.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include <dewpond/detail/core.hpp>
#include <dewpond/error.hpp>
#include <dewpond/report.hpp>
#include <dewpond/result.hpp>

namespace dewpond::inline v0 {

/// Exclusive use of one resource. Move-only, two pointers, empty by default; the destructor returns the resource to
/// its pool, from any thread, without throwing, allocating or waiting for another user. A lease may outlive its pool:
/// it then closes its resource. An empty (default-constructed, moved-from, given-back) lease holds nothing: looking
/// into it is undefined, `get_if()` tells. One lease is used by one thread at a time.
template <class Core>
class [[nodiscard]] Lease {
    using Slot = typename Core::Slot;
    using Arrow = std::conditional_t<std::is_pointer_v<typename Core::Resource>, typename Core::Resource, typename Core::Resource*>;

public:
    using resource_type = typename Core::Resource;

    Lease() noexcept = default;
    Lease(Lease&& other) noexcept : core_{other.core_}, slot_{std::exchange(other.slot_, nullptr)} {}
    /// Returns what it held first. Moving a lease into itself leaves it as it is.
    DEWPOND_INLINE Lease& operator=(Lease&& other) noexcept {
        if (this != std::addressof(other)) {
            release();
            core_ = other.core_;
            slot_ = std::exchange(other.slot_, nullptr);
        }
        return *this;
    }
    DEWPOND_INLINE ~Lease() { release(); }

    [[nodiscard]] explicit operator bool() const noexcept { return slot_ != nullptr; }

    /// The resource. A temporary lease cannot be looked into: it would be returned at the end of the expression.
    [[nodiscard]] resource_type& operator*() const& noexcept { return slot_->resource; }
    resource_type& operator*() const&& = delete;
    [[nodiscard]] resource_type& get() const& noexcept { return slot_->resource; }
    resource_type& get() const&& = delete;
    /// The resource, or null if the lease is empty.
    [[nodiscard]] resource_type* get_if() const& noexcept { return slot_ != nullptr ? std::addressof(slot_->resource) : nullptr; }
    resource_type* get_if() const&& = delete;
    /// Members of the resource; passes through what is a pointer itself.
    Arrow operator->() const& noexcept {
        if constexpr (std::is_pointer_v<resource_type>) return slot_->resource;
        else return std::addressof(slot_->resource);
    }
    Arrow operator->() const&& = delete;

    /// Returns the resource now and says what the return found. An empty lease answers `clean`.
    ReturnReport give_back() noexcept {
        Slot* slot = std::exchange(slot_, nullptr);
        return slot != nullptr ? core_->come_back(*slot) : ReturnReport::clean;
    }
    /// Closes the resource instead of returning it; the slot becomes vacant.
    void discard() noexcept {
        if (Slot* slot = std::exchange(slot_, nullptr)) core_->discard(*slot);
    }
    /// Takes the resource out of the pool for good: it counts no longer, and closing it is yours. Not for an empty lease.
    [[nodiscard]] resource_type detach() noexcept { return core_->detach(*std::exchange(slot_, nullptr)); }
    /// Tells the pool what you saw on the resource: anything but `Fault::none` and `Fault::other` makes the return
    /// close it. `Fault::wrong_role` is about what stands behind it: where the pool could `renew()`, it does, once for
    /// all that were opened before somebody told.
    void report(Fault fault) noexcept {
        if (slot_ == nullptr || fault == Fault::none || fault == Fault::other) return;
        core_->doom(*slot_);
        if (fault == Fault::wrong_role) core_->renew_since(*slot_);
    }

private:
    template <class>
    friend class detail::Core;
    template <class, class...>
    friend class Pool;
    Lease(Core& core, Slot& slot) noexcept : core_{&core}, slot_{&slot} {}
    DEWPOND_INLINE void release() noexcept {
        if (slot_ != nullptr) core_->give_back(*slot_);
        slot_ = nullptr;
    }

    Core* core_ = nullptr;
    Slot* slot_ = nullptr;
};

/// A waiter without a thread: derive from it, or give it a function; the pool calls it exactly once, outside every lock
/// and possibly before `enqueue` returns, on whatever thread frees a slot. It belongs to the caller, who keeps it in
/// place until it was served. The function must not block: post to your own executor.
template <class Core>
class Waiter : detail::Node<typename Core::Sync> {
public:
    using Served = void (*)(Waiter&, Result<Lease<Core>>) noexcept;
    explicit Waiter(Served served) noexcept : served_{served} {}
    Waiter(const Waiter&) = delete;

private:
    template <class>
    friend class detail::Core;
    template <class, class...>
    friend class Pool;
    void deliver(Result<Lease<Core>>&& outcome) noexcept { served_(*this, std::move(outcome)); }

    Served served_;
    Core* core_ = nullptr;
    std::uint32_t in_vain_ = 0;  // opened for it and refused
    bool at_once_ = false;       // served by what was idle: it did not wait
    [[no_unique_address]] typename Core::Place place_{};
};

}  // namespace dewpond::inline v0
