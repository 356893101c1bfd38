// SPDX-License-Identifier: BSL-1.0
// Threads that share a pool: with enough for all, with too little, with holds that compute and holds that sleep.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "machine.hpp"
#include "peers.hpp"
#include "team.hpp"

namespace bench {
namespace {

struct Workload {
    std::string title;
    std::size_t slots;
    Team team;
    std::chrono::microseconds busy{0}, asleep{0};
    int rounds = 15;
};

/// Each round every contestant has its turn, and who begins changes from round to round.
void run(const CommandLine& line, Grid& grid, const Workload& w) {
    if (!line.wants(w.title)) return;
    Team team = w.team;
    if (line.quick) team.seconds /= 3;
    const auto span = static_cast<std::uint64_t>(ticks_per_us() * static_cast<double>(w.busy.count()));
    const auto hold = [span, asleep = w.asleep](auto& lease, std::uint64_t since) {
        benchmark::DoNotOptimize(*lease);
        if (span != 0) {
            while (ticks() - since < span) {
            }
        } else if (asleep.count() != 0) {
            std::this_thread::sleep_for(asleep);
        }
    };
    struct Entry {
        const char* name;
        Part part;
        std::function<Outcome()> turn;
        Record record{};
    };
    std::vector<Entry> all;
    each_contestant([&]<class P>(Contestant<P> c) {
        std::shared_ptr<P> pool = ready_pool<P>(w.slots);
        all.push_back({c.name, c.part, [pool, &team, &hold] { return saturate(*pool, team, hold); }});
    });
    const int rounds = line.rounds(w.rounds, 7);
    for (int round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < all.size(); ++i) {
            Entry& e = all[(i + static_cast<std::size_t>(round)) % all.size()];
            e.record.add(e.turn());
        }
    }
    std::vector<Line> lines;
    for (const Entry& e : all) {
        const Record& r = e.record;
        lines.push_back({e.name,
                         e.part,
                         {scaled(r.per_second, 1e-3), r.p50, r.p99, r.p999, scaled(r.longest, 1e-3), r.fairness,
                          r.jain}});
    }
    grid.table(w.title,
               {{"throughput", "k/s"},
                {"p50 wait", "us"},
                {"p99 wait", "us"},
                {"p99.9 wait", "us"},
                {"longest", "ms"},
                {"least/most", ""},
                {"Jain", ""}},
               lines);
}

}  // namespace

void together(const CommandLine& line, Grid& grid) {
    using std::chrono::microseconds;
    // Without a hold one wait of 32 is timed: two readings of the clock take longer than a pair.
    run(line, grid,
        {"B: two threads, pool of 10, no hold", 10, {.threads = 2, .seconds = 0.15, .timed_of = 32, .pinned = true}});
    run(line, grid, {"C: 8 threads, pool of 10, no hold", 10, {.threads = 8, .seconds = 0.3, .timed_of = 32}});
    run(line, grid, {"D: 8 threads, pool of 2, busy holds of 1 us", 2, {.seconds = 0.45}, microseconds{1}});
    run(line, grid, {"D1: 8 threads, pool of 1, busy holds of 1 us", 1, {.seconds = 0.45}, microseconds{1}});
    for (const auto& [name, sleep] :
         {std::pair{"S100: 8 threads, pool of 2, holds that sleep 100 us", microseconds{100}},
          std::pair{"S1000: 8 threads, pool of 2, holds that sleep 1 ms", microseconds{1000}}})
        run(line, grid, {name, 2, {.seconds = 0.45}, microseconds{0}, sleep});
}

}  // namespace bench
