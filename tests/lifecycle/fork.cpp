// In the child of a fork the pools of the parent refuse, forget, and touch neither a lock nor the other side.
#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <dewpond/pool.hpp>

using namespace std::chrono_literals;

namespace {

/// Counts what it is asked, in the memory of whichever process asks.
struct Count {
    std::atomic<int> opened{0}, closed{0}, abandoned{0}, reset{0};
};
struct Kettle {
    int number;
};
struct Driver {
    using resource = Kettle;
    Count* count;
    resource open() { return {++count->opened}; }
    void close(resource&) noexcept { ++count->closed; }
    bool dirty(resource&) noexcept { return soiled; }
    dewpond::ResetResult reset(resource&, dewpond::Deadline) noexcept {
        ++count->reset;
        return dewpond::ResetResult::clean;
    }
    void abandon(resource&) noexcept { ++count->abandoned; }
    static inline bool soiled = false;
};

/// Runs `f` in a forked child; its answer is the child's exit status, -1 if it hung or crashed.
template <class F>
int in_child(F f) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(10);
        ::_exit(f());
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define SAY(n, holds) \
    if (!(holds)) return n

}  // namespace

BOOST_AUTO_TEST_SUITE(forks)

BOOST_AUTO_TEST_CASE(the_child_is_refused_and_forgets_what_was_idle_and_lent) {  // brianmario/mysql2#1467, mperham/connection_pool#177
    Count count;
    dewpond::Pool pool{Driver{&count}, {.max_size = 3}};
    auto lease = pool.checkout();
    { auto a = pool.checkout(), b = pool.checkout(); }
    const int status = in_child([&] {
        SAY(1, !pool.try_checkout() && pool.try_checkout().error().code() == dewpond::Code::forked);
        SAY(2, pool.try_checkout(1h).error().code() == dewpond::Code::forked);
        SAY(3, std::string{pool.try_checkout(1h).error().what()}.find("make a new pool after fork()") != std::string::npos);
        Driver::soiled = true;
        lease = {};
        SAY(4, count.abandoned == 1 && count.reset == 0);
        SAY(5, pool.close(1h) == 0 && count.abandoned == 3);
        SAY(6, count.closed == 0);
        return 0;
    });
    BOOST_TEST(status == 0);
    BOOST_TEST(count.abandoned == 0);
    BOOST_TEST(pool.try_checkout().has_value());  // the parent's goes on as before
    lease = {};
    BOOST_TEST(pool.stats().idle == 3u);
}

BOOST_AUTO_TEST_CASE(in_the_child_a_callback_is_told_at_once_and_one_of_the_parents_is_not_withdrawn) {
    Count count;
    using Pool = dewpond::Pool<Driver>;
    dewpond::Options o;
    o.max_size = 1;
    o.keeper_thread = false;
    Pool pool{Driver{&count}, o};
    auto lease = pool.checkout();
    struct Caller : Pool::Waiter {
        Caller() : Pool::Waiter{[](Pool::Waiter& w, dewpond::Result<Pool::Lease> r) noexcept {
            ++static_cast<Caller&>(w).told;
            if (!r) static_cast<Caller&>(w).code = r.error().code();
        }} {}
        int told = 0;
        dewpond::Code code = dewpond::Code::bad_option;
    } parents, childs;
    pool.enqueue(parents, 1h);
    BOOST_TEST(in_child([&] {
        SAY(1, !pool.withdraw(parents) && parents.told == 0);
        pool.enqueue(childs, 1h);
        SAY(2, childs.told == 1 && childs.code == dewpond::Code::forked);
        return 0;
    }) == 0);
    lease = {};
    BOOST_TEST(parents.told == 1);
    BOOST_CHECK(parents.code == dewpond::Code::bad_option);
}

BOOST_AUTO_TEST_CASE(the_pool_may_be_destroyed_in_the_child_crew_and_all) {
    Count count;
    auto pool = std::make_unique<dewpond::Pool<Driver, dewpond::Lifetime, dewpond::OpenInBackground>>(Driver{&count}, dewpond::Options{.max_size = 2});
    { auto a = pool->checkout(); }
    BOOST_TEST(in_child([&] {
        pool.reset();
        SAY(1, count.closed == 0 && count.abandoned >= 1);
        return 0;
    }) == 0);
    BOOST_TEST(pool->try_checkout(1s).has_value());
}

