// SPDX-License-Identifier: BSL-1.0
// A mixture of everything that can be done with a pool, by several threads, in rounds: after each round everybody rests
// and the books must be exact. Traffic hides a lost wake-up, since the next return rescues the sleeper: rest does not.
#pragma once

#include <barrier>
#include <memory>
#include <optional>
#include <sstream>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/pool.hpp>
#include <stress/support.hpp>

namespace stress {

/// A waiter without a thread: takes what it is served and says so once.
template <class P>
class Call : public P::Waiter {
public:
    explicit Call(bool keep) : P::Waiter{&Call::served}, keep_{keep} {}
    [[nodiscard]] std::uint32_t times() const { return times_.load(std::memory_order_acquire); }
    // To be looked at once it was served:
    typename P::Lease lease{};
    bool got = false;
    std::optional<dewpond::Code> code;

private:
    static void served(typename P::Waiter& w, dewpond::Result<typename P::Lease> r) noexcept {
        auto& self = static_cast<Call&>(w);
        self.got = r.has_value();
        if (r) {
            (**r).use(5);
            if (self.keep_) self.lease = std::move(*r);
        } else {
            self.code = r.error().code();
        }
        r = dewpond::PoolError{dewpond::Code::closed};  // returned in here, if it was not kept
        self.times_.fetch_add(1, std::memory_order_release);  // its owner may free it from now on
    }
    bool keep_;
    std::atomic<std::uint32_t> times_{0};
};

struct Scene {
    std::uint32_t threads = 2, slots = 1;
    std::uint64_t seed = 1;
    std::chrono::milliseconds time{200};
    Rates rates{};
    bool keeper = true;
};
inline std::string to_text(const Scene& s) {
    std::ostringstream out;
    out << s.threads << " threads, " << s.slots << " slots, seed " << s.seed;
    return out.str();
}

/// Everything, by everybody. `Make` builds a pool from a driver's world and options.
template <class P, class Make>
class Mix {
    using Lease = typename P::Lease;

public:
    Mix(const Scene& scene, Make make) : scene_{scene}, world_{scene.slots, scene.rates}, pool_{make(world_, options(scene))} {}

    /// Runs for the scene's time; checks by Boost.Test on the calling thread.
    void run() {
        // Many slots and few threads meet nobody: most slots are held back, the lowest ones at first.
        const std::uint32_t reserve = scene_.slots > 3 ? scene_.slots - 3 : 0;
        for (std::uint32_t i = 0; i < reserve; ++i) reserved_.push_back(taken_for_sure());
        stops_.resize(scene_.threads);
        std::barrier<> gather{static_cast<std::ptrdiff_t>(scene_.threads) + 1};
        std::atomic<bool> over{false};
        std::vector<std::uint64_t> served(scene_.threads, 0);
        Watchdog dog{to_text(scene_), [this] { return to_text(pool_->stats()) + "; live " + std::to_string(world_.live.load(relaxed)); }};
        std::uint32_t rounds = 0;
        {
            std::vector<std::jthread> threads;
            for (std::uint32_t me = 0; me < scene_.threads; ++me) {
                threads.emplace_back([&, me] {
                    Random random{scene_.seed * 100 + me};
                    for (;;) {
                        gather.arrive_and_wait();
                        if (over.load(relaxed)) return;
                        served[me] += one_round(me, random);
                        done_.fetch_add(1, relaxed);
                        gather.arrive_and_wait();
                    }
                });
            }
            Random random{scene_.seed};
            for (const auto end = Clock::now() + span(scene_.time); Clock::now() < end && fit_; ++rounds) {
                for (std::stop_source& s : stops_) s = std::stop_source{};
                done_.store(0, relaxed);
                gather.arrive_and_wait();
                audit();  // while they run
                while (!scene_.keeper && done_.load(relaxed) < scene_.threads) {  // somebody has to be the keeper
                    pool_->maintain();
                    std::this_thread::yield();
                }
                gather.arrive_and_wait();
                dog.beat();
                std::uint64_t all = served_reserved_ + async_served_.load(relaxed);
                for (const std::uint64_t n : served) all += n;
                rest(all, rounds);
                if (!reserved_.empty() && random.once_in(2)) {
                    Lease& any = reserved_[random.below(static_cast<std::uint32_t>(reserved_.size()))];
                    any = Lease{};
                    any = taken_for_sure();
                }
            }
            over.store(true, relaxed);
            gather.arrive_and_wait();
        }
        BOOST_TEST_MESSAGE(to_text(scene_) << ": " << rounds << " rounds, " << pool_->stats().checkouts << " checkouts, " << world_.opened.load() << " opened");
        reserved_.clear();
        box_.clear();
        pool_.reset();
        BOOST_TEST(soon([&] { return world_.live.load(relaxed) == 0; }));
        BOOST_TEST(world_.overlaps.load() == 0u);
        BOOST_TEST(world_.too_many.load() == 0u);
        BOOST_TEST(complaints_.text() == "");
    }

private:
    static dewpond::Options options(const Scene& s) {
        dewpond::Options o;
        o.name = "stress";
        o.max_size = s.slots;
        o.opens_at_once = 2;
        o.backoff_min = 1us;
        o.backoff_max_waiting = 20us;
        o.backoff_max = 50us;
        o.outage_grace = dewpond::never;
        o.keeper_thread = s.keeper;
        return o;
    }

