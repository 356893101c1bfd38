// SPDX-License-Identifier: BSL-1.0
// The program of somebody who uses the PostgreSQL driver. There is no server here: a pool does not connect before it must.
#include <dewpond/libpq.hpp>
#include <dewpond/pool.hpp>

int main() {
    dewpond::Pool<dewpond::PqDriver> pool{dewpond::PqDriver{"host=/nowhere"}};
    return PQlibVersion() > 0 ? 0 : 1;
}