BOOST_AUTO_TEST_CASE(the_child_may_have_pools_of_its_own) {
    Count count;
    dewpond::Pool pool{Driver{&count}, {.max_size = 2}};
    { auto a = pool.checkout(); }
    BOOST_TEST(in_child([&] {
        Count mine;
        {
            dewpond::Pool own{Driver{&mine}, {.max_size = 2}};
            SAY(1, own.try_checkout(1s).has_value());
            SAY(2, own.stats().idle == 1);
            SAY(3, in_child([&] { return own.try_checkout(1s).has_value() ? 1 : 0; }) == 0);  // and they are not its child's
        }
        SAY(4, mine.closed == 1);
        return 0;
    }) == 0);
}

BOOST_AUTO_TEST_CASE(what_the_child_is_refused_is_neither_counted_nor_remembered) {
    Count count;
    dewpond::Pool<Driver, dewpond::Lifetime> pool{Driver{&count}, {.max_size = 2}};
    auto held = pool.checkout();
    BOOST_TEST(in_child([&] {
        const auto before = pool.events().size();
        SAY(1, !pool.try_checkout() && !pool.try_checkout(1h));
        SAY(2, pool.stats().failed_with(dewpond::Code::forked) == 0 && pool.stats().failed_with(dewpond::Code::none_idle) == 0);
        held.report(dewpond::Fault::wrong_role);
        pool.renew();
        pool.resize(1);
        SAY(3, pool.events().size() == before);
        return 0;
    }) == 0);
}

BOOST_AUTO_TEST_CASE(a_checkout_that_forks_in_the_drivers_hands_is_refused_in_the_child) {
    struct Forks {
        using resource = Kettle;
        pid_t* child;
        resource open() {
            *child = ::fork();
            if (*child == 0) ::alarm(10);
            throw dewpond::OpenError{dewpond::Fault::unreachable};
        }
        void close(resource&) noexcept {}
    };
    pid_t child = -1;
    dewpond::Pool pool{Forks{&child}, {.max_size = 1, .outage_grace = 0s}};
    const auto answer = pool.try_checkout(1h);
    if (child == 0) ::_exit(!answer && answer.error().code() == dewpond::Code::forked ? 0 : 1);
    int status = -1;
    ::waitpid(child, &status, 0);
    BOOST_TEST(status == 0);
    BOOST_CHECK(!answer && answer.error().code() != dewpond::Code::forked);
}

BOOST_AUTO_TEST_CASE(forked_at_any_moment_the_child_never_hangs) {
    Count count;
    dewpond::Pool<Driver, dewpond::Lifetime> pool{Driver{&count}, {.max_size = 3}};
    auto held = pool.checkout();
    std::atomic<bool> done{false};
    std::vector<std::thread> crowd;
    for (int k = 0; k < 4; ++k) {
        crowd.emplace_back([&] {
            while (!done) {
                if (auto lease = pool.try_checkout(1ms); lease && count.opened % 7 == 0) lease->discard();
            }
        });
    }
    int bad = 0;
    for (int k = 0; k < 100; ++k) {
        bad += in_child([&] {
            SAY(1, pool.try_checkout(1h).error().code() == dewpond::Code::forked);
            pool.maintain();
            pool.resize(1);
            pool.renew();
            held.report(dewpond::Fault::wrong_role);
            static_cast<void>(held.detach());
            SAY(2, pool.inspect().empty());
            pool.close(1h);
            return 0;
        }) == 0 ? 0 : 1;
    }
    done = true;
    for (auto& t : crowd) t.join();
    BOOST_TEST(bad == 0);
}

// ---- cells ----

namespace {

/// A cell opens after 64 returns of its thread.
template <class Pool>
void use(Pool& pool) {
    for (int i = 0; i < 200; ++i) auto lease = pool.checkout(1h);
}
/// A thread that keeps one, and stays until it is told to go.
template <class Pool>
struct Keeper {
    std::latch keeps{1}, may_go{1};
    std::thread thread;
    explicit Keeper(Pool& pool)
        : thread{[this, &pool] {
              use(pool);
              keeps.count_down();
              may_go.wait();
          }} {
        keeps.wait();
    }
    Keeper(const Keeper&) = delete;
    ~Keeper() {
        may_go.count_down();
        thread.join();
    }
};
using Cells = dewpond::Pool<Driver, dewpond::ThreadCells>;

}  // namespace

