// SPDX-License-Identifier: BSL-1.0
// Every question answered with nothing.
#include "kit/make_pond.hpp"

namespace behaviour {

Config bare() {
    return pond<dewpond::testing::ScriptedDriver, dewpond::NoCheck, dewpond::NoReset, dewpond::NoExpiry, dewpond::NoMetrics, dewpond::NoHolders, dewpond::StrictFifo>("bare");
}

}  // namespace behaviour
