// SPDX-License-Identifier: BSL-1.0
// What do two threads get out of one pool that one thread does not?
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include "idle.hpp"
#include "machine.hpp"
#include "pools.hpp"

namespace bench {
namespace {

/// Pairs per microsecond that `threads` threads reach together. Between looks at the clock each does a batch of pairs.
template <class MakeBody>
double throughput(unsigned threads, double seconds, MakeBody make_body) {
    struct alignas(128) Count {
        std::uint64_t pairs = 0;
        double seconds = 0;
    };
    std::vector<Count> counts(threads);
    std::barrier start{static_cast<std::ptrdiff_t>(threads)};
    const auto work = [&](unsigned me) {
        pin_to(me);
        auto body = make_body();
        start.arrive_and_wait();
        const auto began = std::chrono::steady_clock::now();
        const auto end = began + std::chrono::duration<double>{seconds};
        auto now = began;
        std::uint64_t pairs = 0;
        for (; now < end; now = std::chrono::steady_clock::now()) {
            for (int i = 0; i < 1000; ++i) body();
            pairs += 1000;
        }
        counts[me] = {pairs, std::chrono::duration<double>{now - began}.count()};
    };
    {
        std::vector<std::jthread> team;
        for (unsigned i = 0; i < threads; ++i) team.emplace_back(work, i);
    }
    double sum = 0;
    for (const Count& c : counts) sum += static_cast<double>(c.pairs) / (c.seconds * 1e6);
    return sum;
}

struct Contestant {
    std::string what;
    std::function<double(unsigned, double)> run;
    bool cells = false;
    Series one{}, two{};
};

template <class Pool>
auto pairs_on(Pool& pool) {
    return [&pool](unsigned threads, double seconds) {
        return throughput(threads, seconds, [&pool] {
            return [&pool] {
                auto lease = pool.checkout();
                benchmark::DoNotOptimize(*lease);
            };
        });
    };
}

/// What the machine allows: each thread its own line.
double private_lines(unsigned threads, double seconds) {
    struct alignas(128) Line {
        std::atomic<std::uint64_t> word{1};
    };
    std::vector<Line> lines(threads);
    std::atomic<unsigned> next{0};
    return throughput(threads, seconds, [&] {
        return [&word = lines[next++].word] {
            std::uint64_t one = 1, none = 0;
            benchmark::DoNotOptimize(
                word.compare_exchange_strong(one, 0, std::memory_order_acquire, std::memory_order_relaxed));
            benchmark::DoNotOptimize(
                word.compare_exchange_strong(none, 1, std::memory_order_release, std::memory_order_relaxed));
        };
    });
}

}  // namespace

void scaling(const CommandLine& line, Report& report) {
    const std::string title = "two threads over one, pool of 10";
    if (!line.wants(title)) return;
    BarePool bare{NullDriver{}, options_for(10)};
    DefaultPool standard{NullDriver{}, options_for(10)};
    BareCellsPool bare_cells{NullDriver{}, options_for(10)};
    CellsPool cells{NullDriver{}, options_for(10)};
    Textbook textbook{10};
    take_all(bare, 10).clear();
    take_all(standard, 10).clear();
    take_all(bare_cells, 10).clear();
    take_all(cells, 10).clear();
    std::vector<Contestant> all;
    all.push_back({"CAS pairs on private lines", private_lines});
    all.push_back({"dewpond, every question answered with nothing", pairs_on(bare)});
    all.push_back({"dewpond, default policies", pairs_on(standard)});
    all.push_back({"dewpond, nothing but ThreadCells", pairs_on(bare_cells), true});
    all.push_back({"dewpond, default policies with ThreadCells", pairs_on(cells), true});
    all.push_back({"textbook mutex pool", pairs_on(textbook)});

    const double block = line.quick ? 0.01 : 0.025;
    for (int round = 0; round < line.rounds(15, 7); ++round) {
        for (Contestant& c : all) {
            c.one.push_back(c.run(1, block));
            c.two.push_back(c.run(2, block));
        }
    }
    // Divided by what two threads reach on private lines in the same round: a machine busy with something else gives
    // less than twice of anything.
    const Series machine = ratio(all[0].two, all[0].one);
    std::vector<Row> rows;
    for (const Contestant& c : all) {
        const Series gain = ratio(c.two, c.one);
        const auto row = [&c](const Series& compared, const char* with) {
            return Row{.what = c.what,
                       .unit = "M pairs/s by two",
                       .value = summarise(c.two),
                       .compared = summarise(compared),
                       .with = with};
        };
        rows.push_back(row(gain, "one thread"));
        if (&c == all.data()) continue;
        rows.push_back(row(scaled(ratio(gain, machine), 2), "one thread, of 2 possible"));
        if (!c.cells) continue;
        rows.back().must = at_least(1.7);
        rows.back().goal = at_least(1.9);
    }
    report.table(title, rows);
}

}  // namespace bench
