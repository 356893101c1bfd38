// Memory as C++ promises it, and no better: an atomic keeps its last values, and a load may see any that the reader's
// past does not rule out. Modification order is the order of execution; there is no load buffering.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "model/engine.hpp"

namespace model {

/// Notices who touches what is gone. Memory of a run is never reused, so the mark stays.
class Tombstone {
public:
    ~Tombstone() { state_ = gone; }
    void check() const noexcept {
        if (state_ != here) Engine::it().fail("something is touched after its end");
    }

private:
    static constexpr std::uint32_t here = 0x600DF00D, gone = 0xDEADDEAD;
    std::uint32_t volatile state_ = here;
};

/// The values of one atomic, as bits.
class History {
public:
    explicit History(std::uint64_t initial) noexcept : place_{Engine::it().number_a_place()} { records_[0].value = initial; }

    [[nodiscard]] std::uint64_t newest() const noexcept { return records_[at_].value; }
    /// From now on whoever stores must know the newest value, or else a machine may keep either of the two.
    void expect_order() noexcept { ordered_ = true; }

    std::uint64_t load(std::memory_order order) noexcept {
        Engine& e = Engine::it();
        if (e.silent()) return newest();
        step(false);
        if (order == std::memory_order_seq_cst) e.clock().join(e.total_order());
        unsigned n = 1;  // how many values, the newest first, the reader may see
        while (n < kept_ && n < most && !e.clock().knows_any(record(n - 1).seen)) ++n;
        Record& r = record(contended() ? e.choose_stale(n) : 0);
        Stamp& mark = reinterpret_cast<Stamp*>(&r.seen.v)[e.me()];
        if (mark == 0) mark = e.stamp();
        if (acquires(order)) e.clock().join(r.released);
        if (order == std::memory_order_seq_cst) e.total_order().join(e.clock());
        e.note("loads", this, r.value, n);
        e.tick();
        return r.value;
    }
    void store(std::uint64_t value, std::memory_order order) noexcept {
        Engine& e = Engine::it();
        if (e.silent()) {
            records_[at_].value = value;
            return;
        }
        step(true);
        if (ordered_ && kept_ > 1 && !e.clock().knows_any(record(0).seen)) e.fail("of two stores nothing says which comes last");
        if (order == std::memory_order_seq_cst) e.clock().join(e.total_order());
        push(value, releases(order) ? e.clock() : Clock{});
        if (order == std::memory_order_seq_cst) e.total_order().join(e.clock());
        e.note("stores", this, value);
        e.tick();
    }
    /// `change(old, new)` says whether to write.
    template <class F>
    std::uint64_t update(std::memory_order order, std::memory_order failure, F change) noexcept {
        Engine& e = Engine::it();
        const std::uint64_t before = newest();
        std::uint64_t after = before;
        if (e.silent()) {
            if (change(before, after)) records_[at_].value = after;
            return before;
        }
        step(true);
        const std::uint64_t old = newest();
        after = old;
        const bool writes = change(old, after);
        if (!writes) order = failure;
        if (order == std::memory_order_seq_cst) e.clock().join(e.total_order());
        const Clock released = records_[at_].released;
        Stamp& mark = reinterpret_cast<Stamp*>(&records_[at_].seen.v)[e.me()];
        if (mark == 0) mark = e.stamp();
        if (acquires(order)) e.clock().join(released);
        if (writes) {
            Clock out = released;  // a read-modify-write goes on with what the store before it released
            if (releases(order)) out.join(e.clock());
            push(after, out);
        }
        if (order == std::memory_order_seq_cst) e.total_order().join(e.clock());
        e.note(writes ? "changes" : "finds", this, old, after);
        e.tick();
        return old;
    }

private:
    struct Record {
        std::uint64_t value = 0;
        Clock seen;      ///< when each fiber first saw it
        Clock released;  ///< what is known to whoever acquires it
    };
    static constexpr unsigned most = 4;

