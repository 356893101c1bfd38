// SPDX-License-Identifier: BSL-1.0
// What is written under the mutex of the exchange besides the queue: which slots are vacant, how many stand where, how
// opening has been going, what is left for the crew. Plain values; no lock, clock or atomic in here.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include <dewpond/detail/idle_set.hpp>
#include <dewpond/detail/outage.hpp>

namespace dewpond::inline v0::detail {

/// What becomes of a slot while it is nobody's to take. `live`: idle, claimed or leased.
enum class SlotPhase : std::uint8_t { vacant, opening, live, retiring };

/// Sizes and rules of an exchange.
struct Plan {
    std::uint32_t max_size = 10;
    std::uint32_t capacity = 0;   ///< what max_size can become; at least max_size
    std::uint32_t min_idle = 0;
    std::uint32_t max_waiting = 10'000;
    std::uint32_t opens_at_once = 2;
    OutageRules outage{};
    std::uint32_t sample = 16;  ///< see IdleSet
};

class Ledger {
public:
    explicit Ledger(const Plan& plan) : plan_{plan}, max_{plan.max_size}, capacity_{(std::max)(plan.capacity, plan.max_size)}, vacant_((capacity_ + 63) / 64, 0), book_(capacity_) {
        plan_.capacity = capacity_;
        for (std::uint32_t i = 0; i < plan_.capacity; ++i) set_vacant(i);
    }

    [[nodiscard]] const Plan& plan() const noexcept { return plan_; }
    [[nodiscard]] std::uint32_t counted() const noexcept { return counted_; }
    [[nodiscard]] std::uint32_t opening() const noexcept { return opening_; }
    /// Of the opening ones, those that callers open for themselves.
    [[nodiscard]] std::uint32_t openers() const noexcept { return openers_; }
    [[nodiscard]] std::uint32_t retiring() const noexcept { return retiring_; }
    [[nodiscard]] SlotPhase phase(std::uint32_t slot) const noexcept { return book_[slot].phase; }
    [[nodiscard]] std::uint32_t max_size() const noexcept { return max_; }
    void set_max_size(std::uint32_t n) noexcept { max_ = n; }
    /// More exist than may, those left aside that are about to go.
    [[nodiscard]] bool excess() const noexcept { return counted_ - retiring_ > max_; }
    [[nodiscard]] bool any_live() const noexcept { return counted_ > opening_; }
    [[nodiscard]] std::uint32_t opens_allowed() const noexcept { return opening_cap(outage, plan_.opens_at_once); }
    [[nodiscard]] bool has_room() const noexcept { return counted_ < max_ && opening_ < opens_allowed(); }
    [[nodiscard]] bool may_open(TimePoint now) const noexcept { return has_room() && now >= outage.gate; }

    /// vacant -> opening; has_room() holds. The lowest slot first.
    std::uint32_t take_vacancy(bool by_caller = false) noexcept {
        std::uint32_t k = 0;
        while (vacant_[k] == 0) ++k;
        const std::uint32_t slot = k * 64 + static_cast<std::uint32_t>(std::countr_zero(vacant_[k]));
        vacant_[k] &= vacant_[k] - 1;
        book_[slot].phase = SlotPhase::opening;
        book_[slot].by_caller = by_caller;
        openers_ += by_caller ? 1 : 0;
        ++counted_;
        ++opening_;
        return slot;
    }
    /// opening -> live. What it ended is returned.
    Outage opened(std::uint32_t slot) noexcept {
        end_opening(slot);
        book_[slot].phase = SlotPhase::live;
        return std::exchange(outage, Outage{});
    }
    /// live -> retiring.
    void retire(std::uint32_t slot) noexcept {
        book_[slot].phase = SlotPhase::retiring;
        ++retiring_;
    }
    /// retiring -> live: a reset in the background ended well.
    void revive(std::uint32_t slot) noexcept {
        book_[slot].phase = SlotPhase::live;
        --retiring_;
    }
    /// opening, live or retiring -> vacant: it counts no more.
    void vacate(std::uint32_t slot) noexcept {
        if (book_[slot].phase == SlotPhase::opening) end_opening(slot);
        if (book_[slot].phase == SlotPhase::retiring) --retiring_;
        book_[slot].phase = SlotPhase::vacant;
        set_vacant(slot);
        --counted_;
    }

    /// Retiring slots whose next step is the crew's, first come first served.
    void push_job(std::uint32_t slot) noexcept {
        book_[slot].next_job = nil;
        (jobs_tail_ == nil ? jobs_head_ : book_[jobs_tail_].next_job) = slot;
        jobs_tail_ = slot;
    }
    std::uint32_t pop_job() noexcept {
        const std::uint32_t slot = jobs_head_;
        jobs_head_ = book_[slot].next_job;
        if (jobs_head_ == nil) jobs_tail_ = nil;
        return slot;
    }
    [[nodiscard]] bool has_jobs() const noexcept { return jobs_head_ != nil; }

    Outage outage{};

private:
    struct SlotBook {
        SlotPhase phase = SlotPhase::vacant;
        bool by_caller = false;  ///< while it is opening
        std::uint32_t next_job = nil;
    };
    void end_opening(std::uint32_t slot) noexcept {
        --opening_;
        openers_ -= book_[slot].by_caller ? 1 : 0;
    }
    void set_vacant(std::uint32_t slot) noexcept { vacant_[slot / 64] |= std::uint64_t{1} << (slot % 64); }

    Plan plan_;
    std::uint32_t max_, capacity_;
    std::vector<std::uint64_t> vacant_;
    std::vector<SlotBook> book_;
    std::uint32_t counted_ = 0, opening_ = 0, openers_ = 0, retiring_ = 0;
    std::uint32_t jobs_head_ = nil, jobs_tail_ = nil;
};

}  // namespace dewpond::inline v0::detail
