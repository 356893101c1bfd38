// SPDX-License-Identifier: BSL-1.0
// A pair of each contestant, compiled into the program and, as plugins are, into shared objects: there a variable of a
// thread may cost a call.
#include <cstddef>
#include <vector>

#include <benchmark/benchmark.h>

#include "peers.hpp"

namespace bench {

extern "C" __attribute__((visibility("default"))) const SharedBody* dewpond_bench_bodies(std::size_t* count) {
    static const std::vector<SharedBody> all = [] {
        std::vector<SharedBody> out;
        each_contestant<true>([&out]<class P>(Contestant<P> c) {
            out.push_back({.name = c.name,
                           .part = c.part,
                           .make = [] { return static_cast<void*>(ready_pool<P>(10).release()); },
                           .run =
                               [](void* pool, std::size_t pairs) {
                                   for (; pairs != 0; --pairs) {
                                       auto lease = static_cast<P*>(pool)->checkout();
                                       benchmark::DoNotOptimize(*lease);
                                   }
                               },
                           .end = [](void* pool) { delete static_cast<P*>(pool); }});
        });
        return out;
    }();
    *count = all.size();
    return all.data();
}

}  // namespace bench
