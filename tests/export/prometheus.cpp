// SPDX-License-Identifier: BSL-1.0
// The text that Prometheus reads: every metric from the first scrape, each described once, right, escaped, told apart.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/export/prometheus.hpp>

#include "support.hpp"

using namespace std::chrono_literals;
using dewpond::CloseReason;
using dewpond::Code;
using dewpond::Duration;
using dewpond::Fault;
using dewpond::never;
using dewpond::Stats;
using dewpond::to_prometheus;
using exporting::named;
using exporting::promtool;
using exporting::Scrape;

namespace {

std::string seconds(Duration d) {
    std::string out;
    dewpond::detail::append_seconds(out, d, "+Inf");
    return out;
}
Scrape scrape(const std::vector<Stats>& pools) { return Scrape{to_prometheus(pools)}; }

/// Every field another number, so that none can stand for another.
Stats distinct() {
    Stats s = named("orders");
    std::uint32_t n = 100;
    for (auto* field : {&s.idle, &s.in_use, &s.opening, &s.retiring, &s.waiting, &s.overdue, &s.demand, &s.demand_peak_minute, &s.demand_peak,
                        &s.failures_in_row, &s.settings.max_size, &s.settings.capacity, &s.settings.min_idle, &s.settings.max_waiting,
                        &s.settings.opens_at_once}) {
        *field = n++;
    }
    n = 200;
    for (auto* field : {&s.checkouts, &s.waited, &s.opened_for_caller, &s.opened, &s.detached, &s.dirty_returns, &s.hooks_left_dirty,
                        &s.leaks_suspected, &s.stalls, &s.settings.max_uses}) {
        *field = n++;
    }
    for (std::uint32_t i = 0; i < Stats::codes; ++i) s.failed_by[i] = 300 + i;
    for (std::uint32_t i = 0; i < Stats::faults; ++i) s.open_failed_by[i] = 400 + i;
    for (std::uint32_t i = 0; i < Stats::reasons; ++i) s.closed_by[i] = 500 + i;
    std::int64_t ms = 1;
    for (auto* field : {&s.oldest_wait, &s.oldest_lease, &s.down_for, &s.backoff, &s.last_open, &s.age, &s.keeper_age, &s.keeper_period,
                        &s.settings.checkout_timeout, &s.settings.open_timeout, &s.settings.backoff_min, &s.settings.backoff_max_waiting,
                        &s.settings.backoff_max, &s.settings.outage_grace, &s.settings.reset_timeout, &s.settings.return_budget,
                        &s.settings.max_idle, &s.settings.max_lifetime, &s.settings.warn_after}) {
        *field = std::chrono::milliseconds{ms++};
    }
    return s;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(prometheus)

BOOST_AUTO_TEST_CASE(seconds_are_exact_decimals) {
    BOOST_TEST(seconds(0ns) == "0");
    BOOST_TEST(seconds(1ns) == "0.000000001");
    BOOST_TEST(seconds(10us) == "0.00001");
    BOOST_TEST(seconds(100ms) == "0.1");
    BOOST_TEST(seconds(2500ms) == "2.5");
    BOOST_TEST(seconds(10s) == "10");
    BOOST_TEST(seconds(1h + 1ns) == "3600.000000001");
    BOOST_TEST(seconds(-1500ms) == "-1.5");
    BOOST_TEST(seconds(std::chrono::nanoseconds{(std::numeric_limits<std::int64_t>::min)()}) == "-9223372036.854775808");
    BOOST_TEST(seconds(never) == "+Inf");
}

BOOST_AUTO_TEST_CASE(each_field_has_its_own_sample) {
    const Scrape all = scrape({distinct()});
    struct Expected {
        std::string_view name, labels, number;
    };
    const std::string version = ",version=\"" + std::to_string(DEWPOND_VERSION_MAJOR) + "." + std::to_string(DEWPOND_VERSION_MINOR) + "." +
                                std::to_string(DEWPOND_VERSION_PATCH) + "\"";
    const Expected table[] = {
        {"resources", ",state=\"idle\"", "100"},
        {"resources", ",state=\"in_use\"", "101"},
        {"resources", ",state=\"opening\"", "102"},
        {"resources", ",state=\"retiring\"", "103"},
        {"requests_waiting", "", "104"},
        {"leases_overdue", "", "105"},
        {"demand", "", "106"},
        {"demand_peak", ",window=\"minute\"", "107"},
        {"demand_peak", ",window=\"start\"", "108"},
        {"open_failures_in_row", "", "109"},
        {"max_size", "", "110"},
        {"capacity", "", "111"},
        {"min_idle", "", "112"},
        {"max_waiting", "", "113"},
        {"opens_at_once", "", "114"},
        {"checkouts_total", "", "200"},
        {"checkouts_waited_total", "", "201"},
        {"checkouts_opened_total", "", "202"},
        {"opens_total", "", "203"},
        {"detaches_total", "", "204"},
        {"dirty_returns_total", "", "205"},
        {"hooks_left_dirty_total", "", "206"},
        {"leaks_suspected_total", "", "207"},
        {"keeper_stalls_total", "", "208"},
        {"max_uses", "", "209"},
        {"checkout_failures_total", ",reason=\"timed_out\"", "300"},
        {"checkout_failures_total", ",reason=\"none_idle\"", "301"},
        {"checkout_failures_total", ",reason=\"open_failed\"", "302"},
        {"checkout_failures_total", ",reason=\"server_down\"", "303"},
        {"checkout_failures_total", ",reason=\"closed\"", "304"},
        {"checkout_failures_total", ",reason=\"cancelled\"", "305"},
        {"checkout_failures_total", ",reason=\"too_many_waiting\"", "306"},
        {"checkout_failures_total", ",reason=\"hook_failed\"", "307"},
        {"checkout_failures_total", ",reason=\"no_thread\"", "309"},
        {"open_failures_total", ",fault=\"other\"", "401"},
        {"open_failures_total", ",fault=\"unreachable\"", "402"},
        {"open_failures_total", ",fault=\"timed_out\"", "403"},
        {"open_failures_total", ",fault=\"starting\"", "404"},
        {"open_failures_total", ",fault=\"full\"", "405"},
        {"open_failures_total", ",fault=\"configuration\"", "406"},
        {"open_failures_total", ",fault=\"wrong_role\"", "407"},
        {"open_failures_total", ",fault=\"broken\"", "408"},
        {"closes_total", ",reason=\"max_idle\"", "500"},
        {"closes_total", ",reason=\"max_lifetime\"", "501"},
        {"closes_total", ",reason=\"max_uses\"", "502"},
        {"closes_total", ",reason=\"renewed\"", "503"},
        {"closes_total", ",reason=\"check_failed\"", "504"},
        {"closes_total", ",reason=\"reset_failed\"", "505"},
        {"closes_total", ",reason=\"wrong_role\"", "506"},
        {"closes_total", ",reason=\"hook_left_dirty\"", "507"},
        {"closes_total", ",reason=\"discarded\"", "508"},
        {"closes_total", ",reason=\"excess\"", "509"},
        {"closes_total", ",reason=\"pool_closed\"", "510"},
        {"oldest_wait_seconds", "", "0.001"},
        {"oldest_lease_seconds", "", "0.002"},
        {"down_seconds", "", "0.003"},
        {"backoff_seconds", "", "0.004"},
        {"since_open_seconds", "", "0.005"},
        {"age_seconds", "", "0.006"},
        {"keeper_age_seconds", "", "0.007"},
        {"keeper_period_seconds", "", "0.008"},
        {"checkout_timeout_seconds", "", "0.009"},
        {"open_timeout_seconds", "", "0.01"},
        {"backoff_min_seconds", "", "0.011"},
        {"backoff_max_waiting_seconds", "", "0.012"},
        {"backoff_max_seconds", "", "0.013"},
        {"outage_grace_seconds", "", "0.014"},
        {"reset_timeout_seconds", "", "0.015"},
        {"return_budget_seconds", "", "0.016"},
        {"max_idle_seconds", "", "0.017"},
        {"max_lifetime_seconds", "", "0.018"},
        {"warn_after_seconds", "", "0.019"},
        {"ready", "", "0"},
        {"down", "", "0"},
        {"closed", "", "0"},
        {"timed", "", "0"},
        {"info", version, "1"},
    };
    for (const Expected& e : table) {
        const std::string sample = "dewpond_" + std::string{e.name} + "{pool=\"orders\"" + std::string{e.labels} + "}";
        BOOST_TEST(all.at(sample) == e.number, sample << " is " << all.at(sample));
    }
    // Three histograms: their buckets with the one without a bound, the sum and the count.
    const std::size_t of_histograms = 14 + 13 + 10 + 3 * 3;
    BOOST_TEST(all.samples.size() == std::size(table) + of_histograms);
}

BOOST_AUTO_TEST_CASE(a_new_pool_has_every_sample_that_an_old_one_has) {
    const Scrape young = scrape({named("orders")}), old = scrape({distinct()});
    BOOST_TEST(young.samples.size() == old.samples.size());
    for (const auto& [sample, number] : old.samples) BOOST_TEST(young.samples.count(sample) == 1u, sample);
}

BOOST_AUTO_TEST_CASE(each_metric_is_described_once_however_many_pools_there_are) {
    const Scrape all = scrape({named("a"), named("b"), named("c")});
    BOOST_TEST(all.helps.size() == all.types.size());
    for (const auto& [name, times] : all.helps) BOOST_TEST(times == 1, name);
    for (const auto& [name, times] : all.types) BOOST_TEST(times == 1, name);
    for (const auto& [name, type] : all.type_of) {
        const bool total = name.size() > 6 && name.compare(name.size() - 6, 6, "_total") == 0;
        BOOST_TEST(total == (type == "counter"), name << " is a " << type);
    }
}

BOOST_AUTO_TEST_CASE(switches_are_0_or_1) {
    Stats s = named("orders");
    s.ready = s.down = s.closed = s.timed = true;
    const Scrape all = scrape({s});
    for (const char* name : {"ready", "down", "closed", "timed"}) {
        BOOST_TEST(all.at("dewpond_" + std::string{name} + "{pool=\"orders\"}") == "1");
    }
}

BOOST_AUTO_TEST_CASE(what_never_happens_has_a_number_that_rules_can_use) {
    Stats s = named("orders");
    s.age = 7s;
    const Scrape all = scrape({s});
    BOOST_TEST(all.at("dewpond_since_open_seconds{pool=\"orders\"}") == "7");    // it has been without an opening for so long
    BOOST_TEST(all.at("dewpond_keeper_age_seconds{pool=\"orders\"}") == "0");    // nobody is late where nobody has to come
    BOOST_TEST(all.at("dewpond_max_lifetime_seconds{pool=\"orders\"}") == "+Inf");
}

BOOST_AUTO_TEST_CASE(histograms_are_cumulative_and_end_in_their_count) {
    Stats s = named("orders");
    s.wait.buckets[0] = 5;
    s.wait.buckets[8] = 2;
    s.wait.buckets[14] = 1;
    s.wait.sum = 12'500ms;
    const Scrape all = scrape({s});
    const auto at = [&](const char* bound) { return all.at("dewpond_wait_seconds_bucket{pool=\"orders\",le=\"" + std::string{bound} + "\"}"); };
    for (const char* bound : {"0.00001", "0.0001", "0.0005", "0.001", "0.005", "0.01", "0.05", "0.1"}) BOOST_TEST(at(bound) == "5", bound);
    for (const char* bound : {"0.25", "0.5", "1", "2.5", "5", "10"}) BOOST_TEST(at(bound) == "7", bound);
    BOOST_TEST(at("+Inf") == "8");
    BOOST_TEST(all.at("dewpond_wait_seconds_count{pool=\"orders\"}") == "8");
    BOOST_TEST(all.at("dewpond_wait_seconds_sum{pool=\"orders\"}") == "12.5");
    BOOST_TEST(all.at("dewpond_lease_seconds_bucket{pool=\"orders\",le=\"1800\"}") == "0");
    BOOST_TEST(all.at("dewpond_open_seconds_bucket{pool=\"orders\",le=\"0.025\"}") == "0");
}

BOOST_AUTO_TEST_CASE(pools_of_one_name_are_told_apart) {
    std::vector<Stats> pools{named("orders"), named("orders"), named("orders#2"), named("orders")};
    for (std::uint32_t i = 0; i < 4; ++i) pools[i].waiting = i + 1;
    const Scrape all = scrape(pools);
    BOOST_TEST(all.twice.empty());
    BOOST_TEST(all.at("dewpond_requests_waiting{pool=\"orders\"}") == "1");
    BOOST_TEST(all.at("dewpond_requests_waiting{pool=\"orders#2\"}") == "2");
    BOOST_TEST(all.at("dewpond_requests_waiting{pool=\"orders#2#2\"}") == "3");
    BOOST_TEST(all.at("dewpond_requests_waiting{pool=\"orders#3\"}") == "4");
    BOOST_TEST(promtool(to_prometheus(pools)) == 0);
}

BOOST_AUTO_TEST_CASE(a_name_cannot_break_out_of_its_label) {
    const std::vector<Stats> pools{named("a\"} 1\ndewpond_forged{x=\"\\"), named("")};
    const std::string text = to_prometheus(pools);
    BOOST_TEST(text.find("\ndewpond_forged") == std::string::npos);
    const Scrape all{text};
    BOOST_TEST(all.at("dewpond_down{pool=\"a\\\"} 1\\ndewpond_forged{x=\\\"\\\\\"}") == "0");
    BOOST_TEST(promtool(text) == 0);
}

BOOST_AUTO_TEST_CASE(promtool_has_nothing_to_say_against_it) {
    BOOST_TEST(promtool(to_prometheus(std::vector<Stats>{distinct(), named("invoices")})) == 0);
    BOOST_TEST(promtool(to_prometheus({})) == 0);
    // It looks: the same without the help of one, and with one series twice.
    std::string worse = to_prometheus(std::vector<Stats>{distinct()});
    worse.erase(worse.find("# HELP dewpond_ready "), worse.find("# TYPE dewpond_ready ") - worse.find("# HELP dewpond_ready "));
    BOOST_TEST(promtool(worse) != 0);
}

BOOST_AUTO_TEST_CASE(the_documents_table_has_every_metric_and_no_other) {
    std::ifstream file{DEWPOND_DOCS "/observability.md"};
    std::stringstream read;
    read << file.rdbuf();
    const std::string document = read.str();
    BOOST_TEST_REQUIRE(!document.empty());
    const Scrape all = scrape({distinct()});
    for (const auto& [name, type] : all.type_of) {
        BOOST_TEST(document.find("| `" + name + "` | " + type + " |") != std::string::npos, name << " (" << type << ") is not in the table");
    }
    std::size_t rows = 0;
    for (std::size_t at = 0; (at = document.find("\n| `dewpond_", at)) != std::string::npos; ++at) ++rows;
    BOOST_TEST(rows == all.type_of.size());
}

BOOST_AUTO_TEST_SUITE_END()
