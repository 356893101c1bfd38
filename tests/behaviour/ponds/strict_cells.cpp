// SPDX-License-Identifier: BSL-1.0
// Threads keep what they return beside a strict queue, a pool that opens by itself, checks, resets and ages.
#include "kit/make_pond.hpp"

namespace behaviour {

Config strict_cells() {
    return pond<dewpond::testing::ScriptedDriver, dewpond::ThreadCells, dewpond::StrictFifo, dewpond::OpenInBackground, dewpond::Lifetime, dewpond::PingAfterIdle>("strict_cells");
}

}  // namespace behaviour
