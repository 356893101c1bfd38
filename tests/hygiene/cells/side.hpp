// One shared object, or the program, and a pool of its own whose threads keep what they return.
#pragma once

#include <dewpond/pool.hpp>

struct Numbered {
    using resource = int;
    int opened = 0;
    int open() noexcept { return ++opened; }
    void close(int&) noexcept {}
};
using Numbers = dewpond::Pool<Numbered, dewpond::ThreadCells>;

/// Of two resources the second is returned first: a thread that has a cell takes that one again, any other thread the first.
/// Internal: else the program's copy would serve both.
static bool keeps_its_own(Numbers& pool) {
    auto one = pool.checkout();
    auto two = pool.checkout();
    const int second = *two;
    for (int i = 0; i < 140'000; ++i) {
        one = {};
        one = pool.checkout();
    }
    two = {};
    one = {};
    one = pool.checkout();
    return *one == second;
}
