// expect: operator->() const&& = delete
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Teapot {
    int size = 1;
};
struct Kettle {
    using resource = Teapot;
    Teapot open();
    void close(Teapot&) noexcept;
};

int main() {
    dewpond::Pool pool{Kettle{}};
    const int size = pool.checkout()->size;
    static_cast<void>(size);
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
