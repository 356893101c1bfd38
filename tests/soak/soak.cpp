// Short rounds on real threads, each with another configuration, for as long as there is time. tests/stress aims at known
// moments and mixes everything on long-lived pools; here every round has a pool of its own, a few operations, and an end
// without traffic, which is where a lost wake-up shows. A round that hangs or fails is told with its seed.
//
// DEWPOND_SOAK_SECONDS   so long (default 20; 300 with DEWPOND_DEEP)
// DEWPOND_SOAK_SEED      the first round's seed (default: another one each time)
// DEWPOND_PROOF_FILE     where the numbers are appended, a line each: KEY VALUE
#include <cstdio>
#include <cstdlib>
#include <random>

#include <boost/test/unit_test.hpp>

#include <soak/team.hpp>

namespace {

std::uint64_t number(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace

BOOST_AUTO_TEST_CASE(soak_in_short_rounds) {
    const auto span = std::chrono::seconds{number("DEWPOND_SOAK_SECONDS", stress::deep() ? 300 : 20)};
    const std::uint64_t first = number("DEWPOND_SOAK_SEED", std::random_device{}());
    std::uint64_t rounds = 0, operations = 0;
    {
        soak::Team team;
        for (const auto end = stress::Clock::now() + span; stress::Clock::now() < end; ++rounds) {
            const soak::Plan plan{first + rounds};
            const soak::Outcome o = plan.pool < 2 ? soak::play_caller(plan, team) : soak::play_background(plan, team);
            operations += o.operations;
            if (!o.wrong.empty()) {
                BOOST_ERROR("round " << rounds << ", " << plan.text() << ": " << o.wrong);
                break;
            }
        }
    }
    BOOST_TEST_MESSAGE(rounds << " rounds, " << operations << " operations, from seed " << first);
    BOOST_TEST(rounds != 0u);
    if (const char* path = std::getenv("DEWPOND_PROOF_FILE")) {
        std::FILE* f = std::fopen(path, "a");
        BOOST_REQUIRE(f != nullptr);
        std::fprintf(f, "soak_operations %llu\nsoak_rounds %llu\n", static_cast<unsigned long long>(operations), static_cast<unsigned long long>(rounds));
        std::fclose(f);
    }
}
