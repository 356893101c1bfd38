// SPDX-License-Identifier: BSL-1.0
// First come, first served, with a check by memory and a reset at every return.
#include "kit/make_pond.hpp"

namespace behaviour {

Config strict() { return pond<dewpond::testing::ScriptedDriver, dewpond::StrictFifo, dewpond::StatusAlways, dewpond::ResetAlways>("strict"); }

}  // namespace behaviour