    [[nodiscard]] static bool acquires(std::memory_order o) noexcept {
        return o == std::memory_order_acquire || o == std::memory_order_acq_rel || o == std::memory_order_seq_cst;
    }
    [[nodiscard]] static bool releases(std::memory_order o) noexcept {
        return o == std::memory_order_release || o == std::memory_order_acq_rel || o == std::memory_order_seq_cst;
    }
    [[nodiscard]] Record& record(unsigned back) noexcept { return records_[(at_ + most - back) % most]; }
    [[nodiscard]] bool contended() const noexcept { return Engine::it().contended(place_); }

    /// A decision comes before every access, but for places whose accesses were all ordered by something else so far.
    void step(bool writes) noexcept {
        life_.check();
        Engine& e = Engine::it();
        if (contended()) {
            e.point();
            life_.check();  // it may have gone meanwhile
            return;
        }
        if (!e.clock().covers(written_) || (writes && !e.clock().covers(read_))) e.found_contended(place_);
        reinterpret_cast<Stamp*>(&(writes ? written_ : read_).v)[e.me()] = e.stamp();
    }
    void push(std::uint64_t value, const Clock& released) noexcept {
        Engine::it().changed();
        at_ = (at_ + 1) % most;
        kept_ += kept_ < most ? 1 : 0;
        Record& r = records_[at_];
        r.value = value;
        r.released = released;
        r.seen = {};
        reinterpret_cast<Stamp*>(&r.seen.v)[Engine::it().me()] = Engine::it().stamp();
    }

    Record records_[most];
    unsigned at_ = 0, kept_ = 1;
    Clock written_, read_;
    std::uint16_t place_;
    bool ordered_ = false;
    Tombstone life_;
};

/// In the place of std::atomic.
template <class T>
class Atomic {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);

public:
    Atomic() noexcept : Atomic{T{}} {}
    Atomic(T v) noexcept : bits_{to_bits(v)} {}  // NOLINT: as std::atomic
    Atomic(const Atomic&) = delete;

    [[nodiscard]] T load(std::memory_order o = std::memory_order_seq_cst) const noexcept { return from_bits(bits_.load(o)); }
    void store(T v, std::memory_order o = std::memory_order_seq_cst) noexcept { bits_.store(to_bits(v), o); }
    T exchange(T v, std::memory_order o) noexcept {
        return change(o, [v](T) { return v; });
    }
    T fetch_add(T v, std::memory_order o) noexcept {
        return change(o, [v](T old) { return static_cast<T>(old + v); });
    }
    T fetch_or(T v, std::memory_order o) noexcept {
        return change(o, [v](T old) { return static_cast<T>(old | v); });
    }
    T fetch_and(T v, std::memory_order o) noexcept {
        return change(o, [v](T old) { return static_cast<T>(old & v); });
    }
    bool compare_exchange_strong(T& expected, T v, std::memory_order o, std::memory_order failure) noexcept {
        bool done = false;
        const T old = from_bits(bits_.update(o, failure, [&](std::uint64_t now, std::uint64_t& next) {
            done = now == to_bits(expected);
            next = to_bits(v);
            return done;
        }));
        expected = old;
        return done;
    }
    bool compare_exchange_strong(T& expected, T v, std::memory_order o) noexcept {
        return compare_exchange_strong(expected, v, o, o == std::memory_order_release ? std::memory_order_relaxed : o == std::memory_order_acq_rel ? std::memory_order_acquire : o);
    }
    bool compare_exchange_weak(T& expected, T v, std::memory_order o, std::memory_order failure) noexcept {
        if (!Engine::it().silent() && Engine::it().spurious()) {
            expected = from_bits(bits_.load(failure));
            return false;
        }
        return compare_exchange_strong(expected, v, o, failure);
    }
    [[nodiscard]] T newest() const noexcept { return from_bits(bits_.newest()); }

private:
    [[nodiscard]] static std::uint64_t to_bits(T v) noexcept {
        std::uint64_t b = 0;
        std::memcpy(&b, &v, sizeof v);
        return b;
    }
    [[nodiscard]] static T from_bits(std::uint64_t b) noexcept {
        T v{};
        std::memcpy(static_cast<void*>(&v), &b, sizeof v);
        return v;
    }
    template <class F>
    T change(std::memory_order o, F f) noexcept {
        return from_bits(bits_.update(o, o, [&](std::uint64_t now, std::uint64_t& next) {
            next = to_bits(f(from_bits(now)));
            return true;
        }));
    }

protected:
    mutable History bits_;
};

