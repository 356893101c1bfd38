// SPDX-License-Identifier: BSL-1.0
// The exported pools for prometheus-cpp: a Collectable that takes a snapshot when it is scraped. Target
// dewpond::prometheus_cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>

#include <dewpond/deadline.hpp>
#include <dewpond/export/exports.hpp>
#include <dewpond/export/metrics.hpp>
#include <dewpond/export/writing.hpp>
#include <dewpond/histogram.hpp>
#include <dewpond/stats.hpp>

namespace dewpond::inline v0 {
namespace detail {

/// Puts samples into prometheus-cpp's own structures.
class PrometheusFamilies {
public:
    explicit PrometheusFamilies(const std::vector<Stats>& pools) : names_{told_apart(pools)} {}

    void metric(const Metric& m) {
        label_ = m.label;
        type_ = m.type;
        using Type = prometheus::MetricType;
        families.push_back({std::string{m.name}, std::string{m.help},
                            type_ == MetricType::gauge ? Type::Gauge : type_ == MetricType::counter ? Type::Counter : Type::Histogram, {}});
        families.back().metric.reserve(names_.size());
    }
    void sample(std::size_t pool, std::string_view value, std::uint64_t n) { add(pool, value, static_cast<double>(n)); }
    void sample(std::size_t pool, std::string_view value, Duration d) { add(pool, value, seconds(d)); }
    template <class Bounds>
    void histogram(std::size_t pool, const Histogram<Bounds>& h) {
        prometheus::ClientMetric& m = add(pool, {}, 0);
        m.histogram.bucket.reserve(h.bounds + 1);
        std::uint64_t up_to_here = 0;
        for (std::size_t i = 0; i <= h.bounds; ++i) {
            up_to_here += h.buckets[i];
            m.histogram.bucket.push_back({up_to_here, seconds(h.bound(i))});
        }
        m.histogram.sample_count = up_to_here;
        m.histogram.sample_sum = seconds(h.sum);
    }

    std::vector<prometheus::MetricFamily> families;

private:
    [[nodiscard]] static double seconds(Duration d) noexcept {
        return d.is_never() ? std::numeric_limits<double>::infinity() : static_cast<double>(d.ns().count()) / 1e9;
    }
    prometheus::ClientMetric& add(std::size_t pool, std::string_view value, double number) {
        prometheus::ClientMetric& m = families.back().metric.emplace_back();
        m.label.push_back({"pool", names_[pool]});
        if (!label_.empty()) m.label.push_back({std::string{label_}, std::string{value}});
        if (type_ == MetricType::gauge) m.gauge.value = number;
        if (type_ == MetricType::counter) m.counter.value = number;
        return m;
    }

    std::vector<std::string> names_;
    std::string_view label_{};
    MetricType type_ = MetricType::gauge;
};

}  // namespace detail

/// What a prometheus::Registry would be, for pools: give it to an Exposer, or to whatever else takes a Collectable. The
/// same metrics as `to_prometheus`, read when asked for and kept nowhere. Thread-safe.
class PrometheusCollectable : public prometheus::Collectable {
public:
    explicit PrometheusCollectable(Exports exports) noexcept : exports_{std::move(exports)} {}

    [[nodiscard]] std::vector<prometheus::MetricFamily> Collect() const override {
        const std::vector<Stats> pools = exports_.read();
        detail::PrometheusFamilies out{pools};
        for_each_metric(pools, out);
        return std::move(out.families);
    }

private:
    Exports exports_;
};

}  // namespace dewpond::inline v0
