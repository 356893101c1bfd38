// SPDX-License-Identifier: BSL-1.0
// PlainDriver: the cheapest driver there is, for stress tests and benchmarks: it locks nothing and orders nothing.
#pragma once

#include <atomic>

#include <dewpond/config.hpp>

namespace dewpond::inline v0::testing {

/// How many resources plain drivers opened and closed. Relaxed: the counts order nothing, so that a sanitizer sees
/// every race of the pool. Exact after the threads were joined.
struct PlainCounts {
    std::atomic<long> opened{0};
    std::atomic<long> closed{0};
    [[nodiscard]] long live() const noexcept {
        return opened.load(std::memory_order_relaxed) - closed.load(std::memory_order_relaxed);
    }
};

/// Opens numbers. A resource is a plain `int` that `open` writes and `close` overwrites, so that a hand-over without
/// order between two threads is a data race that ThreadSanitizer reports. The counts, if any, outlive the pool.
class PlainDriver {
public:
    using resource = int;

    PlainDriver() noexcept = default;
    explicit PlainDriver(PlainCounts& counts) noexcept : counts_{&counts} {}

    resource open() noexcept {
        if (counts_ == nullptr) return 1;
        return static_cast<int>(counts_->opened.fetch_add(1, std::memory_order_relaxed)) + 1;
    }
    void close(resource& r) noexcept {
        r = -1;
        if (counts_ != nullptr) counts_->closed.fetch_add(1, std::memory_order_relaxed);
    }

private:
    PlainCounts* counts_ = nullptr;
};

}  // namespace dewpond::inline v0::testing
