// SPDX-License-Identifier: BSL-1.0
// What needs a keeper: ages.
#include "kit/make_pond.hpp"

namespace behaviour {

Config keeper() { return pond<dewpond::testing::ScriptedDriver, dewpond::Lifetime, dewpond::PingAfterIdle>("keeper"); }

}  // namespace behaviour
