// SPDX-License-Identifier: BSL-1.0
// borrows <what> <times>: borrows and returns a connection so many times, between two calls of getppid(2).
// borrow_calls.sh looks at what the kernel is asked in between.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <unistd.h>

#include <dewpond/libpq.hpp>
#include <dewpond/pool.hpp>

namespace {

template <class Pool>
int borrow(Pool& db, long times, bool waits) {
    using namespace std::chrono_literals;
    { const auto warm = db.checkout(10s); }
    static_cast<void>(::getppid());
    for (long i = 0; i < times; ++i) {
        const auto lease = waits ? db.checkout(10s) : db.checkout();
        if (PQstatus(*lease) != CONNECTION_OK) return 1;
    }
    static_cast<void>(::getppid());
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const char* server = std::getenv("DEWPOND_PG_CONNINFO");
    if (argc != 3 || server == nullptr)
        return std::fprintf(stderr, "usage: with_postgres.sh -- borrows WHAT TIMES\n"), 2;
    const std::string_view what = argv[1];
    const long times = std::atol(argv[2]);
    const dewpond::PqDriver driver{server};
    if (what == "default" || what == "limit") {
        dewpond::Pool db{driver};
        return borrow(db, times, what == "limit");
    }
    if (what == "status") {
        dewpond::Pool db{driver, dewpond::StatusAlways{}};
        return borrow(db, times, false);
    }
    if (what == "ping") {
        dewpond::Pool db{driver, dewpond::PingAlways{}};
        return borrow(db, times, false);
    }
    return 2;
}
