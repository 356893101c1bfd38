// The smallest shell around an exchange: borrowers, a closer, a crew; the resources are values that notice two holders.
#pragma once

#include <cstdint>
#include <utility>

#include <dewpond/policies/opening.hpp>
#include <dewpond/policies/waiting.hpp>

#include "model/invariants.hpp"
#include "model/sync.hpp"

namespace model {

using dewpond::Code;
using dewpond::Deadline;
using dewpond::detail::nil;
using dewpond::detail::Plan;
using dewpond::detail::Standing;

/// Whether the head has waited long enough is anybody's guess: both are explored.
struct AnyPatience {
    using answers = dewpond::question::waiting;
    static constexpr const char* name = "AnyPatience";
    [[nodiscard]] static bool hand_over(const dewpond::WaitingView&) noexcept { return Engine::it().choose(Kind::data, 2) != 0; }
};

[[nodiscard]] inline Deadline in(std::int64_t milliseconds) noexcept {
    return Deadline{Engine::it().now() + std::chrono::milliseconds{milliseconds}};
}

template <class S, class Waiting = AnyPatience, class Opening = dewpond::OpenInCaller, template <class> class Hub = dewpond::detail::NoHub>
class Basin {
public:
    using Exchange = dewpond::detail::Exchange<S, Waiting, Opening, Hub<S>>;
    using Node = typename Exchange::Node;
    static constexpr std::uint32_t most = 4;

    explicit Basin(const Plan& plan) : exchange{plan, S{}, Waiting{}, Opening{}, this, [](void* self, std::uint32_t i) noexcept { static_cast<Basin*>(self)->offer(i); }} {
        watched = this;
        Engine::it().on_unlock = [](const void* mutex) {
            const Basin* b = static_cast<const Basin*>(watched);
            if (b == nullptr || mutex != dewpond::detail::Invariants::mutex(b->exchange)) return;
            if (const char* why = dewpond::detail::Invariants::broken(b->exchange)) Engine::it().fail(why);
        };
    }
    ~Basin() {
        watched = nullptr;
        for (const Resource& r : resources_) require(!r.exists, "the pool is freed, and a resource was never closed");
    }

    // ---- what a pool's user does ----

    struct Got {
        std::uint32_t slot = nil;
        Code why = Code::timed_out;
        explicit operator bool() const noexcept { return slot != nil; }
    };
    /// Who may call a wait off: a stop token of one waiter.
    struct Stop {
        Mutex mutex;  // as a stop callback: its end waits for one that is running
        bool asked = false;
        Node* node = nullptr;
    };

    [[nodiscard]] Got checkout(Deadline by = {}, Stop* stop = nullptr, bool may_wait = true) noexcept {
        if (const std::uint32_t i = take_near(); i != nil && fit(i)) return lent(i);
        else if (i != nil) return slow(by, stop, may_wait, i);
        return slow(by, stop, may_wait, nil);
    }
    void stop(Stop& s) noexcept {
        s.mutex.lock();
        s.asked = true;
        if (s.node != nullptr) exchange.cancel(*s.node);
        s.mutex.unlock();
    }
    /// Use it: a second holder would be seen.
    void use(std::uint32_t i) noexcept {
        Resource& r = resources_[i];
        require(r.exists, "a lease of what does not exist");
        const unsigned n = r.water;
        r.water = n + 1;
    }
    void give_back(std::uint32_t i) noexcept {
        Resource& r = resources_[i];
        require(r.holders == 1, "returned twice");
        --r.holders;
        if constexpr (Hub<S>::on) {
            if (exchange.hub().keep(i)) return;
        }
        offer(i);
    }
    void discard(std::uint32_t i, bool* begun = nullptr) noexcept {
        --resources_[i].holders;
        exchange.begin_retiring(i);
        if (begun != nullptr) *begun = true;
        close_resource(i);
    }
    void borrow(Deadline by = {}) noexcept {
        const Got got = checkout(by);
        require(static_cast<bool>(got), "a checkout failed although a slot comes free");
        use(got.slot);
        give_back(got.slot);
    }
    /// As above, but it may be late or refused.
    Code try_borrow(Deadline by, Stop* s = nullptr) noexcept {
        const Got got = checkout(by, s);
        if (!got) return got.why;
        use(got.slot);
        give_back(got.slot);
        return Code::none_idle;
    }
    /// As the keeper does it.
    void expire(std::uint32_t i) noexcept {
        if (exchange.idle().claim(i)) retire(i);
    }
    void resize(std::uint32_t max_size) noexcept {
        {
            const Engine::Peek peek;
            shrinks = shrinks || max_size < max_size_now();  // what was already being opened may come too late
        }
        exchange.resize(max_size);
        for (std::uint32_t i; (i = exchange.shed()) != nil;) close_resource(i);
    }
    void close_shed(std::uint32_t i) noexcept { close_resource(i); }
    void close() noexcept {
        exchange.close();
        {
            const Engine::Peek peek;
            require(exchange.closed(), "closed, and nobody can tell");
        }
        for (std::uint32_t i; (i = exchange.idle().take()) != nil;) retire(i);
    }
    void let_go() noexcept {
        close();
        free_if(exchange.drop_handle());
    }

