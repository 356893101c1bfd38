// SPDX-License-Identifier: BSL-1.0
// Eight threads want two resources: how much work gets done, who gets it, and who waits longest?
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "idle.hpp"
#include "machine.hpp"
#include "pools.hpp"
#include "team.hpp"

namespace bench {
namespace {

constexpr unsigned threads = 8, slots = 2;

/// First come, first served, by hand: what a queue can do on this machine in this moment. A slot goes from hand to
/// hand; every waiter has a word of its own to sleep on.
class Queue {
public:
    class Lease {
    public:
        explicit Lease(Queue& queue) : queue_{&queue} {}
        Lease(const Lease&) = delete;
        ~Lease() { queue_->give_back(); }

    private:
        Queue* queue_;
    };

    explicit Queue(unsigned free) : free_{free} {}
    Lease checkout() {
        thread_local std::binary_semaphore mine{0};  // outlives its wake-up
        {
            const std::lock_guard lock{mutex_};
            if (free_ != 0) {
                --free_;
                return Lease{*this};
            }
            waiting_.push_back(&mine);
        }
        mine.acquire();
        return Lease{*this};
    }

private:
    void give_back() {
        std::unique_lock lock{mutex_};
        if (waiting_.empty()) {
            ++free_;
            return;
        }
        std::binary_semaphore* const next = waiting_.front();
        waiting_.pop_front();
        lock.unlock();
        next->release();
    }
    std::mutex mutex_;
    std::deque<std::binary_semaphore*> waiting_;
    unsigned free_;
};

/// The contestants of a round take turns, and who begins changes from round to round.
template <class Hold, class... Pools>
std::vector<Record> alternate(int rounds, double seconds, Hold hold, Pools&... pools) {
    std::vector<Record> out(sizeof...(Pools));
    for (int i = 0; i < rounds; ++i) {
        for (std::size_t turn = 0; turn < sizeof...(Pools); ++turn) {
            const std::size_t whose = (turn + static_cast<std::size_t>(i)) % sizeof...(Pools);
            std::size_t n = 0;
            const Team team{.threads = threads, .seconds = seconds};
            ((n++ == whose ? out[whose].add(saturate(pools, team, hold)) : void()), ...);
        }
    }
    return out;
}

struct Named {
    std::string who;
    const Record& record;
};

Row plain(std::string what, std::string unit, const Series& s) {
    return {.what = std::move(what), .unit = std::move(unit), .value = summarise(s)};
}
Row against(std::string what, std::string unit, const Series& ours, const Series& theirs) {
    return {.what = std::move(what),
            .unit = std::move(unit),
            .value = summarise(ours),
            .compared = summarise(ratio(ours, theirs)),
            .with = "textbook"};
}

void busy(const CommandLine& line, Report& report) {
    const std::string title = "saturation: 8 threads, 2 slots, busy holds of 1 us";
    if (!line.wants(title)) return;
    const auto span = static_cast<std::uint64_t>(ticks_per_us());
    DefaultPool pool{NullDriver{}, options_for(slots)};
    CellsPool cells{NullDriver{}, options_for(slots)};
    Textbook textbook{slots};
    take_all(pool, slots).clear();
    take_all(cells, slots).clear();
    const auto hold = [span](const auto&, std::uint64_t since) {
        while (ticks() - since < span) {
        }
    };
    const auto all = alternate(line.rounds(15, 7), line.quick ? 0.15 : 0.5, hold, pool, textbook, cells);
    const Record& theirs = all[1];
    std::vector<Row> rows;
    rows.push_back(plain("textbook: throughput", "M/s", scaled(theirs.per_second, 1e-6)));
    rows.push_back(plain("textbook: fairness, least / most served", "", theirs.fairness));
    rows.push_back(plain("textbook: p99 wait", "us", theirs.p99));
    rows.push_back(plain("textbook: longest wait", "ms", scaled(theirs.longest, 1e-3)));
    for (const auto& [who, ours] : {Named{"dewpond", all[0]}, Named{"dewpond, ThreadCells", all[2]}}) {
        rows.push_back(
            against(who + ": throughput", "M/s", scaled(ours.per_second, 1e-6), scaled(theirs.per_second, 1e-6)));
        rows.back().must = at_least(1.0);
        rows.back().goal = at_least(1.05);
        rows.push_back(plain(who + ": fairness, least / most served", "", ours.fairness));
        rows.back().must = at_least(0.76);
        rows.back().goal = at_least(0.85);
        rows.push_back(against(who + ": p99 wait", "us", ours.p99, theirs.p99));
        rows.push_back(against(who + ": longest wait", "ms", scaled(ours.longest, 1e-3), scaled(theirs.longest, 1e-3)));
        rows.back().must = at_most(0.5);
        rows.back().goal = at_most(0.3);
    }
    report.table(title, rows);
}

void sleeping(const CommandLine& line, Report& report) {
    const std::string title = "saturation: 8 threads, 2 slots, holds that sleep 1 ms";
    if (!line.wants(title)) return;
    DefaultPool pool{NullDriver{}, options_for(slots)};
    CellsPool cells{NullDriver{}, options_for(slots)};
    Textbook textbook{slots};
    Queue queue{slots};
    take_all(pool, slots).clear();
    take_all(cells, slots).clear();
    const auto hold = [](const auto&, std::uint64_t) { std::this_thread::sleep_for(std::chrono::milliseconds{1}); };
    const auto all = alternate(line.rounds(15, 7), line.quick ? 0.1 : 0.25, hold, pool, textbook, queue, cells);
    const Record &theirs = all[1], &fifo = all[2];
    // First come, first served: six others before you on two slots, three holds to wait. A hold is 1 ms and what the
    // kernel's timer adds on an idle machine.
    constexpr double ideal = 3200;
    const auto to_ideal = [](std::string what, const Series& p99) {
        return Row{.what = std::move(what),
                   .unit = "ms",
                   .value = summarise(scaled(p99, 1e-3)),
                   .compared = summarise(scaled(p99, 1 / ideal)),
                   .with = "3.2 ms, the ideal queue"};
    };
    std::vector<Row> rows;
    rows.push_back(plain("mean hold", "ms", scaled(all[0].hold, 1e-3)));
    rows.push_back(to_ideal("first come, first served by hand: p99 wait", fifo.p99));
    rows.push_back(to_ideal("textbook: p99 wait", theirs.p99));
    rows.push_back(plain("textbook: fairness, least / most served", "", theirs.fairness));
    for (const auto& [who, ours] : {Named{"dewpond", all[0]}, Named{"dewpond, ThreadCells", all[3]}}) {
        rows.push_back(to_ideal(who + ": p99 wait", ours.p99));
        rows.back().must = at_most(2);
        rows.back().goal = at_most(1.3);
        rows.push_back({.what = who + ": p99 wait",
                        .unit = "ms",
                        .value = summarise(scaled(ours.p99, 1e-3)),
                        .compared = summarise(ratio(ours.p99, fifo.p99)),
                        .with = "first come, first served by hand"});
        rows.back().must = at_most(2);
        rows.back().goal = at_most(1.3);
        rows.push_back(plain(who + ": fairness, least / most served", "", ours.fairness));
        rows.push_back(against(who + ": throughput", "/s", ours.per_second, theirs.per_second));
        rows.push_back(against(who + ": longest wait", "ms", scaled(ours.longest, 1e-3), scaled(theirs.longest, 1e-3)));
    }
    report.table(title, rows);
}

}  // namespace

void saturation(const CommandLine& line, Report& report) {
    busy(line, report);
    sleeping(line, report);
}

}  // namespace bench
