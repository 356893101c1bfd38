// The schedule explorer: fibers on one thread, a decision before every step that other fibers can see, time that is
// virtual. A run is the list of its decisions: the same list gives the same run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include <boost/context/fiber.hpp>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/waiters.hpp>

namespace model {

/// Fiber 0 is the scenario itself: it sets up, starts the others, and looks at what is left.
constexpr unsigned max_fibers = 8;
using Stamp = std::uint16_t;

/// What a fiber knows to have happened: for each fiber the number of its steps.
struct Clock {
    using V = Stamp __attribute__((vector_size(2 * max_fibers)));
    V v{};
    void join(const Clock& o) noexcept { v = v > o.v ? v : o.v; }
    [[nodiscard]] bool covers(const Clock& o) const noexcept { return none(o.v > v); }
    /// One of the marks (0: no mark) has happened.
    [[nodiscard]] bool knows_any(const Clock& marks) const noexcept { return !none((marks.v != 0) & (v >= marks.v)); }

private:
    template <class M>
    static bool none(M m) noexcept {
        std::uint64_t part[2];
        static_assert(sizeof m == sizeof part);
        std::memcpy(part, &m, sizeof m);
        return (part[0] | part[1]) == 0;
    }
};

/// What a decision is about.
enum class Kind : std::uint8_t {
    thread,    ///< who goes on; a parked fiber may be chosen to time out
    stale,     ///< which of several values a load sees; 0: the newest
    fault,     ///< does it fail? 0: no
    spurious,  ///< does a park or a weak exchange end for no reason? 0: no
    data,      ///< any other choice
};

/// How far a run may stray. Searching exhaustively means: within these bounds.
struct Bounds {
    unsigned preemptions = 2;  ///< of a fiber that could have gone on
    unsigned stale = 2;        ///< loads of anything but the newest value
    unsigned faults = 1;
    unsigned timeouts = 0;     ///< before nobody else can run; 0: time moves only then
    unsigned spurious = 0;
    unsigned steps = 20'000;   ///< more is a livelock
};

/// Who decides. `n` >= 2 alternatives; 0 is the tame one.
class Strategy {
public:
    virtual ~Strategy() = default;
    virtual unsigned decide(Kind kind, unsigned n) = 0;
    /// For thread decisions, the fibers behind the alternatives, the running one first if it can go on.
    virtual unsigned decide_thread(const std::uint8_t* fibers, unsigned n, bool may_stay) {
        static_cast<void>(fibers), static_cast<void>(may_stay);
        return decide(Kind::thread, n);
    }
};

struct Decision {
    Kind kind;
    std::uint8_t of, chosen;
};

/// What became of one run.
struct Outcome {
    const char* failure = nullptr;  ///< null: none
    unsigned decisions = 0, steps = 0;
    std::uint64_t hash = 0;
};

class Engine {
public:
    static Engine& it() noexcept { return engine; }

    /// Runs `scenario` once.
    Outcome run(void (*scenario)(), const Bounds& bounds, Strategy& strategy);
    [[nodiscard]] const Decision* decisions() const noexcept { return list_; }
    /// Places of a scenario are found to need decisions as they are seen to; forget them for another scenario.
    void forget_places() noexcept { std::memset(contended_, 0, sizeof contended_); }
    void expect_place(unsigned place) noexcept { contended_[place % most_places] = true; }
    /// Calls `f` with every place that was known to need decisions when the last run began.
    template <class F>
    void places(F f) const;
    /// A place was found to need decisions that had been thought private: an exhaustive search has to begin again.
    [[nodiscard]] bool learned() noexcept { return std::exchange(learned_, false); }
    bool trace = false;

    // ---- for scenarios ----

    template <class F>
    unsigned start(F f);
    void join(unsigned fiber) noexcept;
    /// Lets all fibers run until they have ended.
    void go() noexcept;
    [[noreturn]] void fail(const char* why) noexcept;
    /// Only the calling fiber goes on, as in the child of a fork; what others hold stays held. It ends with succeed().
    void vanish_others() noexcept;
    [[noreturn]] void succeed() noexcept;
    [[nodiscard]] unsigned choose(Kind kind, unsigned n) noexcept;
    /// A fault within the bounds.
    [[nodiscard]] bool faulty() noexcept { return faults_ != 0 && choose(Kind::fault, 2) != 0 && faults_-- != 0; }
    [[nodiscard]] dewpond::TimePoint now() const noexcept { return now_; }
    /// Whoever has `d` to live can be late before nobody else can run.
    [[nodiscard]] bool adversarial() const noexcept { return bounds_.timeouts != 0; }
    void sleep_until(dewpond::TimePoint at) noexcept;
    [[nodiscard]] unsigned me() const noexcept { return current_; }
    [[nodiscard]] std::uint64_t run_number() const noexcept { return run_number_; }
    /// Called when the running fiber has ended its work, as one of its last steps.
    void at_end(void (*leave)() noexcept) noexcept { fibers_[current_].leave = leave; }
    [[nodiscard]] unsigned locks_held() const noexcept { return fibers_[current_].locks; }
    [[nodiscard]] bool running() const noexcept { return running_; }
    /// Reads made while peeking are no steps.
    struct Peek {
        Peek() noexcept { ++it().peeking_; }
        ~Peek() { --it().peeking_; }
    };
    /// Called whenever a mutex is about to be free; 'mutex' tells which.
    void (*on_unlock)(const void* mutex) = nullptr;

