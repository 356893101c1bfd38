// What there is to explore.
#pragma once

#include <vector>

#include "model/scenario.hpp"

namespace model {

/// Scenarios of the exchange, of the recorder alone, and of the whole pool: no schedule of them may fail.
[[nodiscard]] const std::vector<Scenario>& basin_scenarios();
[[nodiscard]] const std::vector<Scenario>& recorder_scenarios();
[[nodiscard]] const std::vector<Scenario>& pool_scenarios();

/// A broken twin, and the scenario that must find it within so many random schedules.
struct Planted {
    const char* flaw;
    Scenario scenario;
    unsigned within;
};
[[nodiscard]] const std::vector<Planted>& planted();

/// What the explorer must see, or never see, in small programs whose outcomes are known.
struct Litmus {
    Scenario scenario;
    bool fails;  ///< some schedule must fail; else none may, and all are tried
};
[[nodiscard]] const std::vector<Litmus>& litmus();

}  // namespace model