/// One whose stores are ordered by something else. A load of it may be as old as ever.
template <class T>
class OrderedAtomic : public Atomic<T> {
public:
    OrderedAtomic() noexcept : OrderedAtomic{T{}} {}
    OrderedAtomic(T v) noexcept : Atomic<T>{v} { this->bits_.expect_order(); }  // NOLINT: as std::atomic
};

/// A plain value: two accesses, one of them a write, that nothing orders are a data race.
template <class T>
class Var {
public:
    Var() noexcept = default;
    Var(T v) noexcept : value_{v} { touch(true); }  // NOLINT: as a plain value
    Var& operator=(T v) noexcept {
        touch(true);
        value_ = v;
        return *this;
    }
    Var& operator++() noexcept { return *this = static_cast<T>(*this) + 1; }
    Var& operator--() noexcept { return *this = static_cast<T>(*this) - 1; }
    operator T() const noexcept {  // NOLINT: as a plain value
        touch(false);
        return value_;
    }

private:
    void touch(bool writes) const noexcept {
        Engine& e = Engine::it();
        if (e.silent()) return;
        life_.check();
        if (!e.clock().covers(written_) || (writes && !e.clock().covers(read_))) e.fail("data race on a plain value");
        reinterpret_cast<Stamp*>(&(writes ? written_ : read_).v)[e.me()] = e.stamp();
    }

    T value_{};
    mutable Clock written_, read_;
    Tombstone life_;
};

class Mutex {
public:
    Mutex() noexcept = default;
    Mutex(const Mutex&) = delete;
    ~Mutex() {
        if (held_ && !Engine::it().silent()) Engine::it().fail("a mutex ends while it is held");
    }
    void lock() noexcept {
        Engine& e = Engine::it();
        if (e.silent()) return;
        life_.check();
        e.point();
        for (;;) {
            life_.check();
            if (!held_) break;
            if (holder_ == e.me()) e.fail("a mutex is locked twice by one fiber");
            e.wait_for_mutex(this);
        }
        held_ = true;
        holder_ = e.me();
        e.clock().join(released_);
        e.lock_count(+1);
        e.note("locks", this);
    }
    void unlock() noexcept {
        Engine& e = Engine::it();
        if (e.silent()) return;
        life_.check();
        if (!held_ || holder_ != e.me()) e.fail("a mutex is unlocked by somebody who does not hold it");
        if (e.on_unlock != nullptr) {
            const Engine::Peek peek;
            e.on_unlock(this);
        }
        held_ = false;
        released_ = e.clock();
        e.tick();
        e.lock_count(-1);
        e.mutex_free(this);
        e.note("unlocks", this);
    }

private:
    bool held_ = false;
    unsigned holder_ = 0;
    Clock released_;
    Tombstone life_;
};

/// In the place of std::thread.
class Thread {
public:
    Thread() noexcept = default;
    explicit Thread(unsigned fiber) noexcept : fiber_{fiber} {}
    Thread(Thread&& o) noexcept : fiber_{std::exchange(o.fiber_, 0)} {}
    Thread& operator=(Thread&& o) noexcept {
        fiber_ = std::exchange(o.fiber_, 0);
        return *this;
    }
    [[nodiscard]] bool joinable() const noexcept { return fiber_ != 0; }
    void join() noexcept { Engine::it().join(std::exchange(fiber_, 0)); }
    void detach() noexcept { fiber_ = 0; }

private:
    unsigned fiber_ = 0;
};

}  // namespace model
