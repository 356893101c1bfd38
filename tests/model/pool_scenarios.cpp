// Scenarios of the whole pool: the real `Pool` with a driver that may fail at every call, its crew on fibers.
#include "model/catalogue.hpp"

#include <memory>
#include <optional>

#include <fcntl.h>

#include <dewpond/pool.hpp>

#include "model/basin.hpp"

namespace model {
namespace {

using namespace dewpond;
using namespace std::chrono_literals;
using dewpond::detail::nil;

unsigned exist = 0;  // resources, of the run
unsigned abandoned = 0;
bool calm = false;   // the driver does not fail

[[nodiscard]] bool fails() noexcept { return !calm && Engine::it().faulty(); }

/// What the driver's calls are made on: one at a time, and never after its end.
struct Water {
    Var<unsigned> level{0};
    unsigned inside = 0;
    unsigned interrupts = 0;
    unsigned lent = 0;
    bool dirty = false;
    Tombstone life;
};

/// Every ability, and any of them may say no.
class Driver {
public:
    using resource = Water*;

    Result<resource, OpenError> open(Deadline) {
        outside_locks();
        Engine::it().point();
        if (fails()) return OpenError{Fault::unreachable};
        require(++exist <= most, "more resources exist than may");
        return new Water;
    }
    void close(resource& w) noexcept {
        {
            const Call call{*w};
            require(w->interrupts == 0, "closed while it is being interrupted");
        }
        delete w;
        w = nullptr;
        --exist;
    }
    bool status_ok(resource& w) noexcept { return calls(w) && !fails(); }
    bool dirty(resource& w) noexcept { return calls(w) && w->dirty; }
    ResetResult reset(resource& w, Deadline) noexcept {
        const Call call{*w};
        if (fails()) return ResetResult::broken;
        if (!calm && Engine::it().choose(Kind::data, 2) != 0 && unfinished_ != 0) {
            --unfinished_;
            return ResetResult::unfinished;
        }
        w->dirty = false;
        return ResetResult::clean;
    }
    void abandon(resource&) noexcept { ++abandoned; }
    void interrupt(resource& w) noexcept {
        w->life.check();
        ++w->interrupts;
        Engine::it().point();
        w->life.check();
        --w->interrupts;
    }