    // ---- for what is modelled (memory.hpp) ----

    [[nodiscard]] bool silent() const noexcept { return !running_ || peeking_ != 0; }
    [[nodiscard]] Clock& clock() noexcept { return fibers_[current_].clock; }
    [[nodiscard]] Stamp stamp() const noexcept { return fibers_[current_].clock.v[current_]; }
    void tick() noexcept { ++fibers_[current_].clock.v[current_]; }
    Clock& total_order() noexcept { return total_order_; }
    /// A place made during set-up has a number, the same in every run; 0: none.
    [[nodiscard]] std::uint16_t number_a_place() noexcept;
    [[nodiscard]] bool contended(std::uint16_t place) const noexcept { return place == 0 || contended_[place]; }
    void found_contended(std::uint16_t place) noexcept {
        if (contended_[place]) return;
        contended_[place] = learned_ = true;
        new_places_[found_++] = place;
    }
    void point() noexcept;
    [[nodiscard]] unsigned choose_stale(unsigned n) noexcept;
    [[nodiscard]] bool spurious() noexcept { return spurious_ != 0 && choose(Kind::spurious, 2) != 0 && spurious_-- != 0; }
    void wait_for_mutex(const void* mutex) noexcept;
    void mutex_free(const void* mutex) noexcept;
    void lock_count(int by) noexcept { fibers_[current_].locks += static_cast<unsigned>(by); }
    void park(const void* word, dewpond::TimePoint until) noexcept;
    void unpark(const void* word, bool all) noexcept;
    /// Makes room for others until something has changed, or nobody else can run.
    void yield() noexcept;
    void changed() noexcept;
    /// A barrier in every fiber at once: what each has done is known to the running one, and the reverse.
    void heavy() noexcept;
    void note(const char* what, const void* where, std::uint64_t a = 0, std::uint64_t b = 0) noexcept;

private:
    enum class State : std::uint8_t { none, ready, wants_mutex, parked, yielding, joining, ended };
    /// Two words of the C++ runtime that belong to a thread: what is being caught and thrown.
    struct Exceptions {
        void* caught = nullptr;
        unsigned uncaught = 0;
    };
    struct Fiber {
        boost::context::fiber context;
        State state = State::none;
        const void* waits_for = nullptr;
        dewpond::TimePoint until{};
        Clock clock;
        unsigned locks = 0;
        void (*body)(void*) = nullptr;
        void* closure = nullptr;
        void (*leave)() noexcept = nullptr;
        Exceptions exceptions;
        dewpond::detail::Deferred::Pending pending;
    };
    static Engine engine;

    unsigned start(void (*body)(void*), void* closure) noexcept;
    void ended() noexcept;
    void block(State why) noexcept;
    void pick() noexcept;
    void let_time_pass() noexcept;
    void switch_to(unsigned fiber) noexcept;
    void leave_fiber() noexcept;
    unsigned record(Kind kind, unsigned n, unsigned chosen) noexcept;

    static constexpr unsigned most_decisions = 1u << 14;
    static constexpr unsigned most_places = 4096;

    Fiber fibers_[max_fibers];
    boost::context::fiber scheduler_;
    unsigned current_ = 0, next_ = 0, used_ = 0;
    bool running_ = false, setting_up_ = false, learned_ = false, others_vanished_ = false;
    unsigned peeking_ = 0;
    Bounds bounds_;
    unsigned preemptions_ = 0, stale_ = 0, faults_ = 0, timeouts_ = 0, spurious_ = 0, steps_ = 0;
    Strategy* strategy_ = nullptr;
    dewpond::TimePoint now_{};
    Clock total_order_;
    const char* failure_ = nullptr;
    unsigned made_ = 0;
    std::uint64_t run_number_ = 0;
    std::uint64_t hash_ = 0;
    std::uint16_t places_ = 0;
    Decision list_[most_decisions];
    bool contended_[most_places] = {};
    std::uint16_t new_places_[most_places] = {};  // found in this run
    unsigned found_ = 0;
};

template <class F>
void Engine::places(F f) const {
    for (unsigned p = 1; p < most_places; ++p) {
        bool then = contended_[p];
        for (unsigned i = 0; i < found_; ++i) then = then && new_places_[i] != p;
        if (then) f(p);
    }
}

template <class F>
unsigned Engine::start(F f) {
    return start(
        [](void* closure) {
            F body{std::move(*static_cast<F*>(closure))};
            delete static_cast<F*>(closure);
            body();
        },
        new F(std::move(f)));
}

/// What must hold in a scenario.
inline void require(bool holds, const char* what) noexcept {
    if (!holds) Engine::it().fail(what);
}

/// Memory of a run: never given twice, so that what is touched after its end is noticed; counted, so that a leak is.
namespace arena {
void begin_run() noexcept;
[[nodiscard]] std::size_t living() noexcept;
/// Fails each allocation within the bounds on faults while set.
extern bool may_fail;
}  // namespace arena

}  // namespace model
