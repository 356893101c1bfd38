// SPDX-License-Identifier: BSL-1.0
// What does it cost one thread to take an idle resource and give it back, and does the size of the pool matter?
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "floors.hpp"
#include "idle.hpp"
#include "pools.hpp"
#include "rounds.hpp"

namespace bench {
namespace {

/// The shape of any pool of numbered places on one word: find the lowest, take it, put it back. No place behind it, no
/// waiter, no second word.
void bitmap_pair(benchmark::State& state) {
    alignas(64) std::atomic<std::uint64_t> word{1023};
    for (auto _ : state) {
        std::uint64_t b = word.load(std::memory_order_relaxed);
        while (!word.compare_exchange_weak(b, b & (b - 1), std::memory_order_acquire, std::memory_order_relaxed)) {
        }
        auto place = static_cast<unsigned>(std::countr_zero(b));
        benchmark::DoNotOptimize(place);
        b = word.load(std::memory_order_relaxed);
        while (!word.compare_exchange_weak(b, b | std::uint64_t{1} << place, std::memory_order_release,
                                           std::memory_order_relaxed)) {
        }
    }
}

template <class Pool>
void pair(benchmark::State& state, Pool& pool) {
    for (auto _ : state) {
        auto lease = pool.checkout();
        benchmark::DoNotOptimize(*lease);
    }
}

/// A pool whose resources are all open, with all but `idle` of them leased for as long as it lives.
template <class Pool>
struct Prepared {
    Prepared(std::size_t size, std::size_t idle) : pool{make(size)}, leases{take_all(*pool, size)} {
        // The last ones taken go back: in a pool that prefers low slots they are the farthest away.
        for (std::size_t i = 0; i < idle; ++i) leases.pop_back();
    }
    static std::unique_ptr<Pool> make(std::size_t size) {
        if constexpr (std::is_constructible_v<Pool, std::size_t>) return std::make_unique<Pool>(size);
        else return std::make_unique<Pool>(NullDriver{}, options_for(size));
    }
    std::unique_ptr<Pool> pool;
    std::vector<decltype(std::declval<Pool&>().checkout())> leases;
};

template <class Pool>
std::size_t add(Rounds& rounds, std::size_t size, std::size_t idle) {
    auto prepared = std::make_shared<Prepared<Pool>>(size, idle);
    return rounds.add([prepared](benchmark::State& state) { pair(state, *prepared->pool); });
}

Row row(std::string what, const Series& ns, const Series& floor, std::string with = "CAS pair") {
    return {.what = std::move(what),
            .unit = "ns",
            .value = summarise(ns),
            .compared = summarise(ratio(ns, floor)),
            .with = std::move(with)};
}

template <class Pool>
void sizes_of(const CommandLine& line, Report& report, const std::string& title, const std::vector<std::size_t>& all) {
    if (!line.wants(title)) return;
    Rounds rounds{Clock::cpu, line.quick ? 0.001 : 0.003};
    struct Case {
        std::size_t size, idle, body;
    };
    std::vector<Case> cases;
    const auto few = add<Pool>(rounds, 1, 1);
    for (const std::size_t size : all) {
        cases.push_back({size, size, add<Pool>(rounds, size, size)});
        cases.push_back({size, 1, add<Pool>(rounds, size, 1)});
    }
    rounds.run(line.rounds(41, 15), 8);

    const Series base = rounds.ns(few);
    std::vector<Row> rows;
    rows.push_back({.what = "1 slot", .unit = "ns", .value = summarise(base)});
    for (const Case& c : cases) {
        const std::string what =
            std::to_string(c.size) + " slots, " + (c.idle == 1 ? "all but one leased" : "all idle");
        rows.push_back(row(what, rounds.ns(c.body), base, "1 slot"));
        rows.back().must = at_most(1.5);
        rows.back().goal = at_most(1.15);
    }
    report.table(title, rows);
}

}  // namespace

void one_thread(const CommandLine& line, Report& report) {
    const std::string title = "one thread, checkout + return, pool of 10";
    if (!line.wants(title)) return;
    Rounds rounds{Clock::cpu, line.quick ? 0.001 : 0.003};
    const auto floor = rounds.add(cas_pair), bitmap = rounds.add(bitmap_pair), mutexes = rounds.add(mutex_pairs);
    const auto plain = rounds.add(load_store_pair);
    const auto bare = add<BarePool>(rounds, 10, 10), counting = add<CountingPool>(rounds, 10, 10);
    const auto watching = add<WatchingPool>(rounds, 10, 10), standard = add<DefaultPool>(rounds, 10, 10);
    const auto warning = add<WarningPool>(rounds, 10, 10), timed = add<TimedPool>(rounds, 10, 10), exactly = add<ExactlyTimedPool>(rounds, 10, 10);
    const auto bare_cells = add<BareCellsPool>(rounds, 10, 10), cells = add<CellsPool>(rounds, 10, 10);
    const auto textbook = add<Textbook>(rounds, 10, 10);
    rounds.run(line.rounds(61, 15), 8);

    const Series base = rounds.ns(floor);
    std::vector<Row> rows;
    rows.push_back({.what = "floor: pair of uncontended CAS", .unit = "ns", .value = summarise(base)});
    rows.push_back(row("two loads and stores, not locked", rounds.ns(plain), base));
    rows.push_back(row("a bitmap word by hand", rounds.ns(bitmap), base));
    rows.push_back(row("two std::mutex lock + unlock", rounds.ns(mutexes), base));
    rows.push_back(row("dewpond, every question answered with nothing", rounds.ns(bare), base));
    rows.back().must = at_most(1.3);
    rows.push_back(row("nothing but ThreadCells", rounds.ns(bare_cells), base));
    rows.back().must = at_most(1.3);
    rows.back().goal = at_most(0.5);
    rows.push_back(row("dewpond, only counting checkouts", rounds.ns(counting), base));
    rows.push_back(row("dewpond, only remembering holders", rounds.ns(watching), base));
    rows.push_back(row("dewpond, default policies", rounds.ns(standard), base));
    rows.back().must = at_most(1.6);
    rows.push_back(row("default policies with ThreadCells", rounds.ns(cells), base));
    rows.back().must = at_most(1.6);
    rows.back().goal = at_most(0.7);
    rows.push_back(row("default policies with WarnAfter", rounds.ns(warning), base));
    rows.push_back(row("default policies with Timings", rounds.ns(timed), base));
    rows.push_back(row("default policies with ExactTimings", rounds.ns(exactly), base));
    rows.push_back(row("textbook mutex pool", rounds.ns(textbook), base));
    report.table(title, rows);
}

void sizes(const CommandLine& line, Report& report) {
    sizes_of<DefaultPool>(line, report, "one thread, size of the pool, default policies", {10, 62, 100, 1000, 10'000});
    sizes_of<CellsPool>(line, report, "one thread, size of the pool, ThreadCells", {10'000});
}

}  // namespace bench
