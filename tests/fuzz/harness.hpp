// Plays one input on the real pool and on the reference at once and compares after every operation: what was answered, who
// was served, opened and closed in which order, and every number of stats().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <dewpond/pool.hpp>

#include <fuzz/reference.hpp>
#include <fuzz/world.hpp>

namespace fuzz {

using namespace std::chrono_literals;

/// The bytes of an input, zeros after its end.
class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : at_{data}, end_{data + size} {}
    [[nodiscard]] bool empty() const { return at_ == end_; }
    std::uint8_t byte() { return at_ == end_ ? std::uint8_t{0} : *at_++; }
    std::size_t below(std::size_t n) { return byte() % n; }

private:
    const std::uint8_t *at_, *end_;
};

/// A pool whose crew opens, one whose callers open and that has hooks, one whose resources wear out, and one that asks nothing.
struct Asking {
    using Pool = dewpond::Pool<FullDriver, dewpond::OpenInBackground, OnlyThread>;
    static Pool* make(World& w, dewpond::Options o, Setting& s) {
        s.in_caller = false;
        return new Pool{FullDriver{w}, std::move(o), dewpond::OpenInBackground{}, OnlyThread{}};
    }
};
struct Wearing {
    using Pool = dewpond::Pool<FullDriver, dewpond::Lifetime, OnlyThread>;
    static Pool* make(World& w, dewpond::Options o, Setting& s) {
        s.max_uses = 3;
        return new Pool{FullDriver{w}, std::move(o), dewpond::Lifetime{.max_idle = dewpond::never, .max_lifetime = dewpond::never, .max_uses = s.max_uses}, OnlyThread{}};
    }
};
struct AskNothing {
    using Pool = dewpond::Pool<BareDriver, dewpond::StrictFifo, dewpond::NoHolders, OnlyThread>;
    static Pool* make(World& w, dewpond::Options o, Setting& s) {
        s.checks = false;
        return new Pool{BareDriver{w}, std::move(o), dewpond::StrictFifo{}, dewpond::NoHolders{}, OnlyThread{}};
    }
};
struct WithHooks {
    struct Borrowed {
        bool operator()(Thing& t) const {
            world->outside_locks();
            Traits& traits = world->live.at(*t.id);
            if (traits.as == Opening::ok_but_hook_throws) throw std::runtime_error{"the hook's own affair"};
            if (traits.as == Opening::ok_but_hook_dirties) traits.dirty = true;
            return traits.as != Opening::ok_but_refused;
        }
    };
    struct Returned {
        bool operator()(Thing& t) const {
            world->outside_locks();
            return !world->live.at(*t.id).no_return;
        }
    };
    using Pool = dewpond::Pool<FullDriver, dewpond::OnCheckout<Borrowed>, dewpond::OnReturn<Returned>, OnlyThread>;
    static Pool* make(World& w, dewpond::Options o, Setting& s) {
        s.hooks = true;
        return new Pool{FullDriver{w}, std::move(o), dewpond::OnCheckout{Borrowed{}}, dewpond::OnReturn{Returned{}}, OnlyThread{}};
    }
};

template <class Kind>
class Harness {
    using Pool = typename Kind::Pool;
    using Lease = typename Pool::Lease;

    /// A callback; gone as soon as it was served, so that a touch after that is seen.
    struct Waiter : Pool::Waiter {
        Waiter(Harness& h, int n, Manner m, dewpond::Limit l) : Pool::Waiter{&Waiter::served}, harness{&h}, who{n}, manner{m}, limit{l} {}
        static void served(typename Pool::Waiter& w, dewpond::Result<Lease> r) noexcept {
            const std::unique_ptr<Waiter> me{static_cast<Waiter*>(&w)};
            me->harness->served(*me, std::move(r));
        }
        Harness* harness;
        int who;
        Manner manner;
        dewpond::Limit limit;
    };

public:
    explicit Harness(Input& input) : input_{input} {
        world = &world_;
        dewpond::Options o;
        setting_.max_size = o.max_size = 1 + input_.below(4);
        o.capacity = Setting::capacity;
        setting_.max_waiting = o.max_waiting = input_.below(5);
        setting_.min_idle = input_.below(3);
        if (setting_.min_idle > o.max_size) setting_.min_idle = o.max_size;
        o.min_idle = setting_.min_idle;
        o.checkout_timeout = 40us;
        o.backoff_min = std::chrono::nanoseconds{setting_.backoff_min};
        o.backoff_max_waiting = std::chrono::nanoseconds{setting_.backoff_waiting};
        o.backoff_max = std::chrono::nanoseconds{setting_.backoff_max};
        o.keeper_thread = false;
        const std::uint8_t more = input_.byte();
        setting_.resets_here = (more & 1) != 0;
        if (!setting_.resets_here) o.return_budget = dewpond::Duration{};
        if ((more & 6) == 0) setting_.grace = 0;
        if ((more & 6) == 2) setting_.grace = 5'000;
        o.outage_grace = setting_.grace == INT64_MAX ? dewpond::never : dewpond::Duration{std::chrono::nanoseconds{setting_.grace}};
        o.on_event = [](const dewpond::Event&) noexcept { world->outside_locks(); };
        pool_.reset(Kind::make(world_, std::move(o), setting_));
        reference_.emplace(setting_);
    }

