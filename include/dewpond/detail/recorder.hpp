// SPDX-License-Identifier: BSL-1.0
// The flight recorder of a pool: the last 256 things that happened off the hit path, 32 bytes each, written without a
// lock by any thread. It is found in a core file by its first bytes, without debug information: its layout is a format
// (docs/decisions/0029, docs/gdb), so it is the same whatever `Sync` of the pool is, and nothing is decided by it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <vector>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/detail/sync.hpp>
#include <dewpond/detail/waiters.hpp>
#include <dewpond/record.hpp>

namespace dewpond::inline v0::detail {

/// The four words of an entry. Pure.
struct RecordWords {
    std::uint64_t stamp = 0;  ///< number << 8 | kind; 0: empty; 1: being written
    std::int64_t when = 0;    ///< nanoseconds of the monotonic clock
    std::uint64_t place = 0;  ///< the bits of a Place
    std::uint64_t rest = 0;   ///< age << 32 | slot << 16 | reason or code << 8 | fault

    /// Microseconds, or with the top bit milliseconds; what is longer than 24 days is 24 days.
    [[nodiscard]] static constexpr std::uint32_t pack_age(Duration d) noexcept {
        constexpr std::int64_t most = 0x7fffffff;
        const std::int64_t us = d.ns().count() > 0 ? d.ns().count() / 1000 : 0;
        if (us <= most) return static_cast<std::uint32_t>(us);
        return static_cast<std::uint32_t>((std::min)(us / 1000, most)) | 0x80000000u;
    }
    [[nodiscard]] static constexpr Duration unpack_age(std::uint32_t age) noexcept {
        const std::int64_t n = age & 0x7fffffff;
        if ((age & 0x80000000u) != 0) return std::chrono::milliseconds{n};
        return std::chrono::microseconds{n};
    }
    [[nodiscard]] static RecordWords of(const PastEvent& e, TimePoint now) noexcept {
        const auto what = e.kind == EventKind::failed ? static_cast<std::uint8_t>(e.code) : static_cast<std::uint8_t>(e.reason);
        return {e.number << 8 | static_cast<std::uint8_t>(e.kind), ticks(now), e.place.bits(),
                std::uint64_t{pack_age(e.age)} << 32 | std::uint64_t{(std::min)(e.slot, PastEvent::no_slot)} << 16 | std::uint64_t{what} << 8 | static_cast<std::uint8_t>(e.fault)};
    }
    [[nodiscard]] PastEvent event(TimePoint now) const noexcept {
        PastEvent e;
        e.number = stamp >> 8;
        e.kind = static_cast<EventKind>(stamp & 0xff);
        e.ago = std::chrono::nanoseconds{(std::max<std::int64_t>)(ticks(now) - when, 0)};
        e.place = Place::from_bits(static_cast<std::uintptr_t>(place));
        e.slot = static_cast<std::uint32_t>(rest >> 16 & 0xffff);
        e.age = unpack_age(static_cast<std::uint32_t>(rest >> 32));
        e.fault = static_cast<Fault>(rest & 0xff);
        if (e.kind == EventKind::failed) e.code = static_cast<Code>(rest >> 8 & 0xff);
        else e.reason = static_cast<CloseReason>(rest >> 8 & 0xff);
        return e;
    }
};

/// What each request may cause has a lane of its own: a storm of waits does not wash away what led to it.
[[nodiscard]] constexpr bool of_a_request(EventKind k) noexcept {
    return k == EventKind::waited || k == EventKind::failed || k == EventKind::dirty_return || k == EventKind::nested_wait;
}

/// These are about the pool, or about a caller who got nothing.
[[nodiscard]] constexpr bool about_a_slot(EventKind k) noexcept {
    return k != EventKind::nested_wait && k != EventKind::stalled && k != EventKind::down && k != EventKind::up;
}

/// On the atomics of `Threads`; `size`: entries of a lane. A pool's own is `Recorder`, below.
template <class Threads, std::uint32_t size>
class BasicRecorder {
    template <class T>
    using atomic = typename Threads::template atomic<T>;

public:
    static constexpr std::uint32_t lanes = 2, each = size;

