// SPDX-License-Identifier: BSL-1.0
// Answers to `cells`: where does a thread look first?
#pragma once

#include <dewpond/fwd.hpp>
#include <dewpond/policy.hpp>

namespace dewpond::inline v0 {

/// In what all threads share. Cost of a checkout and its return: a pair of CAS.
struct NoCells {
    using answers = question::cells;
    static constexpr const char* name = "NoCells";
    static constexpr bool keeps = false;
};

/// In a cell of its own, which keeps the slot that this thread returned last: no locked instruction and no line that other
/// threads write, so two threads do twice the work of one. Whoever finds nothing idle takes back what is kept before he
/// waits or opens, by one `membarrier(2)` (about 1 us, which disturbs the threads of this process that run); for the next 128
/// to 65 536 returns those threads share again. Worth it where leases last less than a few microseconds and threads are
/// no more than slots; with a database it is not to be seen. It takes 1 KB of each thread's storage, up to 64 pools of a
/// process (of a shared object) have cells at once, the others share as with NoCells, as do all where the kernel refuses
/// `membarrier`. A plugin whose pool has cells stays loaded until the threads have ended that used it.
struct ThreadCells {
    using answers = question::cells;
    static constexpr const char* name = "ThreadCells";
    static constexpr bool keeps = true;
};

}  // namespace dewpond::inline v0
