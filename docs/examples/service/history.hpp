// SPDX-License-Identifier: BSL-1.0
// The last five minutes of a pool, a point each second: what the page draws.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <dewpond/stats.hpp>

namespace service {

/// The bound below which a share of the values lies, in seconds, as a histogram can tell it: the upper bound of the bucket
/// (of the last one, the bound before it); 0: there are no values. Pure.
template <class Bounds>
double quantile(const dewpond::Histogram<Bounds>& h, double share) {
    using H = dewpond::Histogram<Bounds>;
    const double wanted = share * static_cast<double>(h.count());
    double seen = 0;
    for (std::size_t i = 0; i <= H::bounds; ++i) {
        seen += static_cast<double>(h.buckets[i]);
        if (h.buckets[i] != 0 && seen >= wanted) return static_cast<double>(H::bound(i < H::bounds ? i : i - 1).ns().count()) * 1e-9;
    }
    return 0;
}

/// What came between two snapshots. Pure.
template <class Bounds>
dewpond::Histogram<Bounds> between(const dewpond::Histogram<Bounds>& before, const dewpond::Histogram<Bounds>& now) {
    dewpond::Histogram<Bounds> out;
    for (std::size_t i = 0; i <= out.bounds; ++i) out.buckets[i] = now.buckets[i] > before.buckets[i] ? now.buckets[i] - before.buckets[i] : 0;
    return out;
}

using Waits = decltype(dewpond::Stats::wait);

struct Point {
    std::uint32_t in_use = 0, size = 0, waiting = 0, max_size = 0;
    double wait_p50 = 0, wait_p99 = 0;  ///< seconds, of the checkouts of this point's second
    Waits waits{};                      ///< of all checkouts until then
};

/// The waits of the last `seconds`, of all that there were if the points do not go back so far. Pure.
inline Waits lately(const Waits& now, const std::vector<Point>& points, std::size_t seconds) {
    return points.size() < seconds ? now : between(points[points.size() - seconds].waits, now);
}

/// Asks once a second, on a thread of its own.
class History {
public:
    static constexpr std::size_t length = 300;

    explicit History(std::function<dewpond::Stats()> read) : read_{std::move(read)}, thread_{[this] { run(); }} {}
    History(const History&) = delete;
    ~History() {
        {
            const std::lock_guard lock{mutex_};
            over_ = true;
        }
        wake_.notify_all();
        thread_.join();
    }
    [[nodiscard]] std::vector<Point> points() const {
        const std::lock_guard lock{mutex_};
        return {points_.begin(), points_.end()};
    }

private:
    void run() {
        dewpond::Stats before = read_();
        std::unique_lock lock{mutex_};
        while (!wake_.wait_for(lock, std::chrono::seconds{1}, [this] { return over_; })) {
            const dewpond::Stats now = read_();
            const auto waits = between(before.wait, now.wait);
            points_.push_back({now.in_use, now.size, now.waiting, now.max_size, quantile(waits, 0.5), quantile(waits, 0.99), now.wait});
            if (points_.size() > length) points_.pop_front();
            before = now;
        }
    }

    std::function<dewpond::Stats()> read_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    bool over_ = false;
    std::deque<Point> points_;
    std::thread thread_;
};

}  // namespace service
