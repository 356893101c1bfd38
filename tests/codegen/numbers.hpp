// SPDX-License-Identifier: BSL-1.0
// Drivers that cost nothing, for looking at the pool alone.
#pragma once

#include <chrono>

#include <dewpond/pool.hpp>

namespace {

using namespace dewpond;

struct Numbers {
    using resource = int;
    int open() { return 1; }
    void close(int&) noexcept {}
};

/// The same under other names.
template <int>
struct Tagged : Numbers {};

/// A driver whose checks look at memory only, as libpq's do.
struct Clean : Numbers {
    bool status_ok(int& r) noexcept { return r > 0; }
    bool dirty(int& r) noexcept { return r > 1; }
    ResetResult reset(int&, Deadline) noexcept { return ResetResult::clean; }
};

/// One that can do everything, and answers from memory.
struct Able : Clean {
    bool probe(int& r) noexcept { return r > 0; }
    bool ping(int& r, Deadline) noexcept { return r > 0; }
};

/// A hook that touches the resource.
struct Touch {
    void operator()(int& r) const noexcept { r = 1; }
};

}  // namespace
