// SPDX-License-Identifier: BSL-1.0
// What the pool itself costs: no server, no resource worth the name. bench/README.md has the method.
#include "idle.hpp"

int main(int argc, char** argv) {
    const bench::CommandLine line{
        argc, argv, "What the pool itself costs, beside what the machine can do and a textbook mutex pool."};
    bench::Report report{"idle"};
    bench::one_thread(line, report);
    bench::sizes(line, report);
    bench::many_pools(line, report);
    bench::scaling(line, report);
    bench::across(line, report);
    bench::saturation(line, report);
    bench::hand_off(line, report);
    return report.write(line.json) ? 0 : 1;
}
