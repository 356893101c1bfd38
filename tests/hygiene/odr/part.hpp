// SPDX-License-Identifier: BSL-1.0
// What every object of the program sees.
#pragma once

#include <array>
#include <cstddef>
#include <utility>

#include <dewpond/pool.hpp>

struct Numbers {
    using resource = int;
    int last = 0;
    int open() { return ++last; }
    void close(int&) noexcept {}
};

using NumberPool = dewpond::Pool<Numbers>;

/// The sizes of what is passed from object to object.
using Layout = std::array<std::size_t, 6>;

/// What one object offers: the sizes it sees, and a lease taken, looked at and handed on.
#define DECLARE_PART(name)                                                                                            \
    Layout layout_##name();                                                                                           \
    NumberPool::Lease take_##name(NumberPool& pool);                                                                  \
    NumberPool::Lease pass_##name(NumberPool::Lease lease, int& seen);

DECLARE_PART(cpp20)
DECLARE_PART(cpp23)
DECLARE_PART(bare)