BOOST_AUTO_TEST_CASE(in_the_child_nothing_is_kept_and_what_was_kept_is_forgotten) {
    // By the thread that forks, by another one, by both; or that one holds its own, with its cell open and empty.
    for (const auto& [mine, anothers, out] : {std::array{true, false, false}, {false, true, false}, {true, true, false}, {true, true, true}, {false, true, true}}) {
        BOOST_TEST_CONTEXT("kept by this thread: " << mine << ", by another: " << anothers << ", lent: " << out) {
            Driver::soiled = false;
            Count count;
            Cells pool{Driver{&count}, {.max_size = 3}};
            std::optional<Keeper<Cells>> other;
            Cells::Lease lease;
            if (mine) {
                lease = pool.checkout();
                if (anothers) other.emplace(pool);
                lease = {};
                for (int i = 0; i < 200; ++i) {
                    lease = pool.checkout();
                    lease = {};
                }
            } else if (anothers) {
                other.emplace(pool);
            }
            if (out) lease = pool.checkout();
            const int all = count.opened;
            const int status = in_child([&] {
                for (int i = 0; i < 200; ++i) SAY(1, pool.try_checkout().error().code() == dewpond::Code::forked);
                SAY(2, pool.try_checkout(1h).error().code() == dewpond::Code::forked);
                pool.maintain();
                pool.resize(1);
                SAY(3, pool.inspect().empty());
                static_cast<void>(pool.stats());
                lease = {};
                SAY(4, count.abandoned == (out ? 1 : 0));
                SAY(5, pool.close(1h) == 0 && count.abandoned == all);
                SAY(6, count.closed == 0 && count.reset == 0);
                SAY(7, pool.try_checkout().error().code() == dewpond::Code::forked);
                return 0;
            });
            BOOST_TEST(status == 0);
            BOOST_TEST(count.abandoned == 0);
            lease = {};
            BOOST_TEST(pool.stats().idle == static_cast<std::uint32_t>(all));
            use(pool);  // the parent's goes on as before
            BOOST_TEST(pool.stats().idle == static_cast<std::uint32_t>(all));
            BOOST_TEST(count.opened == all);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_childs_thread_may_end_and_have_other_pools_with_cells) {
    Driver::soiled = false;
    Count count;
    auto pool = std::make_unique<Cells>(Driver{&count}, dewpond::Options{.max_size = 2});
    auto gone = std::make_unique<Cells>(Driver{&count}, dewpond::Options{.max_size = 2});
    use(*pool);
    use(*gone);
    gone.reset();  // this thread has a cell of it still
    count.closed = 0;
    BOOST_TEST(in_child([&] {
        Count mine;
        {
            Cells own{Driver{&mine}, {.max_size = 2}}, another{Driver{&mine}, {.max_size = 2}};
            use(own);
            use(another);
            std::thread{[&] { use(own); }}.join();  // ends, and leaves
            SAY(1, own.stats().idle == own.stats().size);
            SAY(2, in_child([&] { return own.try_checkout().error().code() == dewpond::Code::forked ? 0 : 1; }) == 0);
            use(own);
        }
        SAY(3, mine.closed == mine.opened);
        pool.reset();
        SAY(4, count.closed == 0 && count.abandoned == 1);
        Cells last{Driver{&mine}, {.max_size = 2}};
        use(last);
        SAY(5, last.stats().idle == 1);
        return 0;
    }) == 0);
    use(*pool);
    BOOST_TEST(pool->stats().idle == 1u);
}

BOOST_AUTO_TEST_CASE(forked_at_any_moment_beside_threads_with_cells_the_child_never_hangs) {
    Driver::soiled = false;
    Count count;
    dewpond::Pool<Driver, dewpond::ThreadCells, dewpond::Lifetime> pool{Driver{&count}, {.max_size = 3}};
    auto held = pool.checkout();
    std::atomic<bool> done{false};
    std::vector<std::thread> crowd;
    for (int k = 0; k < 3; ++k) {
        crowd.emplace_back([&] {
            while (!done) {
                if (auto lease = pool.try_checkout(1ms); lease && count.opened % 7 == 0) lease->discard();
            }
        });
    }
    int bad = 0;
    for (int k = 0; k < 100; ++k) {
        for (int i = 0; i < k; ++i) {
            if (auto lease = pool.try_checkout(1ms)) continue;
        }
        bad += in_child([&] {
            SAY(1, pool.try_checkout(1h).error().code() == dewpond::Code::forked);
            SAY(2, !pool.try_checkout());
            pool.maintain();
            held = {};
            SAY(3, pool.inspect().empty());
            pool.close(1h);
            SAY(4, count.abandoned >= 1 && count.abandoned <= 3);
            return 0;
        }) == 0 ? 0 : 1;
    }
    done = true;
    for (auto& t : crowd) t.join();
    BOOST_TEST(bad == 0);
    held = {};
    const auto s = pool.stats();
    BOOST_TEST(s.idle == s.size);
}

BOOST_AUTO_TEST_SUITE_END()
