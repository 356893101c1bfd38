// What the reference knows: what a pool was told, where each slot stands, who waits, what was counted.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include <fuzz/world.hpp>

namespace fuzz {

using dewpond::CloseReason;
using dewpond::Code;
using dewpond::Fault;

/// What a pool was told; the same for both sides.
struct Setting {
    static constexpr std::size_t capacity = 6;
    std::size_t max_size = 1, min_idle = 0, max_waiting = 3;
    bool resets_here = true;              ///< return_budget is above 0
    std::int64_t grace = INT64_MAX;       ///< outage_grace in ns
    // of the type of the pool
    std::uint64_t max_uses = UINT64_MAX;
    bool in_caller = true, checks = true, hooks = false;
    // Spans so short that the pool's jitter is cut to nothing: the gate is a tenth of the span away.
    std::int64_t backoff_min = 10'000, backoff_waiting = 20'000, backoff_max = 40'000;
};

/// What a callback does with what it is served.
enum class Manner : std::uint8_t { keeps, drops, discards, asks_again, count_ };

/// Where everything stands, and what was counted.
struct Books {
    static constexpr int nobody = -1;
    enum Phase : std::uint8_t { vacant, idle, leased, retiring };
    struct Slot {
        Phase phase = vacant;
        std::int64_t id = 0;
        bool doomed = false;
        std::uint64_t uses = 0;  ///< of this resource
        std::int64_t born = 0;
    };
    struct Waiting {
        int who;
        Manner manner;
        std::int64_t since, deadline, limit;
        std::uint32_t in_vain = 0;  ///< opened for it and refused
    };
    struct Call {
        Waiting w;
        std::optional<std::size_t> slot;
        Code code{};
    };

    explicit Books(const Setting& s) : setting{s}, slots(s.capacity) {}

    Setting setting;
    std::int64_t now = 1'000'000'000, ids = 0;
    std::deque<Opening> script;
    std::map<std::int64_t, Traits> live;
    std::vector<Entry> log;

    std::vector<Slot> slots;
    std::vector<std::size_t> leases;  ///< slots, in the order of the harness's leases
    std::deque<Waiting> queue;
    std::deque<std::size_t> jobs;
    bool closed = false, ready = false, handle_gone = false;
    int next_waiter = 0;

    // of the outage
    std::uint32_t failures = 0;
    bool down = false;
    Fault fault = Fault::none;
    std::int64_t failing_since = 0, down_since = 0, gate = 0;

    // counters
    std::uint64_t checkouts = 0, waited = 0, timed_out = 0, refused = 0, cancelled = 0, opened = 0, open_failures = 0, dirty_returns = 0;
    std::uint64_t closed_by[static_cast<std::size_t>(CloseReason::count_)] = {};

    // ---- looking ----

    [[nodiscard]] std::size_t count(Phase p) const {
        return static_cast<std::size_t>(std::count_if(slots.begin(), slots.end(), [p](const Slot& s) { return s.phase == p; }));
    }
    [[nodiscard]] std::size_t size() const { return slots.size() - count(vacant); }
    [[nodiscard]] int lowest(Phase p) const {
        const auto at = std::find_if(slots.begin(), slots.end(), [p](const Slot& s) { return s.phase == p; });
        return at == slots.end() ? nobody : static_cast<int>(at - slots.begin());
    }
    /// Where the next resource would go, if another one may exist.
    [[nodiscard]] int vacancy() const { return size() < setting.max_size ? lowest(vacant) : nobody; }
    /// More exist than may, those left aside that are about to go.
    [[nodiscard]] bool excess() const { return size() - count(retiring) > setting.max_size; }
    Traits& traits(std::size_t slot) { return live.at(slots[slot].id); }
};

}  // namespace fuzz
