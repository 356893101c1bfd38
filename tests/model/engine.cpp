#include "model/engine.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>

#include <cxxabi.h>

namespace model {

Engine Engine::engine;

namespace {

constexpr dewpond::TimePoint dawn{std::chrono::seconds{1'000'000}};

/// The stack of one of the fibers, kept for whoever comes after it.
struct Stack {
    unsigned fiber;
    boost::context::stack_context allocate() {
        constexpr std::size_t size = 128 * 1024;
        static char* memory[max_fibers] = {};
        if (memory[fiber] == nullptr) memory[fiber] = static_cast<char*>(std::malloc(size));
        boost::context::stack_context c;
        c.size = size;
        c.sp = memory[fiber] + size;
        return c;
    }
    void deallocate(boost::context::stack_context&) noexcept {}
};

}  // namespace

// ---- a run ----

Outcome Engine::run(void (*scenario)(), const Bounds& bounds, Strategy& strategy) {
    bounds_ = bounds;
    preemptions_ = bounds.preemptions, stale_ = bounds.stale, faults_ = bounds.faults;
    timeouts_ = bounds.timeouts, spurious_ = bounds.spurious;
    strategy_ = &strategy;
    steps_ = made_ = 0;
    hash_ = 0x9E3779B97F4A7C15u;
    now_ = dawn;
    total_order_ = {};
    failure_ = nullptr;
    used_ = 0;
    places_ = 0;
    arena::begin_run();
    arena::may_fail = false;
    on_unlock = nullptr;
    peeking_ = 0;
    others_vanished_ = false;
    ++run_number_;
    found_ = 0;
    setting_up_ = running_ = true;
    current_ = 0;
    start([](void* s) { reinterpret_cast<void (*)()>(s)(); }, reinterpret_cast<void*>(scenario));
    next_ = 0;
    while (failure_ == nullptr && next_ < max_fibers) {
        Fiber& f = fibers_[next_];
        current_ = next_;
        auto* const globals = reinterpret_cast<Exceptions*>(abi::__cxa_get_globals());
        auto& pending = dewpond::detail::Deferred::pending();
        *globals = f.exceptions;
        pending.running = f.pending.running;
        pending.head = f.pending.head;
        pending.end = pending.head == nullptr ? &pending.head : f.pending.end;
        f.context = std::move(f.context).resume();
        f.exceptions = *globals;
        f.pending.running = pending.running;
        f.pending.head = pending.head;
        f.pending.end = pending.end;
        *globals = {};
        pending.running = false;
        pending.head = nullptr;
        pending.end = &pending.head;
    }
    running_ = false;
    if (failure_ != nullptr || others_vanished_) {
        // The fibers are stuck in the middle of things that do not unwind: they are forgotten, their stacks used again.
        for (Fiber& f : fibers_) {
            new (static_cast<void*>(&f.context)) boost::context::fiber{};
            f.state = State::none;
        }
    } else if (arena::living() != 0) {
        failure_ = "something was never freed";
    }
    return {failure_, made_, steps_, hash_};
}

unsigned Engine::start(void (*body)(void*), void* closure) noexcept {
    if (used_ == max_fibers) fail("too many fibers in one scenario");
    const unsigned id = used_++;
    Fiber& f = fibers_[id];
    f.body = body;
    f.closure = closure;
    f.leave = nullptr;
    f.clock = {};
    if (id != 0) {
        f.clock = clock();
        tick();
    }
    f.clock.v[id] = 1;
    f.locks = 0;
    f.exceptions = {};
    f.pending = {};
    f.state = State::ready;
    if (!f.context) {
        f.context = boost::context::fiber{std::allocator_arg, Stack{id}, [this, &f](boost::context::fiber&& back) {
                                              scheduler_ = std::move(back);
                                              for (;;) {
                                                  f.body(f.closure);
                                                  if (f.leave != nullptr) f.leave();
                                                  ended();
                                              }
                                              return std::move(scheduler_);
                                          }};
    }
    return id;
}

void Engine::leave_fiber() noexcept { scheduler_ = std::move(scheduler_).resume(); }

void Engine::switch_to(unsigned fiber) noexcept {
    next_ = fiber;
    if (fiber != current_) leave_fiber();
}

void Engine::ended() noexcept {
    fibers_[current_].state = State::ended;
    note("ends", nullptr);
    for (unsigned i = 0; i < used_; ++i) {
        Fiber& f = fibers_[i];
        if (f.state == State::joining && f.waits_for == &fibers_[current_]) f.state = State::ready;
    }
    if (current_ == 0) {
        next_ = max_fibers;  // the scenario is over
        for (unsigned i = 1; i < used_; ++i) {
            if (fibers_[i].state != State::ended && failure_ == nullptr) failure_ = "the scenario ended before its fibers";
        }
        leave_fiber();
    } else {
        pick();
    }
}

void Engine::heavy() noexcept {
    point();
    Clock all;
    for (unsigned i = 0; i < used_; ++i) all.join(fibers_[i].clock);
    for (unsigned i = 0; i < used_; ++i) fibers_[i].clock.join(all);
    note("has every fiber pass a barrier", nullptr);
    tick();
}

void Engine::fail(const char* why) noexcept {
    if (!running_) {
        std::fprintf(stderr, "model: outside a run: %s\n", why);
        std::abort();
    }
    note(why, nullptr);
    failure_ = why;
    for (;;) leave_fiber();
}

void Engine::vanish_others() noexcept {
    for (unsigned i = 0; i < used_; ++i) {
        if (i != current_) fibers_[i].state = State::none;
    }
    others_vanished_ = true;
    note("is alone from here on", nullptr);
}

void Engine::succeed() noexcept {
    next_ = max_fibers;
    for (;;) leave_fiber();
}

// ---- decisions ----

unsigned Engine::record(Kind kind, unsigned n, unsigned chosen) noexcept {
    if (made_ == most_decisions) fail("more decisions than a run may have");
    list_[made_++] = {kind, static_cast<std::uint8_t>(n), static_cast<std::uint8_t>(chosen)};
    hash_ = (hash_ ^ (chosen + 1 + (hash_ >> 32))) * 0xD6E8FEB86659FD93u;
    return chosen;
}

unsigned Engine::choose(Kind kind, unsigned n) noexcept {
    if (n < 2 || silent()) return 0;
    return record(kind, n, strategy_->decide(kind, n));
}

unsigned Engine::choose_stale(unsigned n) noexcept {
    if (n < 2 || stale_ == 0) return 0;
    const unsigned back = choose(Kind::stale, n);
    if (back != 0) --stale_;
    return back;
}

void Engine::point() noexcept {
    if (setting_up_) return;
    pick();
}

/// Who makes the next step.
void Engine::pick() noexcept {
    if (++steps_ > bounds_.steps) fail("livelock: no end after as many steps as a run may have");
    std::uint8_t who[2 * max_fibers];
    unsigned n = 0;
    const bool may_stay = fibers_[current_].state == State::ready;
    for (;;) {
        if (may_stay) who[n++] = static_cast<std::uint8_t>(current_);
        if (!may_stay || preemptions_ != 0) {
            for (unsigned i = 0; i < used_; ++i) {
                if (fibers_[i].state == State::ready && !(may_stay && i == current_)) who[n++] = static_cast<std::uint8_t>(i);
            }
            if (timeouts_ != 0) {
                for (unsigned i = 0; i < used_; ++i) {
                    const Fiber& f = fibers_[i];
                    if (f.state == State::parked && f.until != dewpond::TimePoint::max()) who[n++] = static_cast<std::uint8_t>(i | max_fibers);
                }
            }
        }
        if (n != 0) break;
        let_time_pass();
    }
    const unsigned chosen = n < 2 ? 0 : record(Kind::thread, n, strategy_->decide_thread(who, n, may_stay));
    if (may_stay && chosen != 0) --preemptions_;
    unsigned next = who[chosen];
    if ((next & max_fibers) != 0) {
        next &= ~max_fibers;
        --timeouts_;
        Fiber& f = fibers_[next];
        if (f.until > now_) now_ = f.until;
        f.state = State::ready;
        note("times out", nullptr, next);
    }
    switch_to(next);
}

/// Nobody can run: those who only made room may go on, else the time moves to the next deadline.
void Engine::let_time_pass() noexcept {
    bool again = false;
    for (unsigned i = 0; i < used_; ++i) {
        if (fibers_[i].state == State::yielding) {
            fibers_[i].state = State::ready;
            again = true;
        }
    }
    if (again && steps_ % 64 != 0) return;  // whoever waits for time to pass by spinning sees it pass in the end
    dewpond::TimePoint next = dewpond::TimePoint::max();
    for (unsigned i = 0; i < used_; ++i) {
        if (fibers_[i].state == State::parked) next = (std::min)(next, fibers_[i].until);
    }
    if (next == dewpond::TimePoint::max()) {
        if (again) return;
        fail("deadlock: everybody sleeps, and nothing will wake them");
    }
    if (next > now_) now_ = next;
    for (unsigned i = 0; i < used_; ++i) {
        Fiber& f = fibers_[i];
        if (f.state == State::parked && f.until <= now_) {
            f.state = State::ready;
            note("time passes for", nullptr, i);
        }
    }
}

void Engine::block(State why) noexcept {
    fibers_[current_].state = why;
    pick();
}

// ---- what fibers wait for ----

void Engine::join(unsigned fiber) noexcept {
    point();
    Fiber& f = fibers_[fiber];
    if (f.state != State::ended) {
        fibers_[current_].waits_for = &f;
        block(State::joining);
    }
    clock().join(f.clock);
}

void Engine::go() noexcept {
    setting_up_ = false;
    for (unsigned i = 1; i < used_; ++i) join(i);  // fibers may start fibers
    setting_up_ = true;
}

void Engine::wait_for_mutex(const void* mutex) noexcept {
    fibers_[current_].waits_for = mutex;
    block(State::wants_mutex);
}
void Engine::mutex_free(const void* mutex) noexcept {
    changed();
    for (unsigned i = 0; i < used_; ++i) {
        Fiber& f = fibers_[i];
        if (f.state == State::wants_mutex && f.waits_for == mutex) f.state = State::ready;
    }
}

void Engine::park(const void* word, dewpond::TimePoint until) noexcept {
    if (fibers_[current_].locks != 0) fail("somebody parks while holding a mutex");
    if (until <= now_) return;
    Fiber& f = fibers_[current_];
    f.waits_for = word;
    f.until = until;
    note("parks", word);
    block(State::parked);
    note("goes on after a park", word);
}

void Engine::unpark(const void* word, bool all) noexcept {
    for (;;) {
        std::uint8_t who[max_fibers];
        unsigned n = 0;
        for (unsigned i = 0; i < used_; ++i) {
            if (fibers_[i].state == State::parked && fibers_[i].waits_for == word) who[n++] = static_cast<std::uint8_t>(i);
        }
        if (n == 0) return;
        const unsigned i = all ? 0 : choose(Kind::data, n);
        fibers_[who[i]].state = State::ready;
        note("wakes", word, who[i]);
        if (!all) return;
    }
}

void Engine::changed() noexcept {
    for (unsigned i = 0; i < used_; ++i) {
        if (fibers_[i].state == State::yielding) fibers_[i].state = State::ready;
    }
}

void Engine::yield() noexcept {
    if (silent() || setting_up_) return;
    block(State::yielding);
}

void Engine::sleep_until(dewpond::TimePoint at) noexcept {
    if (at <= now_) return;
    fibers_[current_].waits_for = nullptr;
    fibers_[current_].until = at;
    block(State::parked);
}

std::uint16_t Engine::number_a_place() noexcept {
    return running_ && setting_up_ && used_ == 1 && places_ + 1u < most_places ? ++places_ : std::uint16_t{0};
}

void Engine::note(const char* what, const void* where, std::uint64_t a, std::uint64_t b) noexcept {
    if (trace) std::fprintf(stderr, "%5u  fiber %u  %-28s %p  %llx %llx\n", steps_, current_, what, where, static_cast<unsigned long long>(a), static_cast<unsigned long long>(b));
}

// ---- memory of a run ----

namespace arena {
namespace {
constexpr std::size_t size = 8u << 20;
alignas(64) char memory[size];
std::size_t used = 0, alive = 0;
[[nodiscard]] bool mine(const void* p) noexcept { return p >= memory && p < memory + size; }
}  // namespace

bool may_fail = false;

void begin_run() noexcept { used = alive = 0; }
std::size_t living() noexcept { return alive; }

void* get(std::size_t n, std::size_t align) {
    if (!Engine::it().running()) {
        void* p = align > alignof(std::max_align_t) ? std::aligned_alloc(align, (n + align - 1) / align * align) : std::malloc(n != 0 ? n : 1);
        if (p == nullptr) std::abort();
        return p;
    }
    if (may_fail && Engine::it().faulty()) throw std::bad_alloc{};
    used = (used + align - 1) / align * align;
    if (used + n > size) Engine::it().fail("a run needs more memory than there is");
    void* p = memory + used;
    used += n;
    ++alive;
    return p;
}
void put(void* p) noexcept {
    if (p == nullptr) return;
    if (mine(p)) --alive;
    else std::free(p);
}

}  // namespace arena
}  // namespace model

void* operator new(std::size_t n) { return model::arena::get(n, alignof(std::max_align_t)); }
void* operator new[](std::size_t n) { return model::arena::get(n, alignof(std::max_align_t)); }
void* operator new(std::size_t n, std::align_val_t a) { return model::arena::get(n, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return model::arena::get(n, static_cast<std::size_t>(a)); }
void operator delete(void* p) noexcept { model::arena::put(p); }
void operator delete[](void* p) noexcept { model::arena::put(p); }
void operator delete(void* p, std::size_t) noexcept { model::arena::put(p); }
void operator delete[](void* p, std::size_t) noexcept { model::arena::put(p); }
void operator delete(void* p, std::align_val_t) noexcept { model::arena::put(p); }
void operator delete[](void* p, std::align_val_t) noexcept { model::arena::put(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { model::arena::put(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { model::arena::put(p); }
