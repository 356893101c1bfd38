// How big the exchange of a scenario is, and the rules it goes by.
#pragma once

#include "model/basin.hpp"
#include "model/scenario.hpp"

namespace model::scenarios {

inline Plan plan(std::uint32_t size, std::uint32_t sample = 2) {
    using namespace std::chrono_literals;
    Plan p;
    p.max_size = size;
    p.sample = sample;
    p.outage = {100ms, 1s, 5s, 3s, 5s};
    return p;
}

}  // namespace model::scenarios
