// SPDX-License-Identifier: BSL-1.0
// The workloads of the program `peers`, one source file for each kind.
#pragma once

#include <cstddef>

#include "contestants.hpp"
#include "grid.hpp"

namespace bench {

void alone(const CommandLine& line, Report& report, Grid& grid);
void alone_by_size(const CommandLine& line, Grid& grid);
void eight_at_once(const CommandLine& line, Grid& grid);
void many_pools(const CommandLine& line, Grid& grid);
void together(const CommandLine& line, Grid& grid);
void across(const CommandLine& line, Grid& grid);
void in_shared_object(const CommandLine& line, Report& report, Grid& grid);

/// One contestant as a shared object offers it: a pool of 10 used by one thread.
struct SharedBody {
    const char* name;
    Part part;
    void* (*make)();
    void (*run)(void*, std::size_t pairs);
    void (*end)(void*);
};
/// All of them; how many in `count`. Compiled into the program, and twice into a shared object of its own.
extern "C" const SharedBody* dewpond_bench_bodies(std::size_t* count);

}  // namespace bench
