#include "side.hpp"

extern "C" Numbers* numbers_of_the_side() {
    static Numbers pool{Numbered{}, {.max_size = 2}};
    return &pool;
}
extern "C" bool side_keeps_its_own(Numbers* pool) { return keeps_its_own(*pool); }
