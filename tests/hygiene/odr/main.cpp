// SPDX-License-Identifier: BSL-1.0
// Objects of three language modes in one program.
#include "part.hpp"

#include <cstdio>

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
    if (holds) return;
    std::printf("not so: %s\n", what);
    ++failures;
}

}  // namespace

int main() {
    expect(layout_cpp20() == layout_cpp23(), "C++20 and C++23 without RTTI and assertions see the same sizes");
    expect(layout_cpp20() == layout_bare(), "the same without exceptions");

    NumberPool pool{Numbers{}};
    for (auto* take : {take_cpp20, take_cpp23, take_bare}) {
        int seen[3] = {};
        {
            auto lease = pass_cpp20(pass_cpp23(pass_bare(take(pool), seen[0]), seen[1]), seen[2]);
            expect(*lease == 1, "one resource serves everybody in turn");
        }
        expect(seen[0] == 1 && seen[1] == 1 && seen[2] == 1, "a lease shows the same resource in every object");
    }
    std::puts(failures == 0 ? "one program" : "not one program");
    return failures;
}
