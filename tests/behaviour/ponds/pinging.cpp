// SPDX-License-Identifier: BSL-1.0
// The other side is asked at every checkout; a driver that cannot tell whether it is dirty is reset at every return.
#include "kit/make_pond.hpp"

namespace behaviour {

Config pinging() {
    return pond<dewpond::testing::Scripted<dewpond::testing::can::Ping, dewpond::testing::can::Reset>, dewpond::PingAlways, dewpond::ResetAlways>("pinging");
}

}  // namespace behaviour
