// SPDX-License-Identifier: BSL-1.0
// What a program and its plugin both know: the type of a pool.
#pragma once

#include <dewpond/pool.hpp>

struct Boats {
    using resource = int;
    int open() { return 1; }
    void close(int&) noexcept {}
};
using BoatPool = dewpond::Pool<Boats>;
