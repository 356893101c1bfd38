// Threads that end while leases of theirs live on, and pools and leases of static storage, in either order.
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <latch>
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

// The same for pools with cells; the main thread has left its cells when objects of static storage end.
using Cells = dewpond::Pool<Driver, dewpond::ThreadCells>;
constexpr int returns = 200;  // a cell opens after 64
void use(Cells& pool, int n = returns) {
    for (int i = 0; i < n; ++i) auto lease = pool.checkout();
}
std::optional<Cells::Lease> outlives_cells;
Cells pool_with_cells{Driver{}, {.max_size = 3}};
std::optional<Cells::Lease> goes_before_cells;

/// Uses a pool when its thread ends.
struct UsesAtTheEnd {
    Cells* pool = nullptr;
    bool got_one = false;
    bool* told = nullptr;
    ~UsesAtTheEnd() {
        if (pool == nullptr) return;
        for (int i = 0; i < returns; ++i) {
            const auto lease = pool->try_checkout();
            got_one = lease.has_value();
        }
        *told = got_one;
    }
};

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

// ---- cells ----

BOOST_AUTO_TEST_CASE(a_pool_of_static_storage_ends_with_what_the_main_thread_keeps) {
    use(pool_with_cells);
    outlives_cells = pool_with_cells.checkout();
    goes_before_cells = pool_with_cells.checkout();
    use(pool_with_cells);
    const auto s = pool_with_cells.stats();
    BOOST_TEST(s.in_use == 2u);
    BOOST_TEST(s.idle == 1u);  // the rest is judged by `last`
}

BOOST_AUTO_TEST_CASE(what_a_thread_keeps_is_there_when_it_has_ended) {
    Cells pool{Driver{}, {.max_size = 2}};
    std::thread{[&] { use(pool); }}.join();
    BOOST_TEST(pool.stats().idle == 1u);
    BOOST_TEST(pool.stats().size == 1u);
    const auto lease = pool.try_checkout();
    BOOST_TEST(lease.has_value());
    BOOST_TEST(pool.stats().opened == 1u);
}

// Objects of thread storage end in the reverse order of their beginning: what began before the thread's first checkout ends
// after it has left its cells, and the reverse.
BOOST_AUTO_TEST_CASE(a_lease_of_thread_storage_may_end_after_its_thread_has_left_its_cells) {
    for (const bool before : {true, false}) {
        BOOST_TEST_CONTEXT((before ? "before the first checkout" : "after it")) {
            Cells pool{Driver{}, {.max_size = 2}};
            std::thread{[&] {
                if (!before) use(pool);
                static thread_local std::optional<Cells::Lease> mine;
                mine.reset();
                use(pool);
                mine = pool.checkout();
                use(pool);
            }}.join();
            BOOST_TEST(pool.stats().in_use == 0u);
            BOOST_TEST(pool.stats().idle == 2u);
            const auto one = pool.try_checkout(), two = pool.try_checkout();
            BOOST_TEST((one.has_value() && two.has_value()));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_thread_that_has_left_its_cells_may_still_check_out) {
    Cells pool{Driver{}, {.max_size = 1}};
    bool got_one = false;
    std::thread{[&] {
        static thread_local UsesAtTheEnd user;
        user.told = &got_one;
        user.pool = &pool;
        use(pool);
    }}.join();
    BOOST_TEST(got_one);
    BOOST_TEST(pool.stats().idle == 1u);
    BOOST_TEST(pool.try_checkout().has_value());  // nobody who has gone keeps it
}

BOOST_AUTO_TEST_CASE(a_thread_may_end_after_the_pool_it_kept_something_of) {
    const int before = live;
    auto pool = std::make_unique<Cells>(Driver{}, dewpond::Options{.max_size = 2});
    std::latch keeps{1}, gone{1};
    std::thread thread{[&] {
        use(*pool);
        keeps.count_down();
        gone.wait();
    }};
    keeps.wait();
    pool.reset();
    BOOST_TEST(live == before);
    gone.count_down();
    thread.join();
    BOOST_TEST(live == before);
}

BOOST_AUTO_TEST_CASE(threads_that_come_and_go_leave_as_many_cells_as_there_were_at_once) {
    Cells pool{Driver{}, {.max_size = 2}};
    for (int i = 0; i < 100; ++i) {
        std::thread a{[&] { use(pool); }}, b{[&] { use(pool); }};
        a.join();
        b.join();
        const auto s = pool.stats();
        BOOST_TEST((s.idle == s.size && s.in_use == 0));
    }
    BOOST_TEST(pool.stats().opened <= 2u);
}

BOOST_AUTO_TEST_SUITE_END()
