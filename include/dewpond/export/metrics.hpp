// SPDX-License-Identifier: BSL-1.0
// The metrics of a pool: the one list of names, types, helps and labels, and how each follows from Stats. Writers of
// whatever format go through it with `for_each_metric`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <dewpond/deadline.hpp>
#include <dewpond/error.hpp>
#include <dewpond/event.hpp>
#include <dewpond/policy.hpp>
#include <dewpond/stats.hpp>
#include <dewpond/version.hpp>

namespace dewpond::inline v0 {

enum class MetricType : std::uint8_t { gauge, counter, histogram };

[[nodiscard]] constexpr std::string_view to_string(MetricType t) noexcept {
    return t == MetricType::gauge ? "gauge" : t == MetricType::counter ? "counter" : "histogram";
}

/// One metric. Every sample has the label `pool`, and `label` if it is not empty. Spans are in seconds.
struct Metric {
    std::string_view name{};
    std::string_view help{};
    MetricType type = MetricType::gauge;
    std::string_view label{};
};

namespace detail {

/// The words of a reason as the value of a label: `check_failed`.
struct LabelWords {
    char text[32] = {};
    std::size_t size = 0;
    explicit constexpr LabelWords(std::string_view words) noexcept {
        for (const char c : words.substr(0, sizeof text)) text[size++] = c == ' ' ? '_' : c;
    }
    constexpr operator std::string_view() const noexcept { return {text, size}; }
};

/// What a checkout failed with, as the value of a label; empty for what no checkout fails with. The names are those of Code.
[[nodiscard]] constexpr std::string_view failure_label(Code c) noexcept {
    switch (c) {
        case Code::timed_out: return "timed_out";
        case Code::none_idle: return "none_idle";
        case Code::open_failed: return "open_failed";
        case Code::server_down: return "server_down";
        case Code::closed: return "closed";
        case Code::cancelled: return "cancelled";
        case Code::too_many_waiting: return "too_many_waiting";
        case Code::hook_failed: return "hook_failed";
        case Code::no_thread: return "no_thread";
        case Code::bad_option:
        case Code::forked: break;
    }
    return {};
}

/// Shortens the list below: one line for each metric.
template <class Sink>
class MetricWalk {
public:
    MetricWalk(const std::vector<Stats>& pools, Sink& sink) noexcept : pools_{pools}, sink_{sink} {}

    template <class Read>
    void gauge(std::string_view name, std::string_view help, Read read) {
        single({name, help, MetricType::gauge, {}}, read);
    }
    template <class Read>
    void counter(std::string_view name, std::string_view help, Read read) {
        single({name, help, MetricType::counter, {}}, read);
    }
    template <class Read>
    void histogram(std::string_view name, std::string_view help, Read read) {
        single({name, help, MetricType::histogram, {}}, read);
    }
    /// `rows(stats, row)` calls `row(label value, number)` for each value there can be, always the same ones.
    template <class Rows>
    void rows(const Metric& metric, Rows rows) {
        sink_.metric(metric);
        for (std::size_t i = 0; i < pools_.size(); ++i) {
            rows(pools_[i], [&](std::string_view value, auto number) { put(i, value, number); });
        }
    }

private:
    template <class Read>
    void single(const Metric& metric, Read read) {
        sink_.metric(metric);
        for (std::size_t i = 0; i < pools_.size(); ++i) put(i, {}, read(pools_[i]));
    }
    void put(std::size_t pool, std::string_view value, Duration d) { sink_.sample(pool, value, d); }
    void put(std::size_t pool, std::string_view value, std::uint64_t n) { sink_.sample(pool, value, n); }
    template <class Bounds>
    void put(std::size_t pool, std::string_view, const Histogram<Bounds>& h) { sink_.histogram(pool, h); }

