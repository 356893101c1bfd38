// A scenario: a program of a few fibers, the bounds within which every schedule of it is tried, and what is required.
#pragma once

#include "model/engine.hpp"

namespace model {

struct Scenario {
    const char* name;
    void (*run)();
    Bounds bounds;
    bool exhaustive = true;  ///< small enough to try everything within the bounds
};

/// Starts a fiber.
template <class F>
void start(F f) {
    Engine::it().start(std::move(f));
}
/// Lets all fibers run to their ends.
inline void go() noexcept { Engine::it().go(); }

}  // namespace model
