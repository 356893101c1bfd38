// SPDX-License-Identifier: BSL-1.0
// A small driver that is right in every way, for the wrong ones to be derived from.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

#include <dewpond/deadline.hpp>
#include <dewpond/driver.hpp>
#include <dewpond/error.hpp>
#include <dewpond/result.hpp>

/// What the resources of one driver share: nothing that matters to Sound, but where the wrong drivers go wrong.
struct World {
    std::atomic<int> generation{0};      // somebody was closed, interrupted, abandoned ...
    std::atomic<bool> poisoned{false};   // nothing can be opened any more
    std::atomic<bool> dead{false}, dirty{false};
    std::thread::id home = std::this_thread::get_id();
};

struct Thing {
    explicit Thing(std::shared_ptr<World> w) : world{std::move(w)}, generation{world->generation.load()} {}
    Thing(const Thing&) = delete;
    ~Thing() { ::close(wire); }

    std::shared_ptr<World> world;
    int wire = ::eventfd(0, EFD_CLOEXEC);
    bool dirty = false, broken = false;
    int asked = 0, resets = 0, generation;
    std::thread::id owner = std::this_thread::get_id();
};

inline bool late(dewpond::Deadline by) { return by.passed(std::chrono::steady_clock::now()); }

struct Sound {
    using resource = std::unique_ptr<Thing>;
    using Error = dewpond::OpenError;
    using Opened = dewpond::Result<resource, Error>;
    std::shared_ptr<World> world = std::make_shared<World>();

    Opened open(dewpond::Deadline by) {
        if (late(by)) return Error{dewpond::Fault::timed_out, "too late"};
        if (world->poisoned) return Error{dewpond::Fault::other, "poisoned"};
        return std::make_unique<Thing>(world);
    }
    void close(resource& r) noexcept { r.reset(); }
    bool status_ok(resource& r) noexcept { return !r->broken; }
    bool probe(resource& r) noexcept { return !r->broken; }
    bool ping(resource& r, dewpond::Deadline) noexcept { return !r->broken; }
    bool dirty(resource& r) noexcept { return r->dirty; }
    dewpond::ResetResult reset(resource& r, dewpond::Deadline by) noexcept {
        if (r->broken) return dewpond::ResetResult::broken;
        if (late(by)) return dewpond::ResetResult::unfinished;
        r->dirty = false;
        return dewpond::ResetResult::clean;
    }
    int poll_handle(resource& r) noexcept { return r->wire; }
    void interrupt(resource&) noexcept {}
    void abandon(resource&) noexcept {}
    Error last_fault(resource& r) noexcept { return r->broken ? Error{dewpond::Fault::broken, "broken"} : Error{}; }
    std::string label(resource&) { return "a thing"; }
};

inline void kill_thing(std::unique_ptr<Thing>& r) {
    r->broken = true;
    ::eventfd_write(r->wire, 1);
}
