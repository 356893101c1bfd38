// Threads that end while leases of theirs live on, and pools and leases of static storage, in either order.
#include <boost/test/unit_test.hpp>

#include <memory>
#include <optional>
#include <thread>

#include <dewpond/pool.hpp>

namespace {

int live = 0;
struct Driver {
    using resource = int;
    int open() { return ++live; }
    void close(int&) noexcept { --live; }
};
using Pool = dewpond::Pool<Driver>;

/// Ends after everything declared below it: nothing may be left by then.
struct Last {
    ~Last() {
        if (live != 0) std::abort();
    }
} last;

// A pool that ends before a lease of it, and one that ends after.
std::optional<Pool::Lease> outlives;
Pool pool_between{Driver{}, {.max_size = 2}};
std::optional<Pool::Lease> goes_first;

}  // namespace

BOOST_AUTO_TEST_SUITE(ends)

BOOST_AUTO_TEST_CASE(leases_of_static_storage_may_end_before_or_after_their_pool) {
    outlives = pool_between.checkout();
    goes_first = pool_between.checkout();
    BOOST_TEST(pool_between.stats().in_use == 2u);  // the rest is judged by `last`
}

BOOST_AUTO_TEST_CASE(a_thread_may_end_while_a_lease_it_took_lives_on) {
    Pool pool{Driver{}, {.max_size = 1}};
    std::optional<Pool::Lease> lease;
    std::thread{[&] { lease = pool.checkout(); }}.join();
    BOOST_TEST(pool.stats().in_use == 1u);
    std::thread{[&] { lease.reset(); }}.join();
    BOOST_TEST(pool.stats().idle == 1u);
}

BOOST_AUTO_TEST_CASE(a_lease_of_thread_storage_comes_back_when_its_thread_ends) {
    Pool pool{Driver{}, {.max_size = 1}};
    std::thread{[&] {
        static thread_local std::optional<Pool::Lease> mine;
        mine = pool.checkout();
    }}.join();
    BOOST_TEST(pool.stats().idle == 1u);
}

BOOST_AUTO_TEST_CASE(a_pool_may_go_on_a_thread_that_did_not_make_it) {
    auto pool = std::make_unique<dewpond::Pool<Driver, dewpond::Lifetime>>(Driver{}, dewpond::Options{.max_size = 1});
    { auto lease = pool->checkout(); }
    std::thread{[&] { pool.reset(); }}.join();
    BOOST_TEST(live <= 2);  // those of static storage
}

BOOST_AUTO_TEST_SUITE_END()
