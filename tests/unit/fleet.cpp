// SPDX-License-Identifier: BSL-1.0
// fleet_budget: the share of each process, what is said about it, and that docs/scaling.md prints what it answers.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/fleet.hpp>

using dewpond::Fleet;
using dewpond::fleet_budget;
using dewpond::FleetSentence;

namespace {

// It is known while compiling.
static_assert(fleet_budget({}).max_size == 97);
static_assert(fleet_budget({.max_connections = 100, .reserved = 3, .replicas = 8}).max_size == 12);
static_assert(fleet_budget({.replicas = 8, .surge = 2}).max_size == 9);
static_assert(fleet_budget({.replicas = 8, .surge = 2, .other = 17}).max_size == 8);
static_assert(fleet_budget({.replicas = 97}).max_size == 1);
static_assert(fleet_budget({.replicas = 98}).max_size == 0);
static_assert(fleet_budget({.replicas = 8}).sentence.view() == "97 connections for 8 processes: 12 each");

struct Row {
    Fleet fleet;
    std::size_t max_size;
    const char* sentence;
};
constexpr std::uint32_t huge = 0xffff'ffff;
constexpr Row rows[] = {
    {{}, 97, "97 connections for 1 process: 97"},
    {{.replicas = 19}, 5, "97 connections for 19 processes: 5 each"},
    {{.replicas = 20}, 4, "97 connections for 20 processes: 4 each, which is few: put PgBouncer in front, or run fewer processes"},
    {{.replicas = 8, .surge = 2}, 9, "97 connections for 10 processes (2 of them during a roll-out): 9 each"},
    {{.replicas = 120, .surge = 30, .other = 5},
     0,
     "92 connections for 150 processes (30 of them during a roll-out): not even one each. Put PgBouncer in front, run fewer "
     "processes, or set max_connections to 158 at least"},
    {{.max_connections = 4}, 1, "1 connection for 1 process: 1, which is few: put PgBouncer in front, or run fewer processes"},
    {{.max_connections = 3}, 0, "0 connections for 1 process: not even one each. Put PgBouncer in front, run fewer processes, or set max_connections to 4 at least"},
    {{.max_connections = 0, .reserved = 0}, 0, "0 connections for 1 process: not even one each. Put PgBouncer in front, run fewer processes, or set max_connections to 1 at least"},
    {{.replicas = 0}, 0, "there is no process: replicas is 0"},
    // A pool's max_size ends at 65535.
    {{.max_connections = 1'000'000, .reserved = 0}, 65'535, "1000000 connections for 1 process: 65535"},
    // Nothing wraps.
    {{.max_connections = huge, .reserved = huge, .replicas = huge, .surge = huge, .other = huge},
     0,
     "0 connections for 8589934590 processes (4294967295 of them during a roll-out): not even one each. Put PgBouncer in "
     "front, run fewer processes, or set max_connections to 17179869180 at least"},
};

std::string share(const Fleet& f) {
    const std::size_t n = fleet_budget(f).max_size;
    return n == 0 ? "PgBouncer" : std::to_string(n) + (n < dewpond::fleet_few ? ", few" : "");
}

/// The table of docs/scaling.md: a roll-out brings a quarter more processes, as orchestrators do unless told otherwise.
std::string table() {
    std::string out =
        "| processes | `max_connections` 100 | 100, roll-out | 200, roll-out | 500, roll-out |\n|---|---|---|---|---|\n";
    for (const std::uint32_t n : {1u, 2u, 3u, 4u, 6u, 8u, 10u, 12u, 16u, 20u, 24u, 32u, 40u, 50u, 64u, 80u, 100u, 128u, 160u, 200u}) {
        const std::uint32_t surge = (n + 3) / 4;
        out += "| " + std::to_string(n) + " | " + share({.max_connections = 100, .replicas = n});
        for (const std::uint32_t c : {100u, 200u, 500u}) {
            out += " | " + share({.max_connections = c, .replicas = n, .surge = surge, .other = 5});
        }
        out += " |\n";
    }
    return out;
}

/// The share of requests that queue, when `c` connections are busy for the part `load` of their time.
double queueing(int c, double load) {
    double below = 0, term = 1;
    for (int k = 0; k < c; ++k) {
        below += term;
        term *= c * load / (k + 1);
    }
    return term / (1 - load) / (below + term / (1 - load));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fleet)

BOOST_AUTO_TEST_CASE(each_process_gets_an_equal_share_and_a_sentence) {
    for (const Row& row : rows) {
        const auto b = fleet_budget(row.fleet);
        BOOST_TEST(b.max_size == row.max_size, row.sentence);
        BOOST_TEST(b.sentence.view() == row.sentence);
        BOOST_TEST(b.sentence.c_str() == row.sentence);
    }
}

BOOST_AUTO_TEST_CASE(the_shares_never_exceed_the_server_and_waste_less_than_one_for_each) {
    for (std::uint32_t connections = 0; connections <= 300; connections += 7) {
        for (std::uint32_t replicas = 1; replicas <= 210; ++replicas) {
            const Fleet f{.max_connections = connections, .reserved = 3, .replicas = replicas, .surge = replicas / 4, .other = 2};
            const std::size_t processes = replicas + f.surge, each = fleet_budget(f).max_size;
            const std::size_t left = connections > 5 ? connections - 5 : 0;
            BOOST_REQUIRE(each * processes <= left);
            BOOST_REQUIRE((each + 1) * processes > left);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_sentence_that_is_too_long_is_cut_and_stays_terminated) {
    FleetSentence s;
    for (int i = 0; i < 100; ++i) s << "words ";
    BOOST_TEST(s.view().size() == 255u);
    BOOST_TEST(std::string{s.c_str()} == s.view());
}

BOOST_AUTO_TEST_CASE(few_is_where_one_request_in_eight_queues_at_half_load) {
    BOOST_TEST(dewpond::fleet_few == 5u);
    BOOST_TEST(std::abs(queueing(5, 0.5) - 1.0 / 8) < 0.01);
    BOOST_TEST(std::abs(queueing(3, 0.5) - 1.0 / 4) < 0.02);
    BOOST_TEST(std::abs(queueing(1, 0.5) - 1.0 / 2) < 1e-9);
}

BOOST_AUTO_TEST_CASE(the_table_of_the_document_is_what_the_function_answers) {
    std::ifstream file{DEWPOND_DOCS "/scaling.md"};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    BOOST_TEST_REQUIRE(!text.empty());
    BOOST_TEST((text.find("\n" + table() + "\n") != std::string::npos), "docs/scaling.md should say\n" << table());
}

BOOST_AUTO_TEST_SUITE_END()
