// What holds of an exchange whenever its mutex is free: I-a to I-g of the protocol.
#pragma once

#include <bit>

#include <dewpond/detail/exchange.hpp>
#include <dewpond/detail/fork_watch.hpp>

namespace dewpond::inline v0::detail {

struct Invariants {
    template <class E>
    [[nodiscard]] static const void* mutex(const E& e) noexcept {
        return &e.mutex_;
    }

    /// The first one that is broken, or null.
    template <class Sync, class Waiting, class Opening, class Hub>
    [[nodiscard]] static const char* broken(const Exchange<Sync, Waiting, Opening, Hub>& e) noexcept {
        using Set = IdleSet<Sync>;
        const auto* head = e.fifo_.head();
        const bool parked = head != nullptr && head->standing() == Standing::waiting;
        std::uint32_t idle = 0;
        for (std::uint32_t k = 0; k < e.idle_.words(); ++k) {
            const std::uint64_t bits = bits_of(e.idle_, k);
            if (parked && (bits & Set::attention) == 0) return "I-a: somebody is parked, and returns do not come to the mutex";
            if (e.ledger_.excess() && (bits & Set::attention) == 0) return "I-e: too many exist, and returns do not come to the mutex";
            if ((bits & Set::onway) != 0) {
                if ((bits & Set::attention) == 0) return "I-c: ONWAY without ATTENTION";
                if (head == nullptr || parked) return "I-c: ONWAY, and nobody is on the way";
            }
            if (head == nullptr && !e.closing_ && !e.ledger_.excess() && e.ledger_.retiring() == 0 && (bits & Set::control) != 0) return "nobody is queued, and returns come to the mutex";
            if (head != nullptr && !parked && !head->cancelled && !e.strict && e.idle_.words() == 1 && !e.closing_ && !e.ledger_.excess() && e.ledger_.retiring() == 0 && (bits & Set::onway) == 0) {
                return "I-c: the head is on the way, and every return still comes to the mutex";
            }
            if (e.closing_ && (bits & Set::control) != Set::attention) return "I-g: closing, and returns do not come to the mutex";
        }
        idle = e.idle_.count();
        if (parked && idle != 0) return "I-b: a slot is idle beside a parked head";
        const std::uint32_t kept = e.hub_.count();
        if (kept != 0 && (head != nullptr || e.closing_ || e.ledger_.excess())) return "a thread keeps a slot although returns come to the mutex";
        std::uint32_t queued = 0, async = 0;
        for (const auto* n = head; n != nullptr; n = n->next) {
            ++queued;
            async += n->async() ? 1 : 0;
            if (!n->linked) return "a node in the queue is not linked";
            if (n->standing() > Standing::notified) return "a node in the queue has been served";
            if (n->next != nullptr && n->next->since < n->since) return "the queue is out of order";
        }
        if (queued != e.fifo_.size() || async != e.fifo_.async_count()) return "the queue miscounts itself";
        if (queued > e.ledger_.plan().max_waiting) return "more are queued than may be";
        const Ledger& l = e.ledger_;
        std::uint32_t counted = 0, opening = 0, retiring = 0, live = 0;
        for (std::uint32_t i = 0; i < l.plan().capacity; ++i) {
            counted += l.phase(i) != SlotPhase::vacant ? 1 : 0;
            opening += l.phase(i) == SlotPhase::opening ? 1 : 0;
            retiring += l.phase(i) == SlotPhase::retiring ? 1 : 0;
            live += l.phase(i) == SlotPhase::live ? 1 : 0;
            if (l.phase(i) != SlotPhase::live && e.idle_.is_idle(i)) return "I-d: a slot is idle and something else";
        }
        bool twice = false;
        e.hub_.each([&](std::uint32_t i) { twice = twice || l.phase(i) != SlotPhase::live || e.idle_.is_idle(i); });
        if (twice) return "I-d: a slot is kept and something else";
        if (counted != l.counted() || opening != l.opening() || retiring != l.retiring()) return "I-e: the counts do not add up";
        const std::uint64_t told = e.census_.newest();
        if (told != (std::uint64_t{counted} | std::uint64_t{opening} << 16 | std::uint64_t{retiring} << 32 | std::uint64_t{queued} << 48)) return "the census does not tell what is counted";
        if (e.openers_.newest() != l.openers() || l.openers() > opening) return "the census does not tell who opens for himself";
        if (e.most_.newest() != l.max_size()) return "max_size is told wrongly";
        if (e.head_since_.newest() != (head != nullptr ? ticks(head->since) : 0)) return "told wrongly since when the first has waited";
        if (e.down_since_.newest() != (l.outage.down ? ticks(l.outage.down_since) : 0)) return "told wrongly since when the pool has been down";
        if (e.outage_.newest() != dewpond::detail::OutageWord::of(l.outage).bits) return "told wrongly why the last opening failed";
        if (idle + kept > live) return "I-d: more slots are idle than live";
        if (Opening::in_caller && parked && !head->async() && !e.closing_ && l.may_open(e.sync_.now())) return "I-f: the head is parked beside a vacancy it may open";
        if (e.visitors_ > 1000) return "more visitors left than came";
        return nullptr;
    }

    /// At rest, all leases returned: nobody waits, nobody visits, all that is counted is idle.
    template <class E>
    [[nodiscard]] static const char* not_at_rest(const E& e) noexcept {
        if (const char* b = broken(e)) return b;
        if (e.fifo_.size() != 0) return "at rest somebody is queued";
        if (e.visitors_ != 0) return "at rest somebody is counted as visitor";
        if (e.ledger_.opening() != 0 || e.ledger_.retiring() != 0) return "at rest a slot is on its way";
        if (e.ledger_.counted() != e.count_idle()) return "a slot is lost: at rest all that is counted is idle";
        if (!e.closing_ && (bits_of(e.idle_, 0) & e.idle_.control) != 0) return "at rest returns come to the mutex";
        return nullptr;
    }

    static void forget_pools() noexcept { ForkWatch::watched().first = nullptr; }

private:
    template <class Set>
    [[nodiscard]] static std::uint64_t bits_of(const Set& idle, std::uint32_t word) noexcept {
        return idle.word(word).bits.newest();
    }
};

}  // namespace dewpond::inline v0::detail
