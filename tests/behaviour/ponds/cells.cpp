// SPDX-License-Identifier: BSL-1.0
// A thread keeps what it returned last; every other question as in `plain`.
#include "kit/make_pond.hpp"

namespace behaviour {

Config cells() { return pond<dewpond::testing::PlainScripted, dewpond::ThreadCells>("cells"); }

}  // namespace behaviour
