// SPDX-License-Identifier: BSL-1.0
// The moments at which a wake-up can be lost, each aimed at on purpose and with no traffic behind it that could come to
// the rescue: a return against an arrival, against a time-out, against a cancel, against a withdrawal; many returns at once;
// openings that fail. A lost wake-up hangs its round, and the watchdog ends it.
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/pool.hpp>
#include <stress/mix.hpp>
#include <stress/support.hpp>

using namespace std::chrono_literals;
using stress::Clock;
using stress::far_off;
using stress::PlainDriver;
using stress::Random;
using stress::relaxed;
using stress::StartingLine;
using stress::Watchdog;
using stress::World;

namespace {

using Adaptive = dewpond::Pool<PlainDriver>;
using Strict = dewpond::Pool<PlainDriver, dewpond::StrictFifo>;

dewpond::Options sized(std::uint32_t slots) {
    dewpond::Options o;
    o.max_size = slots;
    o.backoff_min = 1us;
    o.backoff_max_waiting = 20us;
    o.backoff_max = 50us;
    o.outage_grace = dewpond::never;
    return o;
}

/// A pool and what is known of it, for one test.
template <class P>
struct Fixture {
    World world;
    P pool;
    std::atomic<std::uint64_t> served{0};
    stress::Complaints complaints;
    Watchdog dog;

    Fixture(const char* what, std::uint32_t slots, stress::Rates rates = {})
        : world{slots, rates}, pool{PlainDriver{world}, sized(slots)}, dog{what, [this] { return stress::to_text(pool.stats()); }} {}

