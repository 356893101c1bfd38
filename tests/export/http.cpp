// SPDX-License-Identifier: BSL-1.0
// What a web server answers about its pools: status, headers and JSON for each path and each state.
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/export/http.hpp>

#include "json.hpp"
#include "support.hpp"

using namespace std::chrono_literals;
using dewpond::answer;
using dewpond::HttpAnswer;
using dewpond::Stats;
using exporting::Json;
using exporting::named;

namespace {

std::string header(const HttpAnswer& a, std::string_view name) {
    for (const auto& h : a.headers) {
        if (h.name == name) return h.value;
    }
    return "none";
}
Json parse(const HttpAnswer& a) { return Json::parse(a.body); }

Stats well() {
    Stats s = named("orders");
    s.max_size = 10;
    s.size = 4;
    s.idle = 3;
    s.in_use = 1;
    s.checkout_timeout = 10s;
    s.ready = true;
    return s;
}
Stats full() {
    Stats s = well();
    s.size = s.in_use = 10;
    s.idle = 0;
    return s;
}
Stats busy() {
    Stats s = full();
    s.waiting = 3;
    s.oldest_wait = 200ms;
    return s;
}
Stats stuck() {
    Stats s = busy();
    s.oldest_wait = 5500ms;
    return s;
}
Stats down() {
    Stats s = well();
    s.size = s.idle = s.in_use = 0;
    s.down = true;
    s.down_for = 40s;
    s.backoff = 3200ms;
    return s;
}
Stats young() {
    Stats s = named("orders");
    s.max_size = 10;
    return s;
}
Stats closed() {
    Stats s = well();
    s.closed = true;
    return s;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(http)

BOOST_AUTO_TEST_CASE(each_path_asks_its_own_question_of_each_state) {
    struct Row {
        const char* what;
        Stats (*state)();
        int ready, monitor;
        const char* cause;
        const char *retry_ready, *retry_monitor;
    };
    const Row table[] = {
        {"well", well, 200, 200, "none", "none", "none"},
        {"full", full, 200, 200, "busy", "none", "none"},
        {"busy", busy, 200, 503, "busy", "none", "1"},
        {"stuck", stuck, 503, 503, "stuck", "5", "5"},
        {"down", down, 200, 503, "server down", "none", "4"},
        {"young", young, 503, 503, "not ready", "1", "1"},
        {"closed", closed, 503, 503, "closed", "5", "5"},
    };
    for (const Row& row : table) {
        BOOST_TEST_CONTEXT(row.what) {
            const std::vector<Stats> pools{row.state()};
            for (const char* path : {"/live", "/health", "/health?pool=0", "/health?events=1"}) {
                const HttpAnswer a = answer(path, pools);
                BOOST_TEST(a.status == 200, path);
                BOOST_TEST(header(a, "Retry-After") == "none", path);
                BOOST_TEST(parse(a).at("status").text == "pass", path);
            }
            const HttpAnswer ready = answer("/ready", pools);
            BOOST_TEST(ready.status == row.ready);
            BOOST_TEST(header(ready, "Retry-After") == row.retry_ready);
            BOOST_TEST(parse(ready).at("cause").text == row.cause);
            for (const char* path : {"/health?pool=1", "/health?pool=true", "/health?verbose&pool=1&events=1"}) {
                const HttpAnswer monitor = answer(path, pools);
                BOOST_TEST(monitor.status == row.monitor, path);
                BOOST_TEST(header(monitor, "Retry-After") == row.retry_monitor, path);
                BOOST_TEST(parse(monitor).at("cause").text == row.cause, path);
                BOOST_TEST((parse(monitor).at("status").text == "fail") == (row.monitor == 503), path);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(the_health_of_a_pool_has_the_keys_of_the_incident) {
    const HttpAnswer a = answer("/health?pool=1", std::vector<Stats>{busy()});
    BOOST_TEST(header(a, "Content-Type") == "application/health+json");
    BOOST_TEST(header(a, "Cache-Control") == "no-store");
    const Json t = parse(a);
    BOOST_TEST(t.at("status").text == "fail");
    BOOST_TEST(t.at("output").text == "pool 'orders': 10 of 10 in use, 3 waiting, the first for 200 ms");
    BOOST_TEST(t.at("pool_max").text == "10");
    BOOST_TEST(t.at("pool_size").text == "10");
    BOOST_TEST(t.at("pool_available").text == "0");
    BOOST_TEST(t.at("requests_waiting").text == "3");
    const Json& checks = t.at("checks").at("orders:resources");
    BOOST_TEST_REQUIRE(checks.items.size() == 1u);
    const Json& check = checks.items.front();
    BOOST_TEST(check.at("componentType").text == "pool");
    BOOST_TEST(check.at("observedValue").text == "10");
    BOOST_TEST(check.at("status").text == "fail");
    BOOST_TEST(check.at("oldest_wait_seconds").text == "0.2");
}

BOOST_AUTO_TEST_CASE(of_several_pools_the_worst_decides_and_the_counts_add_up) {
    Stats second = down();
    second.name = "invoices";
    const HttpAnswer a = answer("/health?pool=1", std::vector<Stats>{well(), busy(), second, busy()});
    BOOST_TEST(a.status == 503);
    BOOST_TEST(header(a, "Retry-After") == "4");  // the longest of those that fail
    const Json t = parse(a);
    BOOST_TEST(t.at("cause").text == "server down");
    BOOST_TEST(t.at("pool_max").text == "40");
    BOOST_TEST(t.at("pool_size").text == "24");
    BOOST_TEST(t.at("pool_available").text == "3");
    BOOST_TEST(t.at("requests_waiting").text == "6");
    BOOST_TEST(t.at("checks").members.size() == 4u);
    BOOST_TEST(t.at("output").text.find("pool 'orders#2': ") != std::string::npos, t.at("output").text);
    BOOST_TEST(t.at("output").text.find("pool 'orders#3': ") != std::string::npos, t.at("output").text);
    BOOST_TEST(t.at("checks").at("orders:resources").items.at(0).at("status").text == "pass");
    BOOST_TEST(t.at("checks").at("orders#3:resources").items.at(0).at("requests_waiting").text == "3");
    BOOST_TEST(answer("/ready", std::vector<Stats>{well(), second}).status == 200);
}

BOOST_AUTO_TEST_CASE(without_a_pool_all_is_well) {
    const HttpAnswer a = answer("/health?pool=1", std::vector<Stats>{});
    BOOST_TEST(a.status == 200);
    BOOST_TEST(parse(a).at("pool_size").text == "0");
}

BOOST_AUTO_TEST_CASE(retry_after_is_whole_seconds_from_one_to_a_minute) {
    Stats s = down();
    const auto after = [&s](dewpond::Duration backoff) {
        s.backoff = backoff;
        return header(answer("/health?pool=1", std::vector<Stats>{s}), "Retry-After");
    };
    BOOST_TEST(after(0ns) == "1");
    BOOST_TEST(after(1s) == "1");
    BOOST_TEST(after(1s + 1ns) == "2");
    BOOST_TEST(after(60s) == "60");
    BOOST_TEST(after(24h) == "60");
    BOOST_TEST(after(dewpond::never) == "60");
    Stats late = stuck();
    late.oldest_wait = 12s;  // nobody has looked at it yet
    BOOST_TEST(header(answer("/ready", std::vector<Stats>{late}), "Retry-After") == "1");
}

BOOST_AUTO_TEST_CASE(only_the_value_of_the_whole_key_counts) {
    for (const char* path : {"/health?pool=10", "/health?pool=", "/health?pool", "/health?xpool=1", "/health?pools=1", "/health?p=1&ool=1", "/health?"}) {
        BOOST_TEST(answer(path, std::vector<Stats>{busy()}).status == 200, path);
    }
}

BOOST_AUTO_TEST_CASE(events_stand_under_the_names_of_their_pools) {
    const std::vector<dewpond::PoolEvents> events{{"orders", {"2 s ago: closed", "1 s ago: \"down\""}}, {"invoices", {}}};
    const Json t = parse(answer("/health?pool=1&events=1", std::vector<Stats>{well()}, events));
    BOOST_TEST(t.at("events").members.size() == 2u);
    BOOST_TEST_REQUIRE(t.at("events").at("orders").items.size() == 2u);
    BOOST_TEST(t.at("events").at("orders").items[1].text == "1 s ago: \"down\"");
    BOOST_TEST(t.at("events").at("invoices").items.empty());
    BOOST_TEST(parse(answer("/live", std::vector<Stats>{well()}, events)).members.count("events") == 0u);
}

BOOST_AUTO_TEST_CASE(a_name_cannot_break_out_of_the_json) {
    Stats s = busy();
    s.name = "a\",\"status\":\"pass\\\n\x01";
    const Json t = parse(answer("/health?pool=1", std::vector<Stats>{s}));
    BOOST_TEST(t.at("status").text == "fail");
    BOOST_TEST(t.at("checks").members.count(s.name + ":resources") == 1u);
}

BOOST_AUTO_TEST_CASE(metrics_are_served_as_prometheus_wants_them) {
    for (const char* path : {"/metrics", "/metrics?name=x"}) {
        const HttpAnswer a = answer(path, std::vector<Stats>{busy()});
        BOOST_TEST(a.status == 200);
        BOOST_TEST(header(a, "Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
        BOOST_TEST(a.body == dewpond::to_prometheus(std::vector<Stats>{busy()}));
    }
}

BOOST_AUTO_TEST_CASE(other_paths_are_not_found) {
    for (const char* path : {"", "/", "/healthy", "/health/", "/live/x", "metrics", "/ready2", "?pool=1"}) {
        const HttpAnswer a = answer(path, std::vector<Stats>{well()});
        BOOST_TEST(a.status == 404, path);
        BOOST_TEST(header(a, "Content-Type") == "text/plain; charset=utf-8", path);
    }
}

BOOST_AUTO_TEST_SUITE_END()
