// SPDX-License-Identifier: BSL-1.0
// A plugin that uses much of a pool: all ways of taking, a refusal with its text, a keeper's thread, the figures and
// what makes them public.
#include <chrono>
#include <utility>

#include <dewpond/export/exports.hpp>
#include <dewpond/export/http.hpp>
#include <dewpond/pool.hpp>

namespace {

using namespace dewpond;
using namespace std::chrono_literals;

struct Numbers {
    using resource = int;
    int last = 0;
    int open() {
        if (last == 2) throw OpenError{Fault::full, "two are enough"};
        return ++last;
    }
    void close(int&) noexcept {}
    std::string label(int& r) { return "number " + std::string(1, static_cast<char>(48 + r % 10)); }
};
using NumberPool = Pool<Numbers, Lifetime>;

bool served = false;

bool works() {
    int events = 0;
    NumberPool pool{Numbers{}, {.max_size = 3, .on_event = [&events](const Event&) noexcept { ++events; }}};
    Exports exports;
    const Exported shown = exports.add(pool);
    auto first = pool.checkout();
    auto second = pool.try_checkout(1s).value();
    const auto refused = pool.try_checkout(10ms);  // the third cannot be opened
    if (refused || refused.error().what()[0] == '\0' || pool.try_checkout()) return false;
    try {
        static_cast<void>(pool.checkout(1ms));
        return false;
    } catch (const PoolError&) {
    }
    NumberPool::Waiter waiter{[](NumberPool::Waiter&, Result<NumberPool::Lease> lease) noexcept { served = lease.has_value(); }};
    pool.enqueue(waiter, 5s);
    first.give_back();
    if (!served && pool.withdraw(waiter)) return false;
    const Stats stats = pool.stats();
    if (answer("/health?pool=1&events=1", exports).status != 200 || answer("/metrics", exports).body.empty()) return false;
    return stats.checkouts >= 3 && events > 0 && !pool.inspect().empty() && !pool.describe().empty() && *second == 2 && pool.close(0ms) == 1;
}

}  // namespace

extern "C" int plugin_run() { return works() ? 0 : 1; }
