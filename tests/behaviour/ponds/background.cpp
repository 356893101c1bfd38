// SPDX-License-Identifier: BSL-1.0
// The pool opens by itself, newcomers may barge; nobody is recorded.
#include "kit/make_pond.hpp"

namespace behaviour {

Config background() { return pond<dewpond::testing::ScriptedDriver, dewpond::OpenInBackground, dewpond::NoHolders>("background"); }

}  // namespace behaviour
