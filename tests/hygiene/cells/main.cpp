// A program and a shared object on its link line, neither with hidden visibility: each has a place and keys of its own for
// cells, and code of one that uses a pool of the other neither mistakes nor evicts what is there.
#include <cstdio>

#include "side.hpp"

extern "C" Numbers* numbers_of_the_side();
extern "C" bool side_keeps_its_own(Numbers* pool);

int main() {
    static Numbers mine{Numbered{}, {.max_size = 2}};
    Numbers& theirs = *numbers_of_the_side();
    int wrong = 0;
    const auto expect = [&wrong](bool holds, const char* what) {
        std::printf("%s: %s\n", holds ? "as wanted" : "WRONG", what);
        wrong += holds ? 0 : 1;
    };
    expect(keeps_its_own(mine), "the program's pool in the program");
    expect(side_keeps_its_own(&theirs), "the object's pool in the object");
    // Both pools have key 0, each of its own object's: the second to come shares, and the first goes on as before.
    for (int i = 0; i < 10; ++i) {
        side_keeps_its_own(&mine);
        expect(keeps_its_own(mine), "the program's pool in the program, afterwards");
        expect(side_keeps_its_own(&theirs), "the object's pool in the object, afterwards");
    }
    expect(mine.stats().idle == 2 && theirs.stats().idle == 2, "nothing is lost");
    return wrong == 0 ? 0 : 1;
}