    void run() {
        compare("the start");
        for (int n = 0; n < 300 && !input_.empty(); ++n) {
            const char* what = step();
            compare(what);
        }
        if (pool_) end_pool();
        compare("the end of the pool");
        while (!leases_.empty()) give_back(leases_.size() - 1, false);
        compare("the end of the last lease");
        require(world_.drivers == 0, "a core was not freed");
        require(world_.live.empty(), "a resource was not closed");
        require(pending_ == 0, "somebody was never told");
    }

private:
    using Served = dewpond::Result<Lease>;

    [[nodiscard]] dewpond::Limit limit_of(std::int64_t ns) const { return dewpond::Limit{std::chrono::nanoseconds{ns}}; }
    std::int64_t some_limit() {
        static constexpr std::int64_t spans[] = {0, 1, 900, 1'100, 3'000, 30'000, 1'000'000, 40'000};
        return spans[input_.below(8)];
    }

    const char* step() {
        const std::uint8_t op = input_.byte();
        switch (op % 20) {
            case 0: return accept(pool_ ? pool_->try_checkout() : Served{dewpond::PoolError{Code::closed}}, [](Reference& r) { return r.try_idle(); }), "try_checkout()";
            case 1:
            case 2: {
                const std::int64_t limit = some_limit();
                return accept(pool_ ? pool_->try_checkout(limit_of(limit)) : Served{dewpond::PoolError{Code::closed}}, [limit](Reference& r) { return r.checkout(limit); }), "try_checkout(limit)";
            }
            case 3: return accept(thrown(), [](Reference& r) { return r.checkout(40'000); }), "checkout()";
            case 4:
            case 5:
            case 6: return with_lease([this](std::size_t n) { give_back(n, false); }), "the end of a lease";
            case 7: return with_lease([this](std::size_t n) { give_back(n, true); }), "give_back";
            case 8:
                return with_lease([this](std::size_t n) {
                           Lease l = take_out(n);
                           l.discard();
                           require(!l && l.give_back() == ReturnReport::clean, "a discarded lease still holds something");
                           reference_->discard(n);
                       }),
                       "discard";
            case 9:
                return with_lease([this](std::size_t n) {
                           Lease l = take_out(n);
                           const Thing mine = l.detach();
                           require(*mine.id == reference_->detach(n), "another resource was detached");
                           world_.live.erase(*mine.id);
                           reference_->live.erase(*mine.id);
                       }),
                       "detach";
            case 10:
                return with_lease([this](std::size_t n) {
                           const auto fault = static_cast<Fault>(input_.below(4));
                           leases_[n].report(fault);
                           if (fault != Fault::none && fault != Fault::other) reference_->slots[reference_->leases[n]].doomed = true;
                       }),
                       "report";
            case 11:
                return with_lease([this](std::size_t n) {
                           const auto how = static_cast<Reset>(input_.below(static_cast<std::size_t>(Reset::count_)));
                           const bool no_return = input_.below(8) == 0;
                           both(*leases_[n].get().id, [&](Traits& t) {
                               t.dirty = true;
                               t.reset = how;
                               t.no_return = no_return;
                           });
                       }),
                       "a dirty lease";
            case 12:
            case 13:
                if (pool_) {
                    const auto manner = static_cast<Manner>(input_.below(static_cast<std::size_t>(Manner::count_)));
                    const std::int64_t limit = some_limit();
                    enqueue(manner, limit_of(limit));
                    reference_->enqueue(manner, limit);
                }
                return "enqueue";
            case 14:
                if (pool_ && !reference_->queue.empty()) {
                    const int who = reference_->queue[input_.below(reference_->queue.size())].who;
                    require(pool_->withdraw(*waiting_.at(who)), "a waiter could not be withdrawn");
                    require(reference_->withdraw(who), "the reference knows no such waiter");
                }
                return "withdraw";
            case 15: {
                static constexpr std::int64_t spans[] = {1, 500, 1'000, 2'000, 4'000, 40'000, 2'000'000, 20'000'000'000};
                const std::int64_t span = spans[input_.below(8)];
                world_.now += span;
                reference_->now += span;
                return "time passes";
            }
            case 16:
                if (pool_) pool_->maintain(), reference_->maintain();
                return "maintain";
            case 17:
                for (std::size_t n = 1 + input_.below(4); n != 0; --n) {
                    const auto how = static_cast<Opening>(input_.below(static_cast<std::size_t>(Opening::count_)));
                    world_.script.push_back(how);
                    reference_->script.push_back(how);
                }
                return "openings to come";
            case 18:
                if (const int slot = reference_->lowest(Reference::idle); slot != Reference::nobody && setting_.checks) {
                    both(reference_->slots[static_cast<std::size_t>(slot)].id, [](Traits& t) { t.dead = true; });
                }
                return "an idle resource dies";
            default: return seldom(input_.byte());
        }
    }
    const char* seldom(std::uint8_t which) {
        if (which < 16 && pool_) {
            require(pool_->close(0ns) == reference_->close(), "close: another number of leases is left");
            return "close";
        }
        if (which < 32 && pool_) {
            end_pool();
            return "the end of the pool";
        }
        if (which < 64 && leases_.size() > 1) {  // the first is returned, the last moves to its place
            Lease last = std::move(leases_.back());
            leases_.pop_back();
            const std::size_t slot = reference_->leases.back();
            leases_[0] = std::move(last);
            // What the return led to comes behind.
            reference_->leases.pop_back();
            reference_->give_back(0);
            reference_->leases.insert(reference_->leases.begin(), slot);
            return "a lease is moved over another";
        }
        if (which >= 128 && pool_) {
            setting_.max_size = 1 + input_.below(Setting::capacity);
            pool_->resize(setting_.max_size);
            reference_->resize(setting_.max_size);
            return "resize";
        }
        if (which < 80 && pool_) require(!pool_->inspect().empty() || reference_->size() == 0, "inspect() has no line for a slot");
        if (which < 96 && pool_) require(!pool_->describe().empty(), "describe() is empty");
        return "looking";
    }

    // ---- the real side ----

    /// A pool that is being destroyed must not be called, not even by its callbacks.
    void end_pool() {
        pool_.reset();
        reference_->handle_gone = true;
        reference_->close();
    }
    Lease take_out(std::size_t n) {
        Lease l = std::move(leases_[n]);
        leases_.erase(leases_.begin() + static_cast<std::ptrdiff_t>(n));
        return l;
    }
    template <class F>
    void with_lease(F f) {
        if (!leases_.empty()) f(input_.below(leases_.size()));
    }
    void give_back(std::size_t n, bool asks) {
        ReturnReport got{};
        if (Lease l = take_out(n); asks) got = l.give_back();
        else l = Lease{};
        const ReturnReport expected = reference_->give_back(n);
        require(!asks || got == expected, "give_back: another report");
    }
    Served thrown() {
        if (!pool_) return dewpond::PoolError{Code::closed};
        try {
            return pool_->checkout();
        } catch (const dewpond::PoolError& e) {
            return e;
        }
    }
    template <class Expect>
    void accept(Served got, Expect expect) {
        if (!pool_) return;
        const Reference::Answer answer = expect(*reference_);
        require(got.has_value() == answer.slot.has_value(), got ? "a checkout was served that must fail" : "a checkout failed that must be served");
        if (!got) {
            if (got.error().code() != answer.code) fail(std::string{"refused with "} + to_string(got.error().code()) + ", expected " + to_string(answer.code));
            require(*got.error().what() != '\0', "an error without a sentence");
            return;
        }
        require(*got->get().id == reference_->slots[*answer.slot].id, "another resource was handed out");
        leases_.push_back(std::move(*got));
        reference_->leases.push_back(*answer.slot);
    }
    void enqueue(Manner manner, dewpond::Limit limit) {
        auto* w = new Waiter{*this, next_waiter_++, manner, limit};
        ++pending_;
        waiting_[w->who] = w;
        pool_->enqueue(*w, limit);
    }
    void served(Waiter& w, Served r) {
        require(world_.locks == 0, "a callback under a lock of the pool");
        --pending_;
        require(waiting_.erase(w.who) == 1, "a callback was served twice");
        if (r) {
            world_.log.push_back({Entry::served, w.who, *r->get().id});
            if (w.manner == Manner::discards) r->discard();
            else if (w.manner == Manner::drops) Lease{std::move(*r)} = Lease{};
            else leases_.push_back(std::move(*r));
        } else {
            world_.log.push_back({Entry::refused, w.who, static_cast<std::int64_t>(r.error().code())});
        }
        if (w.manner == Manner::asks_again && pool_) enqueue(Manner::keeps, w.limit);
    }
    template <class F>
    void both(std::int64_t id, F f) {
        f(world_.live.at(id));
        f(reference_->live.at(id));
    }

    // ---- comparing ----

    void compare(const char* what) {
        const Reference& r = *reference_;
        const auto check = [what](bool ok, const char* sentence) {
            if (!ok) fail(std::string{"after "} + what + ": " + sentence);
        };
        if (world_.log != r.log) fail(std::string{"after "} + what + ", the pool: " + to_text(world_.log) + "\nthe reference: " + to_text(r.log));
        world_.log.clear();
        reference_->log.clear();
        check(world_.now == r.now, "the time moved otherwise");
        check(world_.live.size() == r.live.size(), "another number of resources is alive");
        check(leases_.size() == r.leases.size(), "another number of leases is out");
        for (std::size_t n = 0; n < leases_.size(); ++n) check(leases_[n] && *leases_[n].get().id == r.slots[r.leases[n]].id, "a lease holds another resource");
        if (!pool_) return;
        const dewpond::Stats s = pool_->stats();
        const auto same = [what](auto got, auto expected, const char* name) {
            const auto is = static_cast<std::uint64_t>(got), should = static_cast<std::uint64_t>(expected);
            if (is != should) fail(std::string{"after "} + what + ", stats: " + name + " is " + std::to_string(is) + ", expected " + std::to_string(should));
        };
        same(s.max_size, setting_.max_size, "max_size");
        same(s.size, r.size(), "size");
        same(s.idle, r.count(Reference::idle), "idle");
        same(s.in_use, r.count(Reference::leased), "in_use");
        same(s.retiring, r.jobs.size(), "retiring");
        same(s.opening, 0U, "opening");
        same(s.waiting, r.queue.size(), "waiting");
        same(s.oldest_wait.ns().count(), r.queue.empty() ? 0 : r.now - r.queue.front().since, "oldest_wait");
        same(s.ready, r.ready, "ready");
        same(s.closed, r.closed, "closed");
        same(s.checkouts, r.checkouts, "checkouts");
        same(s.waited, r.waited, "waited");
        same(s.timed_out, r.timed_out, "timed_out");
        same(s.refused, r.refused, "refused");
        same(s.cancelled, r.cancelled, "cancelled");
        same(s.opened, r.opened, "opened");
        same(s.open_failures, r.open_failures, "open_failures");
        same(s.dirty_returns, r.dirty_returns, "dirty_returns");
        same(s.down, r.down, "down");
        same(s.open_fault, r.fault, "open_fault");
        for (std::size_t i = 0; i < static_cast<std::size_t>(CloseReason::count_); ++i) same(s.closed_by[i], r.closed_by[i], "closed_by");
    }

    Input& input_;
    World world_;
    Setting setting_;
    std::unique_ptr<Pool> pool_;
    std::optional<Reference> reference_;
    std::vector<Lease> leases_;
    std::map<int, Waiter*> waiting_;
    int next_waiter_ = 0, pending_ = 0;
};

/// One input.
inline void play(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    switch (input.below(4)) {
        case 0: return Harness<Asking>{input}.run();
        case 1: return Harness<WithHooks>{input}.run();
        case 2: return Harness<Wearing>{input}.run();
        default: return Harness<AskNothing>{input}.run();
    }
}

}  // namespace fuzz
