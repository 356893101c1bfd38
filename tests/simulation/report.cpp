// SPDX-License-Identifier: BSL-1.0
// What was simulated in all: told at the end, and written to the file that DEWPOND_PROOF_FILE names, if any.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <boost/test/unit_test.hpp>

#include "simulation/world.hpp"

namespace {

struct Report {
    ~Report() {
        const simulation::Figures& f = simulation::figures();
        std::ostringstream lines;
        lines << "virtual_hours " << static_cast<std::uint64_t>(f.virtual_hours) << "\nopens " << f.opens << "\ncloses " << f.closes << "\nfaults " << f.faults
              << "\nrequests " << f.requests << '\n';
        BOOST_TEST_MESSAGE(lines.str());
        if (const char* file = std::getenv("DEWPOND_PROOF_FILE")) std::ofstream{file} << lines.str();
    }
};
BOOST_TEST_GLOBAL_FIXTURE(Report);

}  // namespace