    [[nodiscard]] std::uint32_t max_size_now() noexcept {
        const Engine::Peek peek;
        return exchange.locked([&] { return exchange.ledger().max_size(); });
    }
    /// How many are queued, at this very moment.
    [[nodiscard]] std::uint32_t waiting() noexcept {
        const Engine::Peek peek;
        return exchange.census().waiting;
    }

    // ---- callbacks ----

    struct Waiter : Node {
        Basin* basin = nullptr;
        unsigned served = 0;
        Code why{};
        bool keep = false;
        std::uint32_t lease = nil;
    };
    void enqueue(Waiter& w, Deadline by) noexcept {
        w.basin = this;
        w.since = Engine::it().now();
        w.deadline = by;
        w.run = [](dewpond::detail::Deferred& d) noexcept {
            auto& self = static_cast<Waiter&>(d);
            self.basin->serve(self);
        };
        const auto g = exchange.begin(w, true);
        if (g.what == Standing::waiting) return;
        w.set(g.what);
        w.slot = g.slot;
        w.failure = g.failure;
        serve(w);
    }
    bool withdraw(Waiter& w) noexcept {
        if (!exchange.withdraw(w)) return false;
        w.why = Code::cancelled;
        ++w.served;
        free_if(exchange.leave());
        return true;
    }

    // ---- the crew ----

    void crew(const bool& done) noexcept {
        bool busy = false;
        for (;;) {
            if (exchange.locked([&] { return done; })) break;
            exchange.expire(Engine::it().now());
            if (!work_once(busy, true)) exchange.rest(done);
        }
        free_if(exchange.leave());
    }
    void end_crew(bool& done) noexcept {
        exchange.locked([&] { done = true; });
        exchange.ring_all();
    }
    bool work_once(bool& busy, bool of_crew = false) noexcept {
        const auto work = exchange.next_work(busy);
        require(busy == (work.kind != Exchange::Work::none), "whoever ends the crew is told wrongly who is at work");
        switch (work.kind) {
            case Exchange::Work::none: return false;
            case Exchange::Work::tick:
                require(work.due <= Engine::it().now(), "a tick before its time");
                require(!std::exchange(ticking_, true), "two ticks at once");
                ++ticks;
                if (work_takes.count() != 0) Engine::it().sleep_until(Engine::it().now() + work_takes);
                ticking_ = false;
                exchange.ticked(tick_again.count() != 0 ? Engine::it().now() + tick_again : (dewpond::TimePoint::max)(), of_crew);
                break;
            case Exchange::Work::slot_job:
                if (work_takes.count() != 0) Engine::it().sleep_until(Engine::it().now() + work_takes);
                if (Engine::it().faulty()) {
                    close_resource(work.slot);
                } else {
                    exchange.end_retiring(work.slot);
                    offer(work.slot);
                }
                break;
            case Exchange::Work::open:
                if (!open(work.slot, true)) static_cast<void>(exchange.leave());
                break;
        }
        return true;
    }
    /// A return whose reset is left to the crew.
    void give_back_dirty(std::uint32_t i) noexcept {
        --resources_[i].holders;
        if (!exchange.post_job(i)) close_resource(i);
    }

