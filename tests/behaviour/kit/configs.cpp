// SPDX-License-Identifier: BSL-1.0
// The list of configurations; each is compiled once, in ponds/.
#include <stdexcept>
#include <string>
#include <string_view>

#include "kit/pond.hpp"

namespace behaviour {

Config plain(), bare(), full(), strict(), strict_background(), background(), pinging(), keeper(), hooked(), suggesting(), cells(), strict_cells();

const std::vector<Config>& configs() {
    static const std::vector<Config> all{plain(),   bare(),   full(),   strict(),     strict_background(), background(),
                                         pinging(), keeper(), hooked(), suggesting(), cells(),             strict_cells()};
    return all;
}

const Config& config(std::string_view name) {
    for (const Config& c : configs()) {
        if (c.name == name) return c;
    }
    throw std::invalid_argument{"no configuration is called " + std::string{name}};
}

}  // namespace behaviour
