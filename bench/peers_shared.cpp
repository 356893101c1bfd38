// SPDX-License-Identifier: BSL-1.0
// The same pair of one thread, run from a shared object that the program has opened.
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <dlfcn.h>
#include <unistd.h>

#include "peers.hpp"
#include "rounds.hpp"

namespace bench {
namespace {

using Bodies = const SharedBody*(std::size_t*);

/// How the object was compiled, and what it offers; `bodies` null: it is not there.
struct Object {
    std::string title;
    Bodies* bodies;
};

Bodies* open(const char* name) {
    std::string path(4096, '\0');
    const ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
    path.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    path = path.substr(0, path.find_last_of('/') + 1) + name;
    void* object = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // stays open until the program ends
    return object == nullptr ? nullptr : reinterpret_cast<Bodies*>(dlsym(object, "dewpond_bench_bodies"));
}

}  // namespace

void in_shared_object(const CommandLine& line, Report& report, Grid& grid) {
    const std::string title = "O: one thread, pool of 10, code in ";
    constexpr const char* ways[] = {"the program", "a shared object", "a shared object, -mtls-dialect=gnu2"};
    bool wanted = false;
    for (const char* way : ways) wanted = wanted || line.wants(title + way);
    if (!wanted) return;
    const Object objects[] = {{title + ways[0], dewpond_bench_bodies},
                              {title + ways[1], open("peers_object.so")},
                              {title + ways[2], open("peers_object_gnu2.so")}};
    // One field for all three, so that a contestant is timed beside itself.
    Rounds rounds{Clock::cpu, line.quick ? 0.001 : 0.003};
    struct Entry {
        const Object* object;
        const SharedBody* body;
        std::size_t number;
    };
    std::vector<Entry> entries;
    for (const Object& object : objects) {
        if (object.bodies == nullptr) continue;
        std::size_t count = 0;
        const SharedBody* const all = object.bodies(&count);
        for (std::size_t i = 0; i < count; ++i) {
            const SharedBody& b = all[i];
            const std::shared_ptr<void> pool{b.make(), b.end};
            entries.push_back({&object, &b, rounds.add([run = b.run, pool](benchmark::State& state) {
                constexpr std::size_t batch = 100;
                while (state.KeepRunningBatch(batch)) run(pool.get(), batch);
            })});
        }
    }
    rounds.run(line.rounds(31, 15), 12);
    for (const Object& object : objects) {
        std::vector<Line> lines;
        for (const Entry& e : entries) {
            if (e.object != &object) continue;
            const Series ns = rounds.ns(e.number);
            const Series* here = nullptr;
            Series in_program;
            for (const Entry& other : entries) {
                if (other.object == objects && std::string{other.body->name} == e.body->name) {
                    in_program = rounds.ns(other.number);
                    here = &in_program;
                }
            }
            lines.push_back({e.body->name, e.body->part, {ns, ratio(ns, here ? *here : ns)}});
        }
        if (lines.empty()) report.note("not built here: " + object.title);
        else if (line.wants(object.title)) grid.table(object.title, {{"one pair", "ns"}, {"/ program", ""}}, lines);
    }
}

}  // namespace bench