    // ---- set-up and end ----

    void fill(std::uint32_t n) noexcept {
        for (std::uint32_t k = 0; k < n; ++k) {
            const Got got = checkout();
            first_[k] = got.slot;
        }
        for (std::uint32_t k = 0; k < n; ++k) give_back(first_[k]);
    }
    void at_rest() noexcept {
        const Engine::Peek peek;
        if (const char* why = dewpond::detail::Invariants::not_at_rest(exchange)) Engine::it().fail(why);
        std::uint32_t exist = 0;
        for (const Resource& r : resources_) exist += r.exists ? 1 : 0;
        exchange.locked([&] { require(exchange.ledger().counted() == exist, "the pool counts what does not exist, or the reverse"); });
    }

    /// The end of most scenarios: nothing is lost, and the pool goes.
    void end() noexcept {
        at_rest();
        let_go();
    }

    Exchange exchange;
    unsigned opened_in_all = 0, closed_in_all = 0, ticks = 0;

private:
    [[nodiscard]] std::uint32_t take_near() noexcept {
        std::uint32_t i = nil;
        if constexpr (Hub<S>::on) {
            if (exchange.hub().take(i)) return i;
        }
        return exchange.idle().take();
    }
    struct Resource {
        Var<unsigned> water;
        std::uint32_t home = 0, barged = 0;
        unsigned holders = 0;
        bool exists = false;
    };

