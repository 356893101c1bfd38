// SPDX-License-Identifier: BSL-1.0
// What every file here goes on with after its mistake: it uses everything a pool has, and none of it may add an error.
#pragma once

#include <chrono>
#include <utility>

#include <dewpond/pool.hpp>

/// A driver without a mistake.
struct Sound {
    using resource = int;
    int open();
    void close(int&) noexcept;
};

template <class Pool>
void goes_on(Pool& pool) {
    using namespace std::chrono_literals;
    using Lease = typename Pool::Lease;
    Lease lease = pool.checkout();
    typename Pool::resource_type& resource = *lease;
    static_cast<void>(resource);
    static_cast<void>(lease.get_if());
    lease.report(dewpond::Fault::broken);
    static_cast<void>(lease.give_back());

    lease = pool.checkout(200ms);
    lease.discard();
    if (dewpond::Result<Lease> maybe = pool.try_checkout(1s)) static_cast<void>((*maybe).detach());
    else static_cast<void>(maybe.error().what());
    if (auto idle = pool.try_checkout()) lease = std::move(idle).value();

    typename Pool::Waiter waiter{[](typename Pool::Waiter&, dewpond::Result<Lease>) noexcept {}};
    pool.enqueue(waiter, 1s);
    static_cast<void>(pool.withdraw(waiter));
    if (!pool.wait_ready(1s)) pool.maintain();
    static_cast<void>(pool.stats());
    static_cast<void>(pool.inspect() + pool.describe() + pool.name());
    static_cast<void>(pool.close(dewpond::never));
}
