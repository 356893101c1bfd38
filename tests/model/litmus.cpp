// The explorer itself: small programs whose possible outcomes are known.
#include <exception>
#include <stdexcept>

#include "model/catalogue.hpp"
#include "model/memory.hpp"

namespace model {
namespace {

constexpr auto relaxed = std::memory_order_relaxed;
constexpr auto acquire = std::memory_order_acquire;
constexpr auto release = std::memory_order_release;
constexpr auto seq_cst = std::memory_order_seq_cst;

/// Store buffering: both may miss the other's store, unless one total order forbids it.
template <std::memory_order write, std::memory_order read>
void store_buffering() {
    Atomic<int> x{0}, y{0};
    int a = 1, b = 1;
    start([&] {
        x.store(1, write);
        a = y.load(read);
    });
    start([&] {
        y.store(1, write);
        b = x.load(read);
    });
    go();
    require(a == 1 || b == 1, "both missed the other's store");
}

/// Message passing: whoever sees the flag sees the data.
template <std::memory_order write, std::memory_order read>
void message_passing() {
    Atomic<int> data{0}, flag{0};
    start([&] {
        data.store(1, relaxed);
        flag.store(1, write);
    });
    start([&] {
        if (flag.load(read) == 1) require(data.load(relaxed) == 1, "the flag was seen, the data was not");
    });
    go();
}
template <std::memory_order write, std::memory_order read>
void message_passing_plain() {
    Var<int> data{0};
    Atomic<int> flag{0};
    start([&] {
        data = 1;
        flag.store(1, write);
    });
    start([&] {
        if (flag.load(read) == 1) require(data == 1, "the flag was seen, the data was not");
    });
    go();
}
/// ... also through a relaxed read-modify-write in between.
void release_sequence() {
    Var<int> data{0};
    Atomic<int> flag{0};
    start([&] {
        data = 1;
        flag.store(1, release);
    });
    start([&] { flag.fetch_add(1, relaxed); });
    start([&] {
        if (flag.load(acquire) == 2) require(data == 1, "a read-modify-write broke the release sequence");
    });
    go();
}
/// ... but not through a plain store.
void no_release_sequence() {
    Atomic<int> data{0}, flag{0};
    start([&] {
        data.store(1, relaxed);
        flag.store(1, release);
    });
    start([&] {
        if (flag.load(relaxed) == 1) flag.store(2, relaxed);
    });
    start([&] {
        if (flag.load(acquire) == 2) require(data.load(relaxed) == 1, "a store in between releases nothing");
    });
    go();
}
/// One place never goes back for one reader.
void coherence() {
    Atomic<int> x{0};
    start([&] {
        x.store(1, relaxed);
        x.store(2, relaxed);
    });
    start([&] {
        const int a = x.load(relaxed), b = x.load(relaxed);
        require(b >= a, "a reader saw an older value after a newer one");
    });
    go();
}
/// Of two stores the later one comes last only if its writer knows of the earlier one.
template <std::memory_order read>
void order_of_stores() {
    OrderedAtomic<int> x{0};
    Atomic<int> flag{0};
    start([&] {
        x.store(1, relaxed);
        flag.store(1, release);
    });
    start([&] {
        if (flag.load(read) == 1) x.store(2, relaxed);
    });
    go();
}
void read_modify_write_is_atomic() {
    Atomic<int> x{0};
    for (int k = 0; k < 3; ++k) start([&] { x.fetch_add(1, relaxed); });
    go();
    require(x.load(relaxed) == 3, "an addition was lost");
}
void load_and_store_are_two_steps() {
    Atomic<int> x{0};
    for (int k = 0; k < 2; ++k) start([&] { x.store(x.load(acquire) + 1, release); });
    go();
    require(x.load(relaxed) == 2, "an addition was lost");
}
void mutex_orders() {
    Var<int> x{0};
    Mutex m;
    for (int k = 0; k < 3; ++k) {
        start([&] {
            m.lock();
            x = x + 1;
            m.unlock();
        });
    }
    go();
    require(x == 3, "an addition under a mutex was lost");
}
void no_mutex() {
    Var<int> x{0};
    for (int k = 0; k < 2; ++k) start([&] { x = x + 1; });
    go();
}
void two_mutexes() {
    Mutex a, b;
    const auto both = [](Mutex& first, Mutex& second) {
        first.lock();
        second.lock();
        second.unlock();
        first.unlock();
    };
    start([&] { both(a, b); });
    start([&] { both(b, a); });
    go();
}
template <bool looks>
void futex() {
    Atomic<std::uint32_t> word{0};
    start([&] {
        while (word.load(acquire) == 0) {
            Engine::it().point();
            if (!looks || word.newest() == 0) Engine::it().park(&word, dewpond::TimePoint::max());
        }
    });
    start([&] {
        word.store(1, release);
        Engine::it().point();
        Engine::it().unpark(&word, false);
    });
    go();
}
/// A park with a deadline ends only when nobody can run, unless early time-outs are asked for.
void patient_time() {
    Atomic<std::uint32_t> word{0};
    bool late = false;
    start([&] {
        const auto until = Engine::it().now() + std::chrono::seconds{1};
        Engine::it().park(&word, until);
        late = Engine::it().now() >= until;
    });
    start([&] {
        Engine::it().point();
        Engine::it().unpark(&word, false);
    });
    go();
    require(!late, "somebody was late");
}
void touched_after_its_end() {
    auto* x = new Atomic<int>{0};
    start([x] { static_cast<void>(x->load(relaxed)); });
    start([x] { delete x; });
    go();
}
void never_freed() {
    int* volatile forgotten = new int{1};
    static_cast<void>(forgotten);
    start([] {});
    go();
}
void spins_for_ever() {
    Atomic<int> x{0};
    start([&] {
        while (x.load(relaxed) == 0) Engine::it().yield();
    });
    go();
}
/// What is being thrown and caught belongs to a fiber.
void exceptions_are_the_fibers_own() {
    Atomic<int> x{0};
    for (int k = 0; k < 2; ++k) {
        start([&x, k] {
            try {
                throw std::runtime_error{k == 0 ? "0" : "1"};
            } catch (const std::exception&) {
                x.fetch_add(1, relaxed);  // others run inside their handlers now
                try {
                    std::rethrow_exception(std::current_exception());
                } catch (const std::runtime_error& again) {
                    require(again.what()[0] == '0' + k, "a fiber caught what another threw");
                }
            }
            require(std::uncaught_exceptions() == 0, "a fiber has an exception left");
        });
    }
    go();
}
/// An allocation may fail, each in turn.
void allocations_fail() {
    start([] {
        arena::may_fail = true;
        try {
            static int* volatile both[2];
            both[0] = new int{1};
            both[1] = new int{2};
            delete both[0];
            delete both[1];
        } catch (const std::bad_alloc&) {
            require(false, "an allocation failed");
        }
        arena::may_fail = false;
    });
    go();
}

}  // namespace

const std::vector<Litmus>& litmus() {
    static const std::vector<Litmus> list{
        {{"store_buffering_relaxed", store_buffering<relaxed, relaxed>, {}}, true},
        {{"store_buffering_release", store_buffering<release, acquire>, {}}, true},
        {{"store_buffering_total", store_buffering<seq_cst, seq_cst>, {}}, false},
        {{"message_passing_relaxed", message_passing<relaxed, relaxed>, {}}, true},
        {{"message_passing_no_acquire", message_passing<release, relaxed>, {}}, true},
        {{"message_passing_no_release", message_passing<relaxed, acquire>, {}}, true},
        {{"message_passing", message_passing<release, acquire>, {}}, false},
        {{"message_passing_plain_relaxed", message_passing_plain<relaxed, acquire>, {}}, true},
        {{"message_passing_plain", message_passing_plain<release, acquire>, {}}, false},
        {{"release_sequence", release_sequence, {}}, false},
        {{"no_release_sequence", no_release_sequence, {}}, true},
        {{"coherence", coherence, {.preemptions = 9}}, false},
        {{"order_of_stores_relaxed", order_of_stores<relaxed>, {}}, true},
        {{"order_of_stores", order_of_stores<acquire>, {}}, false},
        {{"read_modify_write_is_atomic", read_modify_write_is_atomic, {}}, false},
        {{"load_and_store_are_two_steps", load_and_store_are_two_steps, {}}, true},
        {{"mutex_orders", mutex_orders, {}}, false},
        {{"no_mutex", no_mutex, {}}, true},
        {{"two_mutexes", two_mutexes, {}}, true},
        {{"futex", futex<true>, {}}, false},
        {{"futex_without_looking", futex<false>, {}}, true},
        {{"patient_time", patient_time, {}}, true},  // the wake may come before the sleep
        {{"touched_after_its_end", touched_after_its_end, {}}, true},
        {{"never_freed", never_freed, {}}, true},
        {{"spins_for_ever", spins_for_ever, {.steps = 500}}, true},
        {{"exceptions_are_the_fibers_own", exceptions_are_the_fibers_own, {}}, false},
        {{"allocations_fail", allocations_fail, {}}, true},
    };
    return list;
}

}  // namespace model