    [[nodiscard]] bool fit(std::uint32_t i) noexcept {
        static_cast<void>(i);
        return !checks_fail || !Engine::it().faulty();
    }
    Got lent(std::uint32_t i) noexcept {
        Resource& r = resources_[i];
        require(r.exists, "a slot without a resource is handed out");
        require(r.holders++ == 0, "two holders of one resource");
        return {i, {}};
    }
    Got slow(Deadline by, Stop* stop, bool may_wait, std::uint32_t unfit) noexcept {
        bool visiting = false;
        if (unfit != nil) {
            exchange.visit();
            visiting = true;
            retire(unfit);
        }
        Node n;
        n.since = Engine::it().now();
        n.deadline = by;
        for (;;) {
            auto g = exchange.begin(n, may_wait);
            if (g.what == Standing::waiting) {
                if (stop != nullptr) {
                    stop->mutex.lock();
                    stop->node = &n;
                    const bool asked = stop->asked;
                    if (asked) exchange.cancel(n);
                    stop->mutex.unlock();
                }
                g = exchange.wait(n);
                if (stop != nullptr) {
                    stop->mutex.lock();
                    stop->node = nullptr;
                    stop->mutex.unlock();
                }
            }
            if (g.what == Standing::failed) {
                if (visiting) static_cast<void>(exchange.leave());
                static_cast<void>(exchange.census());  // the answer is written from what is still here
                free_if(exchange.leave());
                return {nil, g.failure};
            }
            if (g.what == Standing::vacancy && !open(g.slot, false)) {
                if (visiting) static_cast<void>(exchange.leave());
                visiting = true;
                continue;
            }
            if (g.what == Standing::vacancy && exchange.closed()) {
                if (!visiting) exchange.visit();
                retire(g.slot);
                free_if(exchange.leave());
                return {nil, Code::closed};
            }
            if (g.what == Standing::slot && !fit(g.slot)) {
                if (!visiting) exchange.visit();
                visiting = true;
                retire(g.slot);
                continue;
            }
            if (visiting) static_cast<void>(exchange.leave());
            return lent(g.slot);
        }
    }
    void offer(std::uint32_t i) noexcept {
        Resource& r = resources_[i];
        if (!exchange.idle().put(r.home, exchange.idle().bit_of(i), r.barged) && !exchange.give(i)) close_resource(i);
    }
    bool open(std::uint32_t i, bool to_give) noexcept {
        Engine::it().point();  // the driver is at work
        if (opening_takes.count() != 0) Engine::it().sleep_until(Engine::it().now() + opening_takes);
        if (exchange.plan().max_size == 1) {  // nobody else opens, so that the gate is the one this opener passed
            const Engine::Peek peek;
            exchange.locked([&] { require(Engine::it().now() >= exchange.ledger().outage.gate, "opened before the back-off was over"); });
        }
        Resource& r = resources_[i];
        require(!r.exists, "opened over a resource that exists");
        if (Engine::it().faulty()) {
            bool was_down = false, newly_down = false;
            {
                const Engine::Peek peek;
                was_down = exchange.down_since() != 0;
            }
            const auto verdict = exchange.open_failed(i, fault, dewpond::Duration{std::chrono::seconds{5}}, dewpond::Duration{}, newly_down);
            if (exchange.plan().max_size == 1) require(newly_down == (verdict == dewpond::detail::Verdict::down && !was_down), "told wrongly whether the pool went down just now");
            return false;
        }
        unsigned exist = 1;
        for (const Resource& other : resources_) exist += other.exists ? 1 : 0;
        {
            const Engine::Peek peek;
            require(exist <= exchange.plan().capacity && (shrinks || exist <= max_size_now()), "more resources exist than may");
        }
        r.exists = true;
        r.water = 0;
        r.home = exchange.idle().home_of(i);
        r.barged = 0;
        ++opened_in_all;
        const auto opened = exchange.opened(i, to_give);
        {
            const Engine::Peek peek;
            require(exchange.ready(), "opened, and not ready");
        }
        if (!opened.kept) close_resource(i);
        return true;
    }
    void retire(std::uint32_t i) noexcept {
        exchange.begin_retiring(i);
        close_resource(i);
    }
    void close_resource(std::uint32_t i) noexcept {
        Resource& r = resources_[i];
        require(Engine::it().locks_held() == 0, "the driver is called under a mutex");
        require(r.exists && r.holders == 0, "what somebody holds is closed");
        Engine::it().point();
        r.water = 0;
        r.exists = false;
        ++closed_in_all;
        free_if(exchange.vacated(i));
    }
    void serve(Waiter& w) noexcept {
        require(Engine::it().locks_held() == 0, "a callback runs under a mutex");
        require(w.served++ == 0, "a waiter is served twice");
        if (w.standing() == Standing::failed) {
            w.why = w.failure;
            free_if(exchange.leave());
            return;
        }
        const std::uint32_t i = lent(w.slot).slot;
        use(i);
        w.lease = i;
        if (!w.keep) give_back(i);
    }
    void free_if(bool last) noexcept {
        if (last) delete this;
    }

public:
    dewpond::Fault fault = dewpond::Fault::other;
    std::chrono::nanoseconds opening_takes{0}, work_takes{0}, tick_again{0};
    bool shrinks = false;
    bool checks_fail = false;  ///< an idle resource may be found dead

private:
    static inline const void* watched = nullptr;
    Resource resources_[most];
    bool ticking_ = false;
    std::uint32_t first_[most] = {};
};

/// A crew thread that must find nothing to do, and counts how often it is woken all the same.
template <class B>
void rest_with_nothing_to_do(B& b, const bool& done, unsigned& woken) {
    b.exchange.visit();
    start([&] {
        bool busy = false;
        while (!b.exchange.locked([&] { return done; })) {
            require(!b.work_once(busy), "the crew has something to do");
            b.exchange.rest(done);
            if (!done) ++woken;
        }
        static_cast<void>(b.exchange.leave());
    });
}

}  // namespace model
