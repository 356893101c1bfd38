// SPDX-License-Identifier: BSL-1.0
// The two sides of the comparison: how the same application code takes a connection from either pool.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

#include "naive_pool.hpp"
#include <dewpond/health.hpp>
#include <dewpond/libpq.hpp>
#include <dewpond/pool.hpp>

namespace incident {

/// Who asks. Naming the place costs dewpond nothing; the naive pool has no use for it.
enum class Caller { request, fire_and_forget, consumer };
namespace place {
inline constexpr dewpond::PlaceName request{"request handler"}, writer{"fire-and-forget writer"},
    consumer{"background consumer"}, monitor{"monitor"};
inline const dewpond::PlaceName& of(Caller who) {
    return who == Caller::request ? request : who == Caller::fire_and_forget ? writer : consumer;
}
}  // namespace place

/// What a pool tells about itself, as far as anybody can see it.
struct Sign {
    bool trouble = false;  ///< somebody waits
    std::string words{};
};

/// Who holds how many slots.
struct Held {
    std::size_t slots = 0;
    std::string words{};
};

struct NaiveSide {
    NaivePool pool;
    Faults faults;

    NaiveSide(const std::string& conninfo, std::size_t size, Limits limits, Faults f)
        : pool{dewpond::PqDriver{conninfo, {.application_name = "incident"}}, size, limits, f}, faults{f} {}

    /// What application code looked like: get, work, close. Written in a hurry, it does not reach close() when the
    /// work throws; the two switches say where that was so.
    template <class Got, class Work>
    void use(Caller who, Got got, Work work) {
        NaivePool::Connection& c = pool.get();
        got();
        try {
            work(*c.session);
        } catch (...) {
            const bool leaks = who == Caller::request ? faults.throwing_handler_leaks : faults.throwing_thread_leaks;
            if (!leaks) pool.close(c);
            throw;
        }
        pool.close(c);
    }
    /// The consumer: one connection for all its life, or one for each batch.
    template <class Asks, class Got, class Work, class Goes>
    void consume(Asks asks, Got got, Work work, Goes goes_on) {
        if (!faults.consumer_keeps_connection) {
            while (goes_on()) {
                asks();
                use(Caller::consumer, got, work);
            }
            return;
        }
        asks();
        NaivePool::Connection& c = pool.get();
        got();
        while (goes_on()) work(*c.session);
    }

    [[nodiscard]] Sign sign() {
        if (faults.blind) return {};
        const std::size_t waiting = pool.waiting();
        return {waiting != 0, std::to_string(waiting) + " waiting"};
    }
    [[nodiscard]] Held who_holds() { return {}; }
    [[nodiscard]] std::string inspect() { return {}; }
    [[nodiscard]] std::size_t away() { return pool.size() - pool.idle(); }
    [[nodiscard]] std::size_t opened() { return pool.opened(); }
    [[nodiscard]] std::size_t rolled_back() { return 0; }
};

struct DewpondSide {
    using Db = dewpond::Pool<dewpond::PqDriver, dewpond::Lifetime>;
    Db pool;

    DewpondSide(const std::string& conninfo, std::size_t size, Limits limits)
        : pool{dewpond::PqDriver{conninfo, {.application_name = "incident"}},
               dewpond::Options{.name = "incident", .max_size = size, .checkout_timeout = limits.wait, .on_event = {}},
               dewpond::Lifetime{.max_idle = limits.idle, .max_lifetime = limits.lifetime}} {}

    /// The same code: there is no close() to reach.
    template <class Got, class Work>
    void use(Caller who, Got got, Work work) {
        auto lease = take(who);
        got();
        work(*lease);
    }
    /// The consumer forgets to return here as well: it keeps its lease.
    template <class Asks, class Got, class Work, class Goes>
    void consume(Asks asks, Got got, Work work, Goes goes_on) {
        asks();
        auto lease = take(Caller::consumer);
        got();
        while (goes_on()) work(*lease);
    }

    [[nodiscard]] Sign sign() {
        const auto h = dewpond::health(pool.stats(), dewpond::HealthRules::alarm());
        return {h.status == dewpond::HealthStatus::fail && h.cause != dewpond::HealthCause::not_ready, h.sentence};
    }
    /// Asks like anybody else, but without patience: the error says who holds the slots. Nothing while one was to be
    /// had.
    [[nodiscard]] Held who_holds() {
        const auto lease = pool.try_checkout(std::chrono::milliseconds{1}, place::monitor);
        if (lease) return {};
        Held held{0, lease.error().what()};
        for (const dewpond::HeldPlace& h : lease.error().holders()) held.slots += h.count;
        return held;
    }
    [[nodiscard]] std::string inspect() { return pool.inspect(); }
    [[nodiscard]] std::size_t away() {
        const dewpond::Stats s = pool.stats();
        return s.in_use + s.retiring;
    }
    [[nodiscard]] std::size_t opened() { return static_cast<std::size_t>(pool.stats().opened); }
    [[nodiscard]] std::size_t rolled_back() { return static_cast<std::size_t>(pool.stats().dirty_returns); }

private:
    Db::Lease take(Caller who) {
        auto lease = pool.try_checkout(pool.stats().checkout_timeout, place::of(who));
        if (!lease) throw NoConnection{lease.error().what()};
        return std::move(*lease);
    }
};

}  // namespace incident
