// SPDX-License-Identifier: BSL-1.0
// A driver with the needed rows only, and every default: Adaptive, OpenInCaller, Holders, Counters, no check, no reset.
#include "kit/make_pond.hpp"

namespace behaviour {

Config plain() { return pond<dewpond::testing::PlainScripted>("plain"); }

}  // namespace behaviour
