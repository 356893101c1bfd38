// SPDX-License-Identifier: BSL-1.0
// What does it cost to look at pools, and do those who use them notice? bench/README.md has the method.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

#include <dewpond/export/exports.hpp>
#include <dewpond/export/prometheus.hpp>

#include "pools.hpp"
#include "report.hpp"
#include "rounds.hpp"

namespace bench {
namespace {

using Shown = TimedPool;

/// A hundred pools of a hundred slots, all open, all of one name: the names have to be told apart as well.
struct Crowd {
    std::vector<std::unique_ptr<Shown>> pools;
    dewpond::Exports exports;
    std::vector<dewpond::Exported> places;

    Crowd() {
        for (int i = 0; i < 100; ++i) {
            pools.push_back(std::make_unique<Shown>(NullDriver{}, options_for(100)));
            take_all(*pools.back(), 100);
            places.push_back(exports.add(*pools.back()));
        }
    }
};

/// A thread that scrapes once a millisecond while it is told to: thousands of times as often as anybody does.
class Scraper {
public:
    explicit Scraper(const dewpond::Exports& exports) : exports_{exports}, thread_{[this] { run(); }} {}
    ~Scraper() {
        state_ = ended;
        state_.notify_all();
        thread_.join();
    }
    void go() {
        scrapes_ = 0;
        state_ = going;
        state_.notify_all();
        while (scrapes_ == 0) std::this_thread::yield();
    }
    void rest() {
        state_ = resting;
        while (!asleep_) std::this_thread::yield();
    }

private:
    enum : int { resting, going, ended };
    void run() {
        while (state_ != ended) {
            asleep_ = true;
            state_.wait(resting);
            asleep_ = false;
            while (state_ == going) {
                benchmark::DoNotOptimize(dewpond::to_prometheus(exports_.read()));
                ++scrapes_;
                std::this_thread::sleep_for(std::chrono::milliseconds{1});
            }
        }
    }
    dewpond::Exports exports_;
    std::atomic<int> state_{resting};
    std::atomic<long> scrapes_{0};
    std::atomic<bool> asleep_{false};
    std::thread thread_;
};

void crowd(const CommandLine& line, Report& report) {
    const std::string title = "a scrape: 100 pools of 100 slots";
    if (!line.wants(title)) return;
    const Crowd all;
    const std::vector<dewpond::Stats> snapshots = all.exports.read();
    Rounds rounds{Clock::cpu, line.quick ? 0.01 : 0.03};
    const auto whole = rounds.add([&](benchmark::State& state) {
        for (auto _ : state) benchmark::DoNotOptimize(dewpond::to_prometheus(all.exports.read()));
    });
    const auto read = rounds.add([&](benchmark::State& state) {
        for (auto _ : state) benchmark::DoNotOptimize(all.exports.read());
    });
    const auto write = rounds.add([&](benchmark::State& state) {
        for (auto _ : state) benchmark::DoNotOptimize(dewpond::to_prometheus(snapshots));
    });
    rounds.run(line.rounds(41, 15), 8);
    const auto row = [&](const char* what, std::size_t body) {
        return Row{.what = what, .unit = "ms", .value = summarise(scaled(rounds.ns(body), 1e-6))};
    };
    std::vector<Row> rows{row("all of it", whole), row("of it, reading the pools", read), row("of it, writing the text", write)};
    rows.front().must = at_most(5);
    report.table(title, rows);
    report.note(std::to_string(dewpond::to_prometheus(snapshots).size()) + " bytes");
}

void beside(const CommandLine& line, Report& report) {
    const std::string title = "checkout + return while the pool is scraped once a millisecond";
    if (!line.wants(title)) return;
    Shown pool{NullDriver{}, options_for(100)};
    take_all(pool, 100);
    dewpond::Exports exports;
    const dewpond::Exported place = exports.add(pool);
    Scraper scraper{exports};
    Rounds rounds{Clock::cpu, line.quick ? 0.01 : 0.03};
    const auto pairs = [&](benchmark::State& state) {
        for (auto _ : state) {
            auto lease = pool.checkout();
            benchmark::DoNotOptimize(*lease);
        }
    };
    const auto alone = rounds.add(pairs);
    const auto watched = rounds.add_like(alone, [&](benchmark::State& state) {
        scraper.go();
        pairs(state);
        scraper.rest();
    });
    rounds.run(line.rounds(61, 15), 8);
    std::vector<Row> rows;
    rows.push_back({.what = "nobody looks", .unit = "ns", .value = summarise(rounds.ns(alone))});
    rows.push_back({.what = "scraped",
                    .unit = "ns",
                    .value = summarise(rounds.ns(watched)),
                    .compared = summarise(ratio(rounds.ns(watched), rounds.ns(alone))),
                    .with = "nobody looks"});
    report.table(title, rows);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    const bench::CommandLine line{argc, argv, "What a scrape of many pools costs, and what those who use a pool notice of it."};
    bench::Report report{"scrape"};
    bench::crowd(line, report);
    bench::beside(line, report);
    return report.write(line.json) ? 0 : 1;
}
