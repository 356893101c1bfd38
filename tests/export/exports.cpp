// SPDX-License-Identifier: BSL-1.0
// The list of exported pools: who is on it, under which name, and that nobody is read who has left.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <dewpond/export/exports.hpp>
#include <dewpond/export/http.hpp>
#include <dewpond/pool.hpp>
#include <dewpond/testing/gate.hpp>
#include <dewpond/testing/plain_driver.hpp>

#include "support.hpp"

using namespace std::chrono_literals;
using dewpond::Exported;
using dewpond::Exports;
using dewpond::Stats;
using dewpond::testing::Gate;
using exporting::Scrape;

namespace {

using RealPool = dewpond::Pool<dewpond::testing::PlainDriver, dewpond::Timings>;

std::string names(const Exports& exports) {
    std::string out;
    for (const Stats& s : exports.read()) out += s.name + " ";
    return out;
}

/// What is enough of a pool to be exported.
struct Happening {
    std::string text;
    friend std::string to_string(const Happening& h) { return "it " + h.text; }
};
struct FakePool {
    std::string called = "fake";
    std::uint64_t first_bucket = 0;
    std::optional<Gate> gate{};  ///< stats() stays at it
    std::atomic<bool>* alive = nullptr;

    [[nodiscard]] Stats stats() const {
        if (gate) gate->pass();
        Stats s = exporting::named(alive == nullptr || *alive ? called : "gone");
        s.wait.buckets[0] = first_bucket;
        return s;
    }
    [[nodiscard]] const std::string& name() const { return called; }
    [[nodiscard]] std::vector<Happening> events() const { return {{"rained"}, {"stopped"}}; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(exports)

BOOST_AUTO_TEST_CASE(one_call_reads_all_pools) {
    Exports exports;
    RealPool orders{{}, {.name = "orders", .max_size = 5}}, invoices{{}, {.name = "invoices", .max_size = 7}};
    const Exported first = exports.add(orders), second = exports.add(invoices);
    auto a = orders.checkout(), b = orders.checkout();
    const Scrape all{to_prometheus(exports.read())};
    BOOST_TEST(all.at("dewpond_resources{pool=\"orders\",state=\"in_use\"}") == "2");
    BOOST_TEST(all.at("dewpond_resources{pool=\"invoices\",state=\"in_use\"}") == "0");
    BOOST_TEST(all.at("dewpond_opens_total{pool=\"orders\"}") == "2");
    BOOST_TEST(all.at("dewpond_wait_seconds_count{pool=\"orders\"}") == "2");
    BOOST_TEST(all.at("dewpond_open_seconds_count{pool=\"orders\"}") == "2");
    BOOST_TEST(all.at("dewpond_timed{pool=\"orders\"}") == "1");
    BOOST_TEST(all.at("dewpond_demand_peak{pool=\"orders\",window=\"start\"}") == "2");
    BOOST_TEST(all.at("dewpond_max_size{pool=\"invoices\"}") == "7");
    BOOST_TEST(exporting::promtool(to_prometheus(exports.read())) == 0);
    BOOST_TEST(dewpond::answer("/health?pool=1", exports.read()).status == 503);  // the second has opened nothing yet
    BOOST_TEST(invoices.wait_ready(1s).has_value());
    BOOST_TEST(dewpond::answer("/health?pool=1", exports.read()).status == 200);
    // What the recorder of a real pool remembers.
    a.discard();
    const std::vector<dewpond::PoolEvents> events = exports.events();
    BOOST_TEST_REQUIRE(events.size() == 2u);
    BOOST_TEST_REQUIRE(!events[0].lines.empty());
    BOOST_TEST(events[0].lines.back().find("closed, slot 0 (discarded)") != std::string::npos, events[0].lines.back());
}

BOOST_AUTO_TEST_CASE(a_second_pool_of_a_name_has_a_number_and_keeps_it) {
    Exports exports;
    FakePool a{.called = "orders"}, b{.called = "orders"}, c{.called = "invoices"}, d{.called = "orders"};
    std::optional<Exported> first = exports.add(a);
    const Exported second = exports.add(b), third = exports.add(c);
    BOOST_TEST(names(exports) == "orders orders#2 invoices ");
    BOOST_TEST(second.name() == "orders#2");
    first.reset();
    BOOST_TEST(names(exports) == "orders#2 invoices ");
    const Exported fourth = exports.add(d);
    BOOST_TEST(names(exports) == "orders#2 invoices orders ");
    const Exported again = exports.add(d);
    BOOST_TEST(again.name() == "orders#3");
}

BOOST_AUTO_TEST_CASE(a_path_that_tells_nothing_of_the_pools_reads_none) {
    Exports exports;
    Gate read;
    read.open();
    FakePool pool{.gate = read};
    const Exported shown = exports.add(pool);
    for (const char* path : {"/", "/favicon.ico", "/metricsx", "/live", "/health"}) static_cast<void>(dewpond::answer(path, exports));
    BOOST_TEST(read.entered() == 0u);
    for (const char* path : {"/metrics?x", "/ready", "/health?pool=1"}) static_cast<void>(dewpond::answer(path, exports));
    BOOST_TEST(read.entered() == 3u);
}

BOOST_AUTO_TEST_CASE(events_are_read_when_they_are_asked_for) {
    Exports exports;
    FakePool a, b;
    const Exported first = exports.add(a), second = exports.add(b);
    const std::vector<dewpond::PoolEvents> events = exports.events();
    BOOST_TEST_REQUIRE(events.size() == 2u);
    BOOST_TEST(events[1].pool == "fake#2");
    BOOST_TEST(events[1].lines == (std::vector<std::string>{"it rained", "it stopped"}), boost::test_tools::per_element());
    const auto has_events = [&](const char* target) { return dewpond::answer(target, exports).body.find("it rained") != std::string::npos; };
    BOOST_TEST(has_events("/health?pool=1&events=1"));
    BOOST_TEST(has_events("/ready?events=1"));
    for (const char* target : {"/health?pool=1", "/health?pool=1&events=0", "/health?events=1", "/ready", "/metrics?events=1", "/live?events=1"}) {
        BOOST_TEST(!has_events(target), target);
    }
    BOOST_TEST(dewpond::answer("/metrics", exports).body == to_prometheus(exports.read()));
}

BOOST_AUTO_TEST_CASE(a_place_on_the_list_can_be_moved) {
    Exports exports;
    FakePool a{.called = "a"}, b{.called = "b"};
    Exported first = exports.add(a);
    Exported moved = std::move(first);
    BOOST_TEST(first.name() == "");
    BOOST_TEST(names(exports) == "a ");
    moved = exports.add(b);
    BOOST_TEST(names(exports) == "b ");
    moved = Exported{};
    BOOST_TEST(names(exports) == "");
}

BOOST_AUTO_TEST_CASE(copies_are_one_list_that_outlives_them) {
    FakePool a;
    std::optional<Exports> exports{std::in_place};
    std::optional<Exports> copy = exports;
    Exported place = copy->add(a);
    BOOST_TEST(names(*exports) == "fake ");
    exports.reset();
    BOOST_TEST(names(*copy) == "fake ");
    copy.reset();
    BOOST_TEST(place.name() == "fake");
}

BOOST_AUTO_TEST_CASE(the_first_bucket_never_falls) {
    Exports exports;
    FakePool a;
    const Exported place = exports.add(a);
    std::vector<std::uint64_t> read;
    for (const std::uint64_t n : {5u, 9u, 8u, 9u, 10u}) {
        a.first_bucket = n;
        read.push_back(exports.read().at(0).wait.buckets[0]);
    }
    BOOST_TEST(read == (std::vector<std::uint64_t>{5, 9, 9, 9, 10}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_pool_does_not_leave_while_it_is_read) {
    for (int round = 0; round < 20; ++round) {
        Exports exports;
        std::atomic<bool> alive{true};
        Gate gate;
        FakePool slow{.called = "slow", .gate = gate, .alive = &alive};
        std::optional<Exported> place = exports.add(slow);
        std::string read;
        std::thread reader{[&] { read = names(exports); }};
        gate.wait_entered(1);
        std::thread leaver{[&] {
            place.reset();
            alive = false;
        }};
        FakePool probe{.called = "slow"};
        while (exports.add(probe).name() != "slow") std::this_thread::yield();  // its name is free at once
        gate.open();
        reader.join();
        leaver.join();
        BOOST_TEST(read == "slow ");
    }
}

BOOST_AUTO_TEST_CASE(pools_come_and_go_while_others_read) {
    Exports exports;
    std::atomic<bool> done{false};
    std::atomic<int> strange{0};
    std::thread reader{[&] {
        while (!done) {
            for (const Stats& s : exports.read()) {
                if (s.name != "orders" && s.name != "orders#2") ++strange;
                if (s.idle + s.in_use + s.opening + s.retiring != s.size) ++strange;
            }
        }
    }};
    std::vector<std::thread> owners;
    for (int i = 0; i < 2; ++i) {
        owners.emplace_back([&] {
            for (int round = 0; round < 200; ++round) {
                RealPool pool{{}, {.name = "orders", .max_size = 2}};
                const Exported place = exports.add(pool);
                const auto lease = pool.checkout();
            }
        });
    }
    for (std::thread& t : owners) t.join();
    done = true;
    reader.join();
    BOOST_TEST(strange == 0);
    BOOST_TEST(names(exports) == "");
}

BOOST_AUTO_TEST_CASE(a_forked_child_begins_a_list_of_its_own_whatever_was_held) {
    Exports exports;
    Gate gate;
    FakePool slow{.called = "slow", .gate = gate};
    FakePool other{.called = "other"};
    std::optional<Exported> place = exports.add(slow);
    const Exported second = exports.add(other);
    std::thread reader{[&] { (void)exports.read(); }};
    gate.wait_entered(1);  // the reader holds what belongs to `slow`, and will not be there in the child
    const ::pid_t child = ::fork();
    if (child == 0) {
        ::alarm(20);
        const bool empty = exports.read().empty();
        place.reset();  // no lock is taken
        FakePool own{.called = "other"};
        const Exported mine = exports.add(own);
        ::_exit(empty && mine.name() == "other" && names(exports) == "other " ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    gate.open();
    reader.join();
    BOOST_TEST(WIFEXITED(status));
    BOOST_TEST(WEXITSTATUS(status) == 0);
    BOOST_TEST(names(exports) == "slow other ");
}

BOOST_AUTO_TEST_SUITE_END()
