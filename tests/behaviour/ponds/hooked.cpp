// SPDX-License-Identifier: BSL-1.0
// Every hook of the user.
#include "kit/make_pond.hpp"

namespace behaviour {

Config hooked() { return pond<dewpond::testing::ScriptedDriver, OnOpenHook, OnCheckoutHook, OnReturnHook>("hooked"); }

}  // namespace behaviour