    /// A checkout that must end well; counted and used.
    typename P::Lease take() { return accept(pool.try_checkout(far_off)); }
    typename P::Lease accept(dewpond::Result<typename P::Lease> r, std::optional<dewpond::Code> or_else = {}) {
        if (r) {
            served.fetch_add(1, relaxed);
            (**r).use(5);
            return std::move(*r);
        }
        if (r.error().code() != or_else) complaints.add(r.error().what());
        return {};
    }
    void wait_for_waiters(std::uint32_t n) {
        while (pool.stats().waiting != n) std::this_thread::yield();
    }
    /// Everybody has returned everything.
    void check(std::uint32_t expected_size) {
        const dewpond::Stats s = pool.stats();
        BOOST_TEST_CONTEXT(stress::to_text(s)) {
            BOOST_TEST(s.waiting == 0u);
            BOOST_TEST(s.in_use == 0u);
            BOOST_TEST(s.idle == s.size);
            BOOST_TEST(s.size == expected_size);
            BOOST_TEST(world.live.load() == s.size);
            BOOST_TEST(s.checkouts == served.load());
        }
        BOOST_TEST(world.overlaps.load() == 0u);
        BOOST_TEST(world.too_many.load() == 0u);
        BOOST_TEST(complaints.text() == "");
    }
};

/// One return against one arrival, over and over: whoever took returns next.
template <class P>
void a_return_meets_an_arrival(std::uint32_t rounds) {
    Fixture<P> f{"a return meets an arrival", 1};
    StartingLine line{2};
    const auto player = [&](std::uint32_t me) {
        Random random{me};
        typename P::Lease mine;
        for (std::uint32_t round = 1; round <= rounds; ++round) {
            if (round % 2 == me && round == 1) mine = f.take();
            line.wait(round);
            stress::pause(random.below(150));
            if (round % 2 == me) mine = {};
            else mine = f.take();
            f.dog.beat();
        }
    };
    {
        const std::jthread one{player, 0U}, two{player, 1U};
    }
    f.check(1);
    BOOST_TEST(f.pool.stats().checkouts == rounds + 1);
}

/// A few checkouts each, then rest; nothing orders the threads but the pool. `hasty`: one of them waits briefly only, so
/// that it alone may time out.
template <class P>
void short_rounds(std::uint32_t threads, std::uint32_t slots, std::uint32_t rounds, bool hasty) {
    Fixture<P> f{"short rounds", slots};
    StartingLine line{threads};
    const auto player = [&](std::uint32_t me) {
        Random random{me};
        for (std::uint32_t round = 1; round <= rounds; ++round) {
            line.wait(round);
            for (int op = 0; op < 2; ++op) {
                const typename P::Lease l = hasty && me == 0 ? f.accept(f.pool.try_checkout(std::chrono::nanoseconds{random.below(40'000)}), dewpond::Code::timed_out) : f.take();
                stress::pause(random.below(300));
            }
            f.dog.beat();
        }
    };
    {
        std::vector<std::jthread> all;
        for (std::uint32_t me = 0; me < threads; ++me) all.emplace_back(player, me);
    }
    BOOST_TEST(f.pool.stats().size <= slots);
    f.check(f.pool.stats().size);
}

/// So many waiters, and as many returns one right after the other: nobody else will ever wake them.
template <class P>
void as_many_returns_as_waiters(std::uint32_t waiters, std::uint32_t slots, std::uint32_t rounds) {
    Fixture<P> f{"as many returns as waiters", slots};
    std::atomic<std::uint32_t> go{0}, have{0}, home{0};
    std::vector<std::jthread> all;
    for (std::uint32_t me = 0; me < waiters; ++me) {
        all.emplace_back([&] {
            for (std::uint32_t round = 1; round <= rounds; ++round) {
                while (go.load(relaxed) < round) std::this_thread::yield();
                {
                    const typename P::Lease mine = f.take();
                    have.fetch_add(1, relaxed);
                    while (have.load(relaxed) < waiters * round) std::this_thread::yield();  // nobody is rescued by a return
                }
                home.fetch_add(1, relaxed);
            }
        });
    }
    Random random{slots};
    std::vector<typename P::Lease> leases(slots);
    for (std::uint32_t round = 1; round <= rounds; ++round) {
        for (auto& l : leases) {
            if (!l) l = f.take();
        }
        go.store(round, relaxed);
        f.wait_for_waiters(waiters);
        if (random.once_in(4)) std::this_thread::sleep_for(1100us);  // from now on they are handed over
        for (std::uint32_t n = 0, at = random.below(slots); n < waiters; at = (at + 61) % slots) {
            while (!leases[at]) at = (at + 1) % slots;
            leases[at] = {};
            ++n;
        }
        while (home.load(relaxed) < waiters * round) std::this_thread::yield();
        f.dog.beat();
    }
    all.clear();
    leases.clear();
    f.check(slots);
}

/// How the first of two waiters leaves while the only slot comes back. The second has to get it.
enum class Exit { late, cancelled, withdrawn };

template <class P>
void a_return_meets_one_who_leaves(Exit how, std::uint32_t rounds) {
    Fixture<P> f{"a return meets one who leaves", 1};
    std::uint32_t left = 0, stayed = 0;
    std::atomic<std::uint32_t> round_of_first{0}, round_of_second{0}, first_home{0}, second_home{0};
    std::atomic<std::int64_t> deadline{0};
    std::vector<std::stop_source> stops(how == Exit::cancelled ? rounds + 1 : 0);
    std::vector<char> got(rounds + 1, 0);

    std::jthread first{[&] {
        for (std::uint32_t round = 1; round <= rounds; ++round) {
            while (round_of_first.load(relaxed) < round) std::this_thread::yield();
            if (how == Exit::late) {
                const auto until = Clock::now() + 250us;
                deadline.store(until.time_since_epoch().count(), relaxed);
                got[round] = f.accept(f.pool.try_checkout(until), dewpond::Code::timed_out) ? 1 : 0;
            } else if (how == Exit::cancelled) {
                got[round] = f.accept(f.pool.try_checkout(far_off, stops[round].get_token()), dewpond::Code::cancelled) ? 1 : 0;
            }
            first_home.store(round, relaxed);
        }
    }};
    std::jthread second{[&] {
        for (std::uint32_t round = 1; round <= rounds; ++round) {
            while (round_of_second.load(relaxed) < round) std::this_thread::yield();
            static_cast<void>(f.take());
            second_home.store(round, relaxed);
        }
    }};
    std::atomic<std::uint32_t> helper_may{0}, helper_on_its_way{0};
    std::atomic<stress::Call<P>*> to_withdraw{nullptr};
    std::atomic<std::uint32_t> helper_home{0};
    std::jthread helper{[&] {  // cancels, or withdraws
        Random random{3};
        for (std::uint32_t round = 1; round <= rounds && how != Exit::late; ++round) {
            while (helper_may.load(relaxed) < round) std::this_thread::yield();
            helper_on_its_way.store(round, relaxed);
            stress::pause(random.below(3'000));
            if (how == Exit::cancelled) stops[round].request_stop();
            else f.pool.withdraw(*to_withdraw.load(std::memory_order_acquire));
            helper_home.store(round, std::memory_order_release);  // the node may go
        }
    }};

    Random random{4};
    for (std::uint32_t round = 1; round <= rounds; ++round) {
        typename P::Lease lease = f.take();
        std::optional<stress::Call<P>> call;
        if (how == Exit::withdrawn) {
            call.emplace(false);
            f.pool.enqueue(*call, far_off);
            to_withdraw.store(&*call, std::memory_order_release);
        }
        round_of_first.store(round, relaxed);
        while (f.pool.stats().waiting == 0 && first_home.load(relaxed) < round) std::this_thread::yield();
        round_of_second.store(round, relaxed);
        while (f.pool.stats().waiting < 2 && (how == Exit::withdrawn || first_home.load(relaxed) < round)) std::this_thread::yield();
        auto aim = Clock::time_point{};
        if (how == Exit::late) {
            aim = Clock::time_point{Clock::duration{deadline.load(relaxed)}} + std::chrono::nanoseconds{random.below(200'000)} - 40us;
        } else {
            helper_may.store(round, relaxed);
            if (!random.once_in(4)) {  // on a busy machine the helper would come too late every time
                while (helper_on_its_way.load(relaxed) < round) std::this_thread::yield();
            }
            if (random.once_in(2)) aim = Clock::now() + std::chrono::nanoseconds{random.below(100'000)};
            else stress::pause(random.below(3'000));
        }
        while (Clock::now() < aim) {
        }
        lease = {};  // nobody returns anything after this but those two
        while (second_home.load(relaxed) < round || first_home.load(relaxed) < round || (how != Exit::late && helper_home.load(std::memory_order_acquire) < round)) {
            std::this_thread::yield();
        }
        if (call) {
            BOOST_TEST_REQUIRE(stress::soon([&] { return call->times() == 1; }));
            if (call->got) f.served.fetch_add(1, relaxed);
            ++(call->got ? stayed : left);
        }
        f.dog.beat();
    }
    first.join();
    for (std::uint32_t round = 1; round <= rounds && how != Exit::withdrawn; ++round) ++(got[round] != 0 ? stayed : left);
    BOOST_TEST_MESSAGE("left " << left << ", got it all the same " << stayed);
    BOOST_TEST(left + stayed == rounds);
    f.check(1);
}

/// Nothing is ever returned, all is opened anew, and every other opening fails: each failure and each vacancy has to wake
/// the next, and the duty to try again passes from one head of the queue to the next.
template <class P>
void openings_fail(std::uint32_t threads, std::uint32_t slots, std::uint32_t rounds) {
    Fixture<P> f{"openings fail", slots, {.open_fails = 2}};
    StartingLine line{threads};
    const auto player = [&](std::uint32_t me) {
        Random random{me};
        for (std::uint32_t round = 1; round <= rounds; ++round) {
            line.wait(round);
            for (int op = 0; op < 2; ++op) {
                if (me == 0) {  // gives up while others go on
                    auto r = f.pool.try_checkout(std::chrono::nanoseconds{random.below(40'000)});
                    if (!r && r.error().code() != dewpond::Code::timed_out && r.error().code() != dewpond::Code::open_failed) f.complaints.add(r.error().what());
                    if (r) f.served.fetch_add(1, relaxed), r->discard();
                } else {
                    f.take().discard();
                }
            }
            f.dog.beat();
        }
    };
    {
        std::vector<std::jthread> all;
        for (std::uint32_t me = 0; me < threads; ++me) all.emplace_back(player, me);
    }
    f.check(0);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hand_off, *boost::unit_test::timeout(600))

BOOST_AUTO_TEST_CASE(a_return_meets_an_arrival_adaptive) { a_return_meets_an_arrival<Adaptive>(stress::rounds(100'000)); }
BOOST_AUTO_TEST_CASE(a_return_meets_an_arrival_strict) { a_return_meets_an_arrival<Strict>(stress::rounds(30'000)); }

BOOST_AUTO_TEST_CASE(two_checkouts_each_then_rest) {
    for (const std::uint32_t slots : {1U, 2U}) {
        for (const bool hasty : {false, true}) {
            BOOST_TEST_CONTEXT(slots << " slots" << (hasty ? ", one may be late" : "")) {
                short_rounds<Adaptive>(3, slots, stress::rounds(20'000), hasty);
                short_rounds<Strict>(3, slots, stress::rounds(8'000), hasty);
            }
        }
    }
    short_rounds<Adaptive>(2, 1, stress::rounds(20'000), true);
}

BOOST_AUTO_TEST_CASE(as_many_returns_as_waiters_adaptive) {
    for (const auto& [waiters, slots] : {std::pair{2U, 2U}, {3U, 3U}, {3U, 5U}, {6U, 6U}, {3U, 63U}, {3U, 130U}}) {
        BOOST_TEST_CONTEXT(waiters << " of " << slots) { as_many_returns_as_waiters<Adaptive>(waiters, slots, stress::rounds(1'200)); }
    }
}
BOOST_AUTO_TEST_CASE(as_many_returns_as_waiters_strict) {
    for (const auto& [waiters, slots] : {std::pair{2U, 2U}, {6U, 6U}, {3U, 63U}}) {
        BOOST_TEST_CONTEXT(waiters << " of " << slots) { as_many_returns_as_waiters<Strict>(waiters, slots, stress::rounds(800)); }
    }
}

BOOST_AUTO_TEST_CASE(a_return_meets_one_who_is_late) {
    a_return_meets_one_who_leaves<Adaptive>(Exit::late, stress::rounds(5'000));
    a_return_meets_one_who_leaves<Strict>(Exit::late, stress::rounds(2'000));
}
BOOST_AUTO_TEST_CASE(a_return_meets_one_who_is_cancelled) {
    a_return_meets_one_who_leaves<Adaptive>(Exit::cancelled, stress::rounds(5'000));
    a_return_meets_one_who_leaves<Strict>(Exit::cancelled, stress::rounds(2'000));
}
BOOST_AUTO_TEST_CASE(a_return_meets_one_who_is_withdrawn) {
    a_return_meets_one_who_leaves<Adaptive>(Exit::withdrawn, stress::rounds(5'000));
    a_return_meets_one_who_leaves<Strict>(Exit::withdrawn, stress::rounds(2'000));
}

BOOST_AUTO_TEST_CASE(every_other_opening_fails) {
    openings_fail<Adaptive>(3, 1, stress::rounds(4'000));
    openings_fail<Adaptive>(4, 2, stress::rounds(3'000));
    openings_fail<Strict>(3, 1, stress::rounds(2'000));
}

BOOST_AUTO_TEST_SUITE_END()