    explicit BasicRecorder(std::string_view pool) noexcept {
        std::memcpy(magic_, "dewpond recorder", sizeof magic_);
        std::memcpy(pool_, pool.data(), (std::min)(pool.size(), sizeof pool_));
    }
    BasicRecorder(const BasicRecorder&) = delete;

    /// Thread-safe, never waits; three locked instructions and four stores.
    void note(PastEvent e, TimePoint now) noexcept {
        e.number = number_.fetch_add(1, std::memory_order_relaxed) + 1;
        const std::uint32_t lane = of_a_request(e.kind) ? 1 : 0;
        Entry& at = entries_[lane * each + next_[lane].fetch_add(1, std::memory_order_relaxed) % each];
        const RecordWords w = RecordWords::of(e, now);
        // One writer at a time: who finds another one here, overtaken by 128 since, leaves the place to him. The claim is an
        // acquire: without it nothing says that these words come after those of the entry before. Each word is a release, so
        // whoever reads one of them also sees that the old stamp is gone.
        std::uint64_t old = at.stamp.load(std::memory_order_relaxed);
        if (old == being_written || !at.stamp.compare_exchange_strong(old, being_written, std::memory_order_acquire)) return;
        at.when.store(w.when, std::memory_order_release);
        at.place.store(w.place, std::memory_order_release);
        at.rest.store(w.rest, std::memory_order_release);
        at.stamp.store(w.stamp, std::memory_order_release);
    }
    /// The last `most` of what is remembered, oldest first. Throws std::bad_alloc.
    [[nodiscard]] std::vector<PastEvent> read(TimePoint now, std::size_t most = std::size_t{lanes} * each) const {
        std::vector<RecordWords> seen;  // not on the stack, which may be small
        seen.reserve(std::size_t{lanes} * each);
        for (const Entry& e : entries_) {
            const std::uint64_t stamp = e.stamp.load(std::memory_order_acquire);
            if (stamp <= being_written) continue;
            const RecordWords w{stamp, e.when.load(std::memory_order_acquire), e.place.load(std::memory_order_acquire), e.rest.load(std::memory_order_acquire)};
            if (e.stamp.load(std::memory_order_relaxed) == stamp) seen.push_back(w);
        }
        const std::size_t n = seen.size();
        std::sort(seen.data(), seen.data() + n, [](const RecordWords& a, const RecordWords& b) { return a.stamp < b.stamp; });
        std::vector<PastEvent> out;
        const std::size_t left_out = n > most ? n - most : 0;
        out.reserve(n - left_out);
        for (std::size_t i = left_out; i < n; ++i) out.push_back(seen[i].event(now));
        return out;
    }

private:
    static constexpr std::uint64_t being_written = 1;
    struct Entry {
        atomic<std::uint64_t> stamp{0};
        atomic<std::int64_t> when{0};
        atomic<std::uint64_t> place{0}, rest{0};
    };

    char magic_[16];
    [[maybe_unused]] std::uint32_t version_ = 1, entry_bytes_ = sizeof(Entry), entry_count_ = lanes * each, spare_ = 0;  // read from core files
    char pool_[64] = {};
    Entry entries_[std::size_t{lanes} * each];
    // no part of the format
    atomic<std::uint64_t> number_{0};
    atomic<std::uint32_t> next_[lanes] = {};
};

/// The same under every Sync: it adds no step to an explored schedule, and its layout is a format.
using Recorder = BasicRecorder<StdThreads, 128>;
static_assert(std::is_standard_layout_v<Recorder>, "the first bytes of a recorder are its magic");
static_assert(sizeof(Recorder) == 96 + 256 * 32 + 16, "a head, 256 entries of 32 bytes, and what is no part of the format");

}  // namespace dewpond::inline v0::detail
