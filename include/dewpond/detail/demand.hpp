// SPDX-License-Identifier: BSL-1.0
// How many slots were wanted at once: the most since the start, and of the last minute. Written off the hit path only.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/detail/sync.hpp>

namespace dewpond::inline v0::detail {

/// Peaks of demand, by spans of ten seconds. Without a lock: a span and its peak share one word, and the greater of two
/// words is the later span, or the higher peak of the same.
class DemandMeter {
    using Word = std::uint64_t;
    using Atomic = StdThreads::atomic<Word>;  // under every Sync: what is only told adds no step to an explored schedule

public:
    void note(std::uint32_t demand, TimePoint now) noexcept {
        const Word span = span_of(now);
        raise(spans_[span % kept], span << bits | (std::min)(demand, most));
        raise(ever_, demand);
    }
    [[nodiscard]] std::uint32_t ever() const noexcept { return static_cast<std::uint32_t>(ever_.load(std::memory_order_relaxed)); }
    /// Of the last sixty to seventy seconds.
    [[nodiscard]] std::uint32_t last_minute(TimePoint now) const noexcept {
        const Word span = span_of(now);
        std::uint32_t peak = 0;
        for (const Atomic& s : spans_) {
            const Word w = s.load(std::memory_order_relaxed);
            if ((w >> bits) + 6 >= span) peak = (std::max)(peak, static_cast<std::uint32_t>(w & most));
        }
        return peak;
    }

private:
    static constexpr unsigned bits = 20;
    DEWPOND_HIDDEN static constexpr std::uint32_t most = (1u << bits) - 1;
    static constexpr std::size_t kept = 8;

    /// A clock may begin at 0: a span of its own keeps words that were never written apart.
    static Word span_of(TimePoint now) noexcept {
        return static_cast<Word>(std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count()) / 10 + kept;
    }
    static void raise(Atomic& word, Word to) noexcept {
        Word seen = word.load(std::memory_order_relaxed);
        while (seen < to && !word.compare_exchange_weak(seen, to, std::memory_order_relaxed)) {
        }
    }

    Atomic spans_[kept] = {};
    Atomic ever_{0};
};

}  // namespace dewpond::inline v0::detail
