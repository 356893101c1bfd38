// SPDX-License-Identifier: BSL-1.0
// The pool opens by itself and serves strictly in order; nothing is counted.
#include "kit/make_pond.hpp"

namespace behaviour {

Config strict_background() {
    return pond<dewpond::testing::ScriptedDriver, dewpond::StrictFifo, dewpond::OpenInBackground, dewpond::NoMetrics, dewpond::StatusAlways>("strict_background");
}

}  // namespace behaviour
