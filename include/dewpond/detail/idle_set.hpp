// SPDX-License-Identifier: BSL-1.0
// L1: the set of idle slots, 62 a word, taken and published by one CAS each.
//
// Two control bits ride in every word, changed under the mutex of the exchange only:
//   ATTENTION  returns come to the mutex (somebody is queued, too many exist, or the pool is closing)
//   ONWAY      the head of the queue has been woken and will look by itself: only each 16th return need come
// A take never tests them: barging is exactly "an idle bit is visible". A return's successful CAS is its last touch of
// the pool; when it has to come to the mutex it publishes nothing first, so a counted slot keeps the pool alive.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <dewpond/config.hpp>

namespace dewpond::inline v0::detail {

/// No slot.
constexpr std::uint32_t nil = ~std::uint32_t{0};

template <class Sync>
class IdleSet {
    friend struct Invariants;  // tests/model

public:
    static constexpr std::uint32_t per_word = 62;
    static constexpr std::uint64_t attention = std::uint64_t{1} << 63;
    static constexpr std::uint64_t onway = std::uint64_t{1} << 62;
    static constexpr std::uint64_t control = attention | onway;
    /// The home of a slot that must not become idle: a put then always comes to the mutex.
    static constexpr std::uint32_t nowhere = ~std::uint32_t{0};

    /// The bits are the last of their line: what a holder reads of its slot comes first in the slot's. A load whose address
    /// ends in the same 12 bits as that of the CAS before it waits for it. A resource larger than a pointer may still lie so.
    struct alignas(cache_line) Word {
        std::uint64_t orphans = 0;  ///< in the child of a fork: what was idle in the parent
        std::byte apart[cache_line - 2 * sizeof(std::uint64_t)];
        typename Sync::template atomic<std::uint64_t> bits{0};
    };

    /// `sample`: under ONWAY each so many-th return of a slot comes to the mutex all the same.
    explicit IdleSet(std::uint32_t size, std::uint32_t sample = 16)
        : words_{(size + per_word - 1) / per_word}, sample_{sample} {
        if (words_ > 1) far_ = std::make_unique<Word[]>(words_ - 1);
    }

    [[nodiscard]] std::uint32_t words() const noexcept { return words_; }
    [[nodiscard]] static std::uint32_t home_of(std::uint32_t slot) noexcept { return slot / per_word; }
    [[nodiscard]] static std::uint64_t bit_of(std::uint32_t slot) noexcept {
        return std::uint64_t{1} << (slot % per_word);
    }

    /// Takes the lowest idle slot, or `nil`. Lock-free; called by anybody.
    DEWPOND_INLINE std::uint32_t take() noexcept {
        if (const std::uint32_t bit = take_in(first_); bit != nil) [[likely]] return bit;
        return words_ == 1 ? nil : take_far();
    }

    /// Returns a slot that its holder found fit. False: nothing was published, come to the mutex.
    /// `home` is its word, or `nowhere`; `barged` belongs to the slot and is touched by its holder only.
    DEWPOND_INLINE bool put(std::uint32_t home, std::uint64_t bit, std::uint32_t& barged) noexcept {
        // A predicted branch, not a pointer: loads wait for the take's locked instruction, a prediction does not.
        if (home == 0) [[likely]] return put_in(first_, bit, barged);
        if (home == nowhere) return false;
        lower_hint(home);  // before publishing: the CAS is the last touch
        return put_in(far_[home - 1], bit, barged);
    }

    /// Takes one particular slot if it is idle (for the keeper).
    bool claim(std::uint32_t slot) noexcept {
        Word& w = word(home_of(slot));
        const std::uint64_t bit = bit_of(slot);
        std::uint64_t b = w.bits.load(std::memory_order_relaxed);
        while ((b & bit) != 0) {
            // acquire: as in take
            if (w.bits.compare_exchange_weak(b, b & ~bit, std::memory_order_acquire, std::memory_order_relaxed)) return true;
        }
        return false;
    }

    [[nodiscard]] bool is_idle(std::uint32_t slot) const noexcept {
        // acquire: whoever sees the bit of a return also sees the counters its holder wrote before
        return (word(home_of(slot)).bits.load(std::memory_order_acquire) & bit_of(slot)) != 0;
    }
    [[nodiscard]] std::uint32_t count() const noexcept {
        std::uint32_t n = 0;
        for (std::uint32_t k = 0; k < words_; ++k) {
            n += static_cast<std::uint32_t>(std::popcount(word(k).bits.load(std::memory_order_relaxed) & ~control));
        }
        return n;
    }

