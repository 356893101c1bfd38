// SPDX-License-Identifier: BSL-1.0
// A driver with every ability, and the defaults that follow: ProbeAlways, ResetIfDirty.
#include "kit/make_pond.hpp"

namespace behaviour {

Config full() { return pond<dewpond::testing::ScriptedDriver>("full"); }

}  // namespace behaviour
