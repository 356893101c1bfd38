// SPDX-License-Identifier: BSL-1.0
// MinimalDriver: the archetype of a driver. What compiles with it uses nothing that the contract does not promise.
#pragma once

#include <utility>

#include <dewpond/config.hpp>
#include <dewpond/testing/plain_driver.hpp>

namespace dewpond::inline v0::testing {

/// What a MinimalDriver opens: it can be moved without throwing and destroyed, and nothing else. It is not
/// default-constructed, copied, assigned, compared, or asked for its address with `&`.
class MinimalResource {
public:
    MinimalResource(MinimalResource&& other) noexcept : open_{std::exchange(other.open_, false)} {}
    MinimalResource(const MinimalResource&) = delete;
    MinimalResource& operator=(MinimalResource&&) = delete;
    MinimalResource& operator=(const MinimalResource&) = delete;
    ~MinimalResource() = default;
    void operator&() const = delete;
    template <class T>
    void operator,(T&&) const = delete;

    /// Neither closed nor moved from.
    [[nodiscard]] bool is_open() const noexcept { return open_; }

private:
    friend class MinimalDriver;
    MinimalResource() noexcept = default;
    bool open_ = true;
};

/// The needed rows of the contract and no more: `resource`, `open()`, `close`. Both are called on an lvalue that is not
/// const, and the driver itself can only be moved. The counts outlive the pool.
class MinimalDriver {
public:
    using resource = MinimalResource;

    explicit MinimalDriver(PlainCounts& counts) noexcept : counts_{counts} {}
    MinimalDriver(MinimalDriver&&) noexcept = default;
    MinimalDriver(const MinimalDriver&) = delete;
    MinimalDriver& operator=(MinimalDriver&&) = delete;
    MinimalDriver& operator=(const MinimalDriver&) = delete;
    ~MinimalDriver() = default;
    void operator&() const = delete;

    resource open() & {
        counts_.opened.fetch_add(1, std::memory_order_relaxed);
        return resource{};
    }
    void close(resource& r) & noexcept {
        // A resource that is closed twice, or was moved from, is counted once: the balance then tells of it.
        if (std::exchange(r.open_, false)) counts_.closed.fetch_add(1, std::memory_order_relaxed);
    }

private:
    PlainCounts& counts_;
};

}  // namespace dewpond::inline v0::testing
