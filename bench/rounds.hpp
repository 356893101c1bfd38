// SPDX-License-Identifier: BSL-1.0
// Google Benchmark in rounds: every round runs each body once, in an order of its own, so that a ratio taken within a
// round compares figures a few milliseconds apart.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "figures.hpp"

namespace bench {

enum class Clock {
    cpu,   ///< of this thread: what other programs take from it is not counted
    wall,  ///< for bodies that wait for somebody
};

class Rounds {
public:
    using Body = std::function<void(benchmark::State&)>;

    /// `block`: how long each body runs in each round, in seconds.
    Rounds(Clock clock, double block) : clock_{clock}, block_{block} {}

    /// A body is a Google Benchmark one: `for (auto _ : state) ...`. Returns its number.
    std::size_t add(Body body) {
        bodies_.push_back({std::move(body), bodies_.size()});
        return bodies_.size() - 1;
    }
    /// The same, with as many iterations as another body: what the first ones of a block cost weighs alike in both.
    std::size_t add_like(std::size_t other, Body body) {
        bodies_.push_back({std::move(body), bodies_[other].like});
        return bodies_.size() - 1;
    }

    /// At most so many rounds, and at least 15 of them, however long they take: on a busy machine the time runs out
    /// first.
    void run(int rounds, double seconds) {
        set_up();
        for (Timed& t : bodies_) t.iterations = 1;
        // How many iterations fill the block: enlarged until the run is long enough to be judged.
        for (double aim : {block_ / 8, block_}) {
            for (bool enough = false; !enough;) {
                enough = true;
                once();
                for (std::size_t i = 0; i < bodies_.size(); ++i) {
                    Timed& t = bodies_[i];
                    const double took = t.seconds.back();
                    if (took >= aim / 2) {
                        t.next = static_cast<double>(t.iterations) * aim / took;
                    } else {
                        t.next = static_cast<double>(t.iterations) * 10;
                        enough = enough && t.like != i;
                    }
                }
                for (Timed& t : bodies_)
                    t.iterations = static_cast<benchmark::IterationCount>(bodies_[t.like].next) + 1;
            }
        }
        for (Timed& t : bodies_) t.seconds.clear();
        const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>{seconds};
        for (int i = 0; i < rounds && (i < 15 || std::chrono::steady_clock::now() < end); ++i) once();
    }

    /// Nanoseconds per iteration, one figure a round.
    [[nodiscard]] Series ns(std::size_t body) const {
        const Timed& t = bodies_[body];
        return scaled(t.seconds, 1e9 / static_cast<double>(t.iterations));
    }

private:
    struct Timed {
        Body body;
        std::size_t like;
        benchmark::IterationCount iterations = 1;
        Series seconds{};
        double next = 0;
    };

    class Collector : public benchmark::BenchmarkReporter {
    public:
        explicit Collector(Rounds& rounds) : rounds_{&rounds} {}
        bool ReportContext(const Context&) override { return true; }
        void ReportRuns(const std::vector<Run>& runs) override {
            for (const Run& r : runs) {
                // Registered as "<number>".
                const auto body = static_cast<std::size_t>(std::stoul(r.run_name.function_name));
                rounds_->bodies_[body].seconds.push_back(rounds_->clock_ == Clock::cpu ? r.cpu_accumulated_time
                                                                                       : r.real_accumulated_time);
            }
        }

    private:
        Rounds* rounds_;
    };

    static void set_up() {
        static bool done = false;
        if (done) return;
        done = true;
        char name[] = "bench", shuffle[] = "--benchmark_enable_random_interleaving=true";
        char* arguments[] = {name, shuffle, nullptr};
        int count = 2;
        benchmark::Initialize(&count, arguments);
    }

    void once() {
        for (std::size_t i = 0; i < bodies_.size(); ++i) {
            benchmark::RegisterBenchmark(std::to_string(i).c_str(), bodies_[i].body)
                ->Iterations(bodies_[i].iterations)
                ->UseRealTime();
        }
        Collector collector{*this};
        benchmark::RunSpecifiedBenchmarks(&collector);
        benchmark::ClearRegisteredBenchmarks();  // or the pools in the bodies would outlive this object
    }

    Clock clock_;
    double block_;
    std::vector<Timed> bodies_;
};

}  // namespace bench