    const std::vector<Stats>& pools_;
    Sink& sink_;
};

}  // namespace detail

#define DEWPOND_EXPORT_TEXT_OF(number) #number
#define DEWPOND_EXPORT_TEXT(number) DEWPOND_EXPORT_TEXT_OF(number)

/// Tells `sink` each metric with its samples of all pools: `sink.metric(Metric)`, then for each pool
/// `sink.sample(index, label_value, number)`, a std::uint64_t or a Duration, or `sink.histogram(index, histogram)`.
/// Every sample is there always, also at 0, so that rates are right from the first scrape. No counter is a difference of
/// others: the counts are not all of one instant, and one that fell would look like a restart.
template <class Sink>
void for_each_metric(const std::vector<Stats>& pools, Sink& sink) {
    using S = const Stats&;
    detail::MetricWalk<Sink> m{pools, sink};
    constexpr auto gauge = MetricType::gauge, counter = MetricType::counter;

    m.rows({"dewpond_info", "1; the label says which dewpond the pool is made of.", gauge, "version"}, [](S, auto row) {
        row(DEWPOND_EXPORT_TEXT(DEWPOND_VERSION_MAJOR) "." DEWPOND_EXPORT_TEXT(DEWPOND_VERSION_MINOR) "." DEWPOND_EXPORT_TEXT(DEWPOND_VERSION_PATCH),
            std::uint64_t{1});
    });

    // Now.
    m.rows({"dewpond_resources", "Resources by state; together what counts against max_size.", gauge, "state"}, [](S s, auto row) {
        row("idle", s.idle);
        row("in_use", s.in_use);
        row("opening", s.opening);
        row("retiring", s.retiring);
    });
    m.gauge("dewpond_requests_waiting", "Requests that wait for a resource now.", [](S s) { return s.waiting; });
    m.gauge("dewpond_oldest_wait_seconds", "How long the first of those who wait has waited.", [](S s) { return s.oldest_wait; });
    m.gauge("dewpond_oldest_lease_seconds", "How long the longest of the leases has been out, as samples know it.", [](S s) { return s.oldest_lease; });
    m.gauge("dewpond_leases_overdue", "Leases that are out longer than warn_after.", [](S s) { return s.overdue; });
    m.gauge("dewpond_demand", "Resources in use and requests that wait: with so many resources nobody would wait.", [](S s) { return s.demand; });
    m.rows({"dewpond_demand_peak", "The highest demand of the last minute and since the start.", gauge, "window"}, [](S s, auto row) {
        row("minute", s.demand_peak_minute);
        row("start", s.demand_peak);
    });
    m.gauge("dewpond_ready", "1 once a resource has been opened.", [](S s) { return s.ready; });
    m.gauge("dewpond_down", "1 while nothing is live and opening keeps failing.", [](S s) { return s.down; });
    m.gauge("dewpond_down_seconds", "How long the pool has been down, 0 while it is not.", [](S s) { return s.down_for; });
    m.gauge("dewpond_closed", "1 once the pool has been closed.", [](S s) { return s.closed; });
    m.gauge("dewpond_open_failures_in_row", "Openings that failed since the last one that succeeded.", [](S s) { return s.failures_in_row; });
    m.gauge("dewpond_backoff_seconds", "Until the next opening may begin, 0 if at once.", [](S s) { return s.backoff; });
    m.gauge("dewpond_since_open_seconds", "Since an opening succeeded last, since the pool began if none has.", [](S s) { return s.last_open.is_never() ? s.age : s.last_open; });
    m.gauge("dewpond_age_seconds", "Since the pool began.", [](S s) { return s.age; });
    m.gauge("dewpond_keeper_age_seconds", "Since the keeper looked last, 0 where there is none.", [](S s) { return s.keeper_age.is_never() ? Duration{} : s.keeper_age; });

    // Since the start.
    m.counter("dewpond_checkouts_total", "Checkouts that were served.", [](S s) { return s.checkouts; });
    m.counter("dewpond_checkouts_waited_total", "Checkouts that had to wait and were served.", [](S s) { return s.waited; });
    m.counter("dewpond_checkouts_opened_total", "Checkouts that opened for themselves without having waited.", [](S s) { return s.opened_for_caller; });
    m.rows({"dewpond_checkout_failures_total", "Checkouts that failed, by reason.", counter, "reason"}, [](S s, auto row) {
        for (std::size_t i = 0; i < Stats::codes; ++i) {
            if (const auto label = detail::failure_label(static_cast<Code>(i)); !label.empty()) row(label, s.failed_by[i]);
        }
    });
    m.counter("dewpond_opens_total", "Resources opened.", [](S s) { return s.opened; });
    m.rows({"dewpond_open_failures_total", "Openings that failed, by what was wrong.", counter, "fault"}, [](S s, auto row) {
        for (std::size_t i = static_cast<std::size_t>(Fault::none) + 1; i < Stats::faults; ++i) {
            row(detail::LabelWords{to_string(static_cast<Fault>(i))}, s.open_failed_by[i]);
        }
    });
    m.rows({"dewpond_closes_total", "Resources closed, by reason.", counter, "reason"}, [](S s, auto row) {
        for (std::size_t i = 0; i < Stats::reasons; ++i) row(detail::LabelWords{to_string(static_cast<CloseReason>(i))}, s.closed_by[i]);
    });
    m.counter("dewpond_detaches_total", "Resources taken out of the pool by their borrowers.", [](S s) { return s.detached; });
    m.counter("dewpond_dirty_returns_total", "Leases that came back in need of a reset: often a lost commit.", [](S s) { return s.dirty_returns; });
    m.counter("dewpond_hooks_left_dirty_total", "Times that a hook or check left a resource dirty.", [](S s) { return s.hooks_left_dirty; });
    m.counter("dewpond_leaks_suspected_total", "Leases that were out longer than warn_after, each once.", [](S s) { return s.leaks_suspected; });
    m.counter("dewpond_keeper_stalls_total", "Times that the keeper came seconds late, as if the process had been stopped.", [](S s) { return s.stalls; });

    // Under `Timings`.
    m.gauge("dewpond_timed", "1 if the three histograms are filled: the metrics answer is Timings.", [](S s) { return s.timed; });
    m.histogram("dewpond_wait_seconds", "Until a checkout was served, or gave up.", [](S s) -> decltype(auto) { return (s.wait); });
    m.histogram("dewpond_lease_seconds", "How long leases were out.", [](S s) -> decltype(auto) { return (s.lease); });
    m.histogram("dewpond_open_seconds", "How long the openings that succeeded took.", [](S s) -> decltype(auto) { return (s.open); });

    // What was chosen: every number of docs/options.md and of the policies, by its name.
    const auto option = [&m](std::string_view name, std::string_view help, auto Settings::*field) {
        m.gauge(name, help, [field](S s) { return s.settings.*field; });
    };
    option("dewpond_max_size", "Option: resources that may exist at once.", &Settings::max_size);
    option("dewpond_capacity", "Option: the highest max_size that resize can set.", &Settings::capacity);
    option("dewpond_min_idle", "Option: resources that are kept idle.", &Settings::min_idle);
    option("dewpond_max_waiting", "Option: requests that may wait at once.", &Settings::max_waiting);
    option("dewpond_opens_at_once", "Option: openings that may run at once.", &Settings::opens_at_once);
    option("dewpond_checkout_timeout_seconds", "Option: how long a request that names no limit may take.", &Settings::checkout_timeout);
    option("dewpond_open_timeout_seconds", "Option: how long one opening may take.", &Settings::open_timeout);
    option("dewpond_backoff_min_seconds", "Option: how long after the first opening that failed nothing is opened.", &Settings::backoff_min);
    option("dewpond_backoff_max_waiting_seconds", "Option: the longest time without an opening while somebody waits.", &Settings::backoff_max_waiting);
    option("dewpond_backoff_max_seconds", "Option: the longest time without an opening while nobody waits.", &Settings::backoff_max);
    option("dewpond_outage_grace_seconds", "Option: how long opening fails before the pool is down.", &Settings::outage_grace);
    option("dewpond_reset_timeout_seconds", "Option: how long a reset in the background may take.", &Settings::reset_timeout);
    option("dewpond_return_budget_seconds", "Option: how long a return may take its thread.", &Settings::return_budget);
    option("dewpond_max_idle_seconds", "Option: how long a resource may rest.", &Settings::max_idle);
    option("dewpond_max_lifetime_seconds", "Option: how long a resource may live.", &Settings::max_lifetime);
    option("dewpond_max_uses", "Option: how often a resource may be lent, 0 for no limit.", &Settings::max_uses);
    option("dewpond_warn_after_seconds", "Option: how long a lease may be out before it is reported.", &Settings::warn_after);
    m.gauge("dewpond_keeper_period_seconds", "How often the keeper looks.", [](S s) { return s.keeper_period; });
}

#undef DEWPOND_EXPORT_TEXT
#undef DEWPOND_EXPORT_TEXT_OF

}  // namespace dewpond::inline v0
