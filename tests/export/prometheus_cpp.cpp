// SPDX-License-Identifier: BSL-1.0
// prometheus-cpp serves the same as our own text: every sample, with the same number.
#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <prometheus/collectable.h>
#include <prometheus/text_serializer.h>

#include <dewpond/export/prometheus.hpp>
#include <dewpond/prometheus_cpp.hpp>

#include "support.hpp"

using namespace std::chrono_literals;
using dewpond::Exported;
using dewpond::Exports;
using dewpond::Stats;
using exporting::Scrape;

namespace {

struct Frozen {
    Stats now;
    [[nodiscard]] Stats stats() const { return now; }
    [[nodiscard]] const std::string& name() const { return now.name; }
};

Frozen frozen(std::uint32_t waiting) {
    Frozen pool{exporting::named("orders")};
    Stats& s = pool.now;
    s.waiting = waiting;
    s.checkouts = 12'345;
    s.oldest_wait = 1500ms;
    s.failed_by[0] = 7;
    s.wait.buckets[0] = 3;
    s.wait.buckets[9] = 2;
    s.wait.buckets[14] = 1;
    s.wait.sum = 12'250ms;
    return pool;
}

/// Bounds are written by each in its own way: 0.00001 and 1e-05.
std::string plain(std::string sample) {
    if (const auto at = sample.find("le=\""); at != std::string::npos) {
        const double bound = std::stod(sample.substr(at + 4));
        sample = sample.substr(0, at) + std::to_string(std::lround(bound * 1e6 > 1e15 ? 1e15 : bound * 1e6));
    }
    return sample;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(prometheus_cpp)

BOOST_AUTO_TEST_CASE(it_serves_the_same_samples_with_the_same_numbers) {
    Frozen first = frozen(3), second = frozen(4);
    Exports exports;
    const Exported a = exports.add(first), b = exports.add(second);
    const std::shared_ptr<prometheus::Collectable> collectable{new dewpond::PrometheusCollectable{exports}};
    const std::string text = prometheus::TextSerializer{}.Serialize(collectable->Collect());
    const Scrape theirs{text}, ours{to_prometheus(exports.read())};
    BOOST_TEST(exporting::promtool(text) == 0);
    BOOST_TEST(theirs.type_of == ours.type_of);
    BOOST_TEST(theirs.samples.size() == ours.samples.size());
    std::map<std::string, double> expected;
    for (const auto& [sample, number] : ours.samples) expected[plain(sample)] = std::stod(number);
    for (const auto& [sample, number] : theirs.samples) {
        const auto found = expected.find(plain(sample));
        BOOST_TEST_REQUIRE((found != expected.end()), sample << " is not ours");
        BOOST_TEST((found->second == std::stod(number) || std::abs(found->second - std::stod(number)) < 1e-9), sample << ": " << number);
    }
    BOOST_TEST(theirs.at("dewpond_requests_waiting{pool=\"orders#2\"}") == "4");
    BOOST_TEST(theirs.at("dewpond_wait_seconds_count{pool=\"orders\"}") == "6");
}

BOOST_AUTO_TEST_CASE(it_reads_when_it_is_asked) {
    Frozen pool = frozen(1);
    Exports exports;
    const dewpond::PrometheusCollectable collectable{exports};
    const auto waiting = [&] {
        return Scrape{prometheus::TextSerializer{}.Serialize(collectable.Collect())}.at("dewpond_requests_waiting{pool=\"orders\"}");
    };
    BOOST_TEST(waiting() == "missing");
    const Exported place = exports.add(pool);
    BOOST_TEST(waiting() == "1");
    pool.now.waiting = 9;
    BOOST_TEST(waiting() == "9");
}

BOOST_AUTO_TEST_SUITE_END()
