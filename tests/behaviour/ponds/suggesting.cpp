// SPDX-License-Identifier: BSL-1.0
// A driver that suggests what its kind of resource needs, and keeps one idle.
#include "kit/make_pond.hpp"

namespace behaviour {

namespace {
class Suggesting : public dewpond::testing::ScriptedDriver {
public:
    using ScriptedDriver::ScriptedDriver;
    using suggests = dewpond::Suggest<dewpond::OpenInBackground, dewpond::PingAfterIdle>;
    static constexpr std::size_t suggested_min_idle = 1;
};
}  // namespace

Config suggesting() {
    Config c = pond<Suggesting>("suggesting");
    c.background = c.keeps = true;
    return c;
}

}  // namespace behaviour