    /// A failed opening of a misconfigured server refuses whoever waits; everything else is waited out.
    bool may_fail(dewpond::Code c) const { return c == dewpond::Code::open_failed && scene_.rates.misconfigured != 0; }
    Lease taken_for_sure() {
        for (;;) {
            if (auto r = pool_->try_checkout(far_off)) {
                ++served_reserved_;
                return std::move(*r);
            } else if (!may_fail(r.error().code())) {
                complaints_.add(r.error().what());
                return {};
            }
        }
    }
    /// A checkout with all the time in the world; empty only where opening may fail for good.
    Lease patient(std::uint64_t& served) {
        empty_box();
        auto r = pool_->try_checkout(far_off);
        return accept(std::move(r), served, false);
    }
    Lease accept(dewpond::Result<Lease> r, std::uint64_t& served, bool may_time_out, bool may_cancel = false) {
        if (r) {
            ++served;
            (**r).use(my_random().below(30));
            if (my_random().once_in(scene_.rates.comes_back_dirty)) (**r).dirty = true;
            return std::move(*r);
        }
        const dewpond::Code c = r.error().code();
        const bool expected = may_fail(c) || (may_time_out && (c == dewpond::Code::timed_out || c == dewpond::Code::open_failed || c == dewpond::Code::none_idle)) ||
                              (may_cancel && c == dewpond::Code::cancelled);
        if (!expected) complaints_.add(r.error().what());
        return {};
    }
    void empty_box() {
        std::vector<Lease> mine;
        {
            const std::lock_guard lock{box_mutex_};
            mine.swap(box_);
        }
    }