    // ---- under the mutex of the exchange ----

    /// Makes a slot visible as idle.
    void publish(std::uint32_t slot) noexcept {
        lower_hint(home_of(slot));
        // release: as in put
        word(home_of(slot)).bits.fetch_or(bit_of(slot), std::memory_order_release);
    }

    /// Sets the control bits of every word and, in the same RMW, looks: is anything idle? A word that is already
    /// right is only loaded: without ONWAY bits appear under the mutex only, and under ONWAY the woken head looks.
    bool set_control(std::uint64_t want) noexcept {
        std::uint64_t seen = 0;
        for (std::uint32_t k = 0; k < words_; ++k) {
            auto& bits = word(k).bits;
            std::uint64_t b = bits.load(std::memory_order_relaxed);
            // acq_rel: a return whose CAS came before this one is seen here; one that comes after sees the bits
            while ((b & control) != want &&
                   !bits.compare_exchange_weak(b, (b & ~control) | want, std::memory_order_acq_rel, std::memory_order_relaxed)) {
            }
            seen |= b & ~control;
        }
        return seen != 0;
    }

    // ---- in the child of a fork ----

    /// Nothing is idle any more, and whatever comes back comes to the slow path. No lock: its holder may be gone.
    void orphan() noexcept {
        for (std::uint32_t k = 0; k < words_; ++k) {
            Word& w = word(k);
            w.orphans = w.bits.exchange(attention, std::memory_order_relaxed) & ~control;
        }
    }
    /// This one was idle, too, though no word showed it.
    void orphan_too(std::uint32_t slot) noexcept { word(home_of(slot)).orphans |= bit_of(slot); }
    /// One of those that were idle, or `nil` after the last.
    [[nodiscard]] std::uint32_t take_orphan() noexcept {
        for (std::uint32_t k = 0; k < words_; ++k) {
            Word& w = word(k);
            if (w.orphans == 0) continue;
            const auto bit = static_cast<std::uint32_t>(std::countr_zero(w.orphans));
            w.orphans &= w.orphans - 1;
            return k * per_word + bit;
        }
        return nil;
    }

private:
    [[nodiscard]] Word& word(std::uint32_t k) noexcept { return k == 0 ? first_ : far_[k - 1]; }
    [[nodiscard]] const Word& word(std::uint32_t k) const noexcept { return k == 0 ? first_ : far_[k - 1]; }

    DEWPOND_INLINE static std::uint32_t take_in(Word& w) noexcept {
        std::uint64_t b = w.bits.load(std::memory_order_relaxed);
        while ((b & ~control) != 0) {
            const std::uint64_t before = b;  // the control bits are the highest: the lowest bit set is an idle one
            // acquire: pairs with the release of put, publish and grants
            if (w.bits.compare_exchange_weak(b, b & (b - 1), std::memory_order_acquire, std::memory_order_relaxed)) [[likely]] {
                return static_cast<std::uint32_t>(std::countr_zero(before));
            }
        }
        return nil;
    }
    DEWPOND_INLINE bool put_in(Word& w, std::uint64_t bit, std::uint32_t& barged) noexcept {
        std::uint64_t b = w.bits.load(std::memory_order_relaxed);
        do {
            if ((b & attention) != 0) [[unlikely]] {
                if ((b & onway) == 0 || ++barged % sample_ == 0) return false;
            }
            // release: what the holder and its reset wrote is seen by the take's acquire
        } while (!w.bits.compare_exchange_weak(b, b | bit, std::memory_order_release, std::memory_order_relaxed));
        return true;
    }
    // The hint is where to begin, no promise: a scan always visits every word.
    std::uint32_t take_far() noexcept {
        const std::uint32_t start = hint_.load(std::memory_order_relaxed);
        for (std::uint32_t n = 1; n < words_; ++n) {
            std::uint32_t k = start + n - 1;
            if (k >= words_) k -= words_ - 1;
            if (const std::uint32_t bit = take_in(far_[k - 1]); bit != nil) {
                if (k != start) hint_.store(k, std::memory_order_relaxed);
                return k * per_word + bit;
            }
        }
        return nil;
    }
    void lower_hint(std::uint32_t k) noexcept {
        if (k != 0 && k < hint_.load(std::memory_order_relaxed)) hint_.store(k, std::memory_order_relaxed);
    }

    Word first_;
    alignas(cache_line) std::uint32_t words_;
    std::uint32_t sample_;
    std::unique_ptr<Word[]> far_;
    alignas(cache_line) typename Sync::template atomic<std::uint32_t> hint_{1};
};

}  // namespace dewpond::inline v0::detail