    static inline unsigned most = 1;

protected:
    struct Call {
        Water& w;
        explicit Call(Water& water) noexcept : w{water} {
            outside_locks();
            w.life.check();
            require(w.inside++ == 0, "two calls of the driver on one resource at once");
            w.level = w.level + 1;
            Engine::it().point();
        }
        ~Call() {
            w.life.check();
            --w.inside;
        }
    };
    static bool calls(resource& w) noexcept { return Call{*w}, true; }
    static void outside_locks() noexcept { require(Engine::it().locks_held() == 0, "the driver is called under a mutex"); }

private:
    unsigned unfinished_ = 1;
};

/// Its handle has always something to say, and the look at it may find it dead.
class TellingDriver : public Driver {
public:
    int poll_handle(resource&) noexcept {
        outside_locks();
        return readable;
    }
    bool probe(resource& w) noexcept { return calls(w) && !Engine::it().faulty(); }

private:
    static inline const int readable = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
};

template <class... Ps>
using P = Pool<Driver, Sync<0>, AnyPatience, NoHolders, Ps...>;

Options options(std::size_t size, bool crew = false) {
    exist = abandoned = 0;
    calm = true;
    Driver::most = static_cast<unsigned>(size);
    Options o;
    o.max_size = size;
    o.keeper_thread = crew;
    o.opens_at_once = 1;
    return o;
}

template <class L>
void use(L& lease) noexcept {
    require((*lease)->inside == 0, "the driver is at work on what somebody holds");
    (*lease)->level = (*lease)->level + 1;
}

template <class Pool>
void borrow(Pool& pool, bool soil = false) noexcept {
    auto lease = pool.try_checkout(Limit{dewpond::never});
    require(lease.has_value(), "a checkout failed although a slot comes free");
    use(*lease);
    (*lease)->dirty = soil;
}

template <class Pool>
void at_rest(Pool& pool) {
    const Stats s = pool.stats();
    require(s.in_use == 0 && s.opening == 0 && s.retiring == 0 && s.waiting == 0, "at rest something is out, on its way or waiting");
    require(s.idle == exist && s.size == exist, "a slot is lost");
    require(s.idle + s.in_use + s.opening + s.retiring == s.size, "the statistics do not add up");
}

void the_end() noexcept { require(exist == 0, "a resource was never closed"); }

/// Borrowers of a pool whose every call may fail.
void pool_shared() {
    {
        P<> pool{Driver{}, options(1)};
        calm = false;
        unsigned left = 3;
        for (int k = 0; k < 3; ++k) {
            start([&, k] {
                borrow(pool, k == 1);
                --left;
            });
        }
        start([&] {  // the program keeps house
            while (left != 0) {
                pool.maintain();
                Engine::it().sleep_until(Engine::it().now() + 100ms);
            }
        });
        go();
        calm = true;
        pool.maintain();
        at_rest(pool);
    }
    the_end();
}

/// The same with a crew that opens, resets and keeps house.
void pool_with_crew() {
    {
        auto pool = std::make_unique<P<OpenInBackground>>(Driver{}, options(1, true));
        calm = false;
        unsigned left = 2;
        for (int k = 0; k < 2; ++k) {
            start([&, k] {
                borrow(*pool, k == 1);
                if (--left == 0) pool.reset();
            });
        }
        go();
    }
    the_end();
}

/// Leases outlive their pool; one is dirty, and its reset may fail or take longer than it may.
void pool_goes_first() {
    {
        auto pool = std::make_unique<P<>>(Driver{}, options(2));
        auto one = pool->checkout(), two = pool->checkout();
        calm = false;
        start([lease = std::move(one)]() mutable { use(lease); });
        start([lease = std::move(two)]() mutable {
            use(lease);
            (*lease)->dirty = true;
        });
        start([&pool] { pool.reset(); });
        go();
    }
    the_end();
}

/// ... beside a crew that resets.
void pool_goes_under_its_crew() {
    {
        auto pool = std::make_unique<P<OpenInBackground>>(Driver{}, options(1, true));
        auto lease = pool->checkout();
        calm = false;
        start([lease = std::move(lease)]() mutable {
            use(lease);
            (*lease)->dirty = true;
        });
        start([&pool] { pool.reset(); });
        go();
    }
    the_end();
}

/// close(limit) interrupts what is still out, while it comes back or leaves for good.
void pool_interrupts() {
    {
        P<> pool{Driver{}, options(2)};
        auto one = pool.checkout(), two = pool.checkout();
        Water* taken = nullptr;
        start([lease = std::move(one)]() mutable { use(lease); });
        start([&taken, lease = std::move(two)]() mutable { taken = lease.detach(); });
        start([&pool] { static_cast<void>(pool.close(Limit{0s})); });
        go();
        require(taken != nullptr && taken->interrupts == 0, "what was taken out is still being interrupted");
        delete taken;
        --exist;
    }
    the_end();
}

/// Whoever is late or refused, the statistics conserve.
void pool_is_late() {
    {
        P<> pool{Driver{}, options(1)};
        calm = false;
        start([&pool] { borrow(pool); });
        start([&pool] {
            auto lease = pool.try_checkout(Limit{10ms});
            require(lease.has_value() || lease.error().code() == Code::timed_out || lease.error().code() == Code::open_failed, "neither served nor late");
        });
        start([&pool] {
            const Stats s = pool.stats();
            require(s.idle + s.in_use + s.opening + s.retiring == s.size && s.size <= s.max_size, "the statistics do not conserve");
        });
        go();
        calm = true;
        at_rest(pool);
    }
    the_end();
}

/// The keeper retires what is old while it is taken and returned.
void pool_expires() {
    {
        using Keeping = P<Lifetime>;
        Keeping pool{Driver{}, options(1), Sync<0>{}, AnyPatience{}, NoHolders{}, Lifetime{.max_idle = 1s, .max_lifetime = 2s}};
        borrow(pool);
        Engine::it().sleep_until(Engine::it().now() + 3s);
        for (int k = 0; k < 2; ++k) start([&pool] { borrow(pool); });
        start([&pool] { pool.maintain(); });
        go();
        at_rest(pool);
    }
    the_end();
}

/// The keeper looks at what rests while it is taken and returned; what it finds dead is closed once, by whoever found it.
void pool_swept() {
    {
        using Swept = Pool<TellingDriver, Sync<0>, AnyPatience, NoHolders, Lifetime>;
        Swept pool{TellingDriver{}, options(1), Sync<0>{}, AnyPatience{}, NoHolders{}, Lifetime{}};
        borrow(pool);
        Engine::it().sleep_until(Engine::it().now() + 1s);
        for (int k = 0; k < 2; ++k) start([&pool] { borrow(pool); });
        start([&pool] { pool.maintain(); });
        go();
        at_rest(pool);
    }
    the_end();
}

/// The process is forked at any moment: in the child the pool refuses, forgets what it held, and locks nothing.
void pool_forked() {
    auto* pool = new P<>{Driver{}, options(2)};
    auto lease = pool->checkout();
    auto other = pool->checkout();
    other.give_back();
    for (int k = 0; k < 2; ++k) start([pool] { borrow(*pool); });
    start([pool, lease = std::move(lease)]() mutable {
        for (unsigned n = Engine::it().choose(Kind::data, 4); n != 0; --n) Engine::it().point();
        Engine::it().vanish_others();
        dewpond::detail::ForkWatch::orphan_all();
        const unsigned existed = exist;
        auto refused = pool->try_checkout(Limit{dewpond::never});
        require(!refused && refused.error().code() == Code::forked, "a pool lends in a forked child");
        refused = pool->try_checkout();
        require(!refused && refused.error().code() == Code::forked, "a pool lends in a forked child");
        require(pool->inspect().empty() && pool->stats().waiting <= 2, "a pool in a forked child tells of the parent's");
        pool->maintain();
        pool->resize(1);
        lease = {};
        delete pool;
        require(exist == existed && abandoned >= 1, "a forked child closed what is the parent's, or kept it");
        Engine::it().succeed();
    });
    go();
}

/// Renewed while it is used: everything that was there is gone afterwards, and what came later stays.
void pool_renewed() {
    {
        using Keeping = P<Lifetime>;
        Keeping pool{Driver{}, options(2), Sync<0>{}, AnyPatience{}, NoHolders{}, Lifetime{}};
        borrow(pool);
        Water* old = nullptr;
        {
            auto lease = pool.checkout();
            old = *lease;
        }
        for (int k = 0; k < 2; ++k) start([&pool] { borrow(pool); });
        start([&pool] {
            pool.renew();
            pool.maintain();
        });
        go();
        Engine::it().sleep_until(Engine::it().now() + 2s);
        pool.maintain();
        auto lease = pool.checkout();
        require(*lease != old, "renewed, and an old one is lent");
        lease = {};
        at_rest(pool);
    }
    the_end();
}

/// Lent as often as it may be and not once more, whoever lends it.
void pool_wears_out() {
    {
        using Keeping = P<Lifetime>;
        Keeping pool{Driver{}, options(1), Sync<0>{}, AnyPatience{}, NoHolders{}, Lifetime{.max_uses = 2}};
        unsigned lent = 0;
        for (int k = 0; k < 3; ++k) {
            start([&] {
                auto lease = pool.try_checkout(Limit{dewpond::never});
                require(lease.has_value() && ++(*lease)->lent <= 2, "lent more often than it may be");
                ++lent;
            });
        }
        go();
        require(lent == 3 && pool.stats().closed_because(CloseReason::max_uses) == 1, "retired too early or too late");
        at_rest(pool);
    }
    the_end();
}

/// Another size under everybody's feet.
void pool_resized() {
    {
        P<> pool{Driver{}, options(2)};
        Driver::most = 3;
        for (int k = 0; k < 2; ++k) start([&pool, k] { borrow(pool, k == 1); });
        start([&pool] { pool.resize(1); });
        start([&pool] { pool.resize(3); });
        go();
        pool.resize(1);
        require(pool.stats().size <= 1, "more are left than may be");
        at_rest(pool);
    }
    the_end();
}

/// A callback beside a thread, on a pool whose every call may fail; then the pool goes.
void pool_calls_back() {
    unsigned served = 0;
    {
        using Plain = P<>;
        Plain pool{Driver{}, options(1)};
        borrow(pool);
        struct Caller : Plain::Waiter {
            explicit Caller(unsigned& n) : Plain::Waiter{[](Plain::Waiter& w, Result<Plain::Lease> r) noexcept {
                  ++static_cast<Caller&>(w).served;
                  if (r) use(*r);
              }}, served{n} {}
            unsigned& served;
        } caller{served};
        calm = false;
        start([&] { pool.enqueue(caller, Limit{dewpond::never}); });
        start([&pool] { borrow(pool); });
        go();
        calm = true;
        pool.maintain();
        if (served == 0) static_cast<void>(pool.close(Limit{0s}));
        require(served == 1, "a callback was not told");
    }
    the_end();
}

}  // namespace

const std::vector<Scenario>& pool_scenarios() {
    static const std::vector<Scenario> list{
        {"pool_shared", pool_shared, {.preemptions = 1, .stale = 0}, false},
        {"pool_with_crew", pool_with_crew, {.preemptions = 1, .stale = 1}, false},
        {"pool_goes_first", pool_goes_first, {.preemptions = 2, .stale = 1}},
        {"pool_goes_under_its_crew", pool_goes_under_its_crew, {.preemptions = 1, .stale = 1}},
        {"pool_interrupts", pool_interrupts, {.preemptions = 2, .stale = 1}},
        {"pool_is_late", pool_is_late, {.preemptions = 1, .stale = 1, .timeouts = 1}},
        {"pool_expires", pool_expires, {.preemptions = 1, .stale = 1}},
        {"pool_swept", pool_swept, {.preemptions = 1, .stale = 1}},
        {"pool_resized", pool_resized, {.preemptions = 2, .stale = 0}},
        {"pool_renewed", pool_renewed, {.preemptions = 2, .stale = 0}},
        {"pool_wears_out", pool_wears_out, {.preemptions = 2, .stale = 0}},
        {"pool_forked", pool_forked, {.preemptions = 2, .stale = 0}},
        {"pool_calls_back", pool_calls_back, {.preemptions = 1, .stale = 1}},
    };
    return list;
}

}  // namespace model