    std::uint64_t one_round(std::uint32_t me, Random& random) {
        std::uint64_t served = 0;
        for (std::uint32_t op = 0; op < 16; ++op) {
            switch (random.below(20)) {
                default: {
                    const Lease l = patient(served);
                    pause(random.below(200));
                    break;
                }
                case 0: {
                    const Lease l = accept(pool_->try_checkout(), served, true);
                    break;
                }
                case 1:
                case 2: {
                    const Lease l = accept(pool_->try_checkout(std::chrono::nanoseconds{random.below(30'000)}), served, true);
                    break;
                }
                case 3: patient(served).discard(); break;
                case 4: {
                    Lease l = patient(served);
                    l.report(dewpond::Fault::broken);
                    break;
                }
                case 5:
                    if (Lease l = patient(served)) {
                        world_.detached.fetch_add(1, relaxed);
                        world_.live.fetch_sub(1, relaxed);  // before it is gone: the next may be open right after
                        Thing mine = l.detach();
                        mine.use(3);
                    }
                    break;
                case 6: {
                    empty_box();
                    const Lease l = accept(pool_->try_checkout(far_off, stops_[me].get_token()), served, false, true);
                    break;
                }
                case 7: stops_[random.below(scene_.threads)].request_stop(); break;
                case 8: call(random, 30min, random.once_in(2)); break;
                case 9: call(random, std::chrono::nanoseconds{random.below(50'000)}, random.once_in(3)); break;
                case 10:
                    if (Lease l = patient(served)) {
                        const std::lock_guard lock{box_mutex_};
                        box_.push_back(std::move(l));
                    }
                    break;
                case 11: {
                    const Lease first = patient(served);
                    const Lease second = accept(pool_->try_checkout(), served, true);
                    break;
                }
                case 12:
                    static_cast<void>(patient(served).give_back());
                    break;
                case 13:
                    if (!scene_.keeper || random.once_in(4)) pool_->maintain();
                    break;
            }
        }
        empty_box();
        return served;
    }

    /// One waiter without a thread, perhaps withdrawn; served exactly once whatever happens.
    void call(Random& random, dewpond::Limit limit, bool withdraw) {
        empty_box();
        Call<P> c{random.once_in(2)};
        pool_->enqueue(c, limit);
        pause(random.below(300));
        if (withdraw && c.times() == 0 && pool_->withdraw(c) && c.times() != 1) complaints_.add("withdrawn, but not served at once");
        if (!soon([&] {
                if (!scene_.keeper) pool_->maintain();
                empty_box();
                return c.times() != 0;
            })) {
            complaints_.add("a callback was never served: " + to_text(pool_->stats()));
            std::fprintf(stderr, "%s\n", complaints_.text().c_str());
            std::_Exit(EXIT_FAILURE);  // its node must not go
        }
        if (c.got) async_served_.fetch_add(1, relaxed);
        c.lease = Lease{};
        if (c.times() != 1) complaints_.add("a callback was served twice");
        if (c.code && *c.code != dewpond::Code::cancelled && *c.code != dewpond::Code::timed_out && *c.code != dewpond::Code::open_failed) {
            complaints_.add(std::string{"a callback was refused: "} + to_string(*c.code));
        }
    }

    /// Stats are conserving and their counters only grow, whatever goes on.
    void audit() {
        for (int look = 0; look < 20; ++look) {
            const dewpond::Stats s = pool_->stats();
            if (s.idle + s.in_use + s.opening + s.retiring != s.size || s.size > s.max_size || s.max_size != scene_.slots) {
                complaints_.add("not conserving: " + to_text(s));
            }
            if (s.opened < last_.opened || s.open_failures < last_.open_failures || s.waited < last_.waited || s.checkouts < last_.checkouts) {
                complaints_.add("a counter fell: " + to_text(s));
            }
            last_ = s;
        }
        if (my_random().once_in(8)) static_cast<void>(pool_->inspect());
    }

    /// Everybody has returned everything: the books are exact, as soon as the crew is done.
    void rest(std::uint64_t served, std::uint32_t round) {
        dewpond::Stats s;
        const auto exact = [&] {
            s = pool_->stats();
            std::uint64_t closed = 0;
            for (const std::uint64_t n : s.closed_by) closed += n;
            const auto opened = static_cast<std::uint64_t>(world_.opened.load(relaxed)), gone = static_cast<std::uint64_t>(world_.closed.load(relaxed)),
                       detached = static_cast<std::uint64_t>(world_.detached.load(relaxed)), live = static_cast<std::uint64_t>(world_.live.load(relaxed));
            return s.waiting == 0 && s.opening == 0 && s.retiring == 0 && s.in_use == reserved_.size() && s.idle + reserved_.size() == s.size && live == s.size &&
                   s.checkouts == served && s.opened == opened && closed == gone && opened == gone + detached + live &&
                   s.open_failures == static_cast<std::uint64_t>(world_.failed.load(relaxed));
        };
        fit_ = soon([&] {
            if (!scene_.keeper) pool_->maintain();
            return exact();
        });
        BOOST_TEST_CONTEXT("round " << round << " at rest: " << to_text(s) << "; served " << served << ", live " << world_.live.load() << ", opened " << world_.opened.load()
                                    << ", closed " << world_.closed.load() << ", detached " << world_.detached.load() << ", held back " << reserved_.size()) {
            BOOST_TEST(fit_);
        }
        if (!fit_) return;
        // Nobody waits: what is idle can be taken at once, and its return is a plain one again.
        if (s.idle != 0 && scene_.rates.check_fails == 0) {
            ++served_reserved_;
            if (!pool_->try_checkout()) {
                --served_reserved_;
                // The keeper may have it in hand for a moment.
                if (!soon([&] { return served_reserved_ += pool_->try_checkout().has_value() ? 1 : 0, pool_->stats().checkouts == served + 1 || pool_->stats().size == reserved_.size(); })) {
                    complaints_.add("idle, but not to be had: " + to_text(pool_->stats()));
                }
            }
        }
    }

    Scene scene_;
    World world_;
    std::unique_ptr<P> pool_;
    std::vector<Lease> reserved_;
    std::uint64_t served_reserved_ = 0;
    std::atomic<std::uint64_t> async_served_{0};
    std::atomic<std::uint32_t> done_{0};
    std::vector<std::stop_source> stops_;
    std::mutex box_mutex_;
    std::vector<Lease> box_;  ///< leases to be returned by whoever comes by
    Complaints complaints_;
    dewpond::Stats last_{};
    bool fit_ = true;
};

/// Every number of threads with every number of slots.
template <class P, class Make>
void over_the_matrix(Rates rates, bool keeper, std::chrono::milliseconds each, Make make) {
    std::uint64_t seed = 1;
    for (const std::uint32_t threads : {1U, 2U, 3U, 8U}) {
        for (const std::uint32_t slots : {1U, 2U, 3U, 62U, 63U, 130U}) {
            const Scene scene{.threads = threads, .slots = slots, .seed = seed++, .time = each, .rates = rates, .keeper = keeper};
            BOOST_TEST_CONTEXT(to_text(scene)) { Mix<P, Make>{scene, make}.run(); }
        }
    }
}

}  // namespace stress
