// SPDX-License-Identifier: BSL-1.0
// Bench: what every behaviour test stands on: a script, a clock that stands still, what was told, and a pool. Threads
// that borrow; callbacks that wait. Nothing in here sleeps: what is waited for is bounded, and its failure is a failure
// of the test.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "kit/pond.hpp"

namespace behaviour {

using namespace std::chrono_literals;
using namespace dewpond::testing;

/// Turns over to other threads until `done()`; false after ten real seconds.
bool eventually(const std::function<bool()>& done);

/// One thread with one thing to do.
class Task {
public:
    explicit Task(std::function<void()> work);
    Task(const Task&) = delete;
    ~Task() { join(); }
    void join() {
        if (thread_.joinable()) thread_.join();
    }
    /// Whether it is over by now.
    [[nodiscard]] bool over() const;
    /// Whether it is over, or will be within ten real seconds.
    [[nodiscard]] bool ends() const;

private:
    mutable std::mutex m_;
    mutable std::condition_variable changed_;
    bool over_ = false;
    std::thread thread_;
};

/// A thread that checks out and keeps what it got.
class Borrower {
public:
    Borrower(Pond& pool, std::optional<Limit> limit, Place place = std::source_location::current()) : Borrower{pool, Wish{limit, {}, place}} {}
    Borrower(Pond& pool, Wish wish);

    [[nodiscard]] bool over() const { return task_->over(); }
    [[nodiscard]] bool ends() const { return task_->ends(); }
    /// Waits for the answer.
    Outcome& outcome();
    /// The lease, or a failure of the test.
    AnyLease& lease();
    /// The id of the resource it got, 0 for an error.
    std::uint32_t id() { return outcome() ? outcome()->id() : 0; }
    /// The error's code; `bad_option` if there was none.
    Code code() { return outcome() ? Code::bad_option : outcome().error().code(); }

private:
    std::shared_ptr<std::optional<Outcome>> result_ = std::make_shared<std::optional<Outcome>>();
    std::unique_ptr<Task> task_;
};

/// A waiter without a thread that remembers how it was served.
class Caller {
public:
    explicit Caller(Pond& pool) : Caller{pool, {}} {}
    /// `then` runs inside the callback.
    Caller(Pond& pool, std::function<void(Caller&)> then);

    Ticket& ticket() { return *ticket_; }
    [[nodiscard]] int served() const;
    [[nodiscard]] bool is_served() const;  ///< within ten real seconds
    Outcome& outcome() { return *outcome_; }
    AnyLease& lease() { return **outcome_; }
    Code code() { return !outcome_ ? Code::bad_option : *outcome_ ? Code::bad_option : outcome_->error().code(); }
    [[nodiscard]] std::thread::id thread() const { return thread_; }

private:
    mutable std::mutex m_;
    int served_ = 0;
    std::thread::id thread_{};
    std::optional<Outcome> outcome_;
    std::unique_ptr<Ticket> ticket_;
};

/// An event, with copies of what its views showed.
struct Told {
    EventKind kind;
    std::string pool, place, text;
    std::uint32_t slot;
    Duration age;
    Fault fault;
    CloseReason reason;
    std::uint64_t suppressed;
};

class Bench {
public:
    explicit Bench(const Config& config, dewpond::Options options = {});
    explicit Bench(std::string_view name, dewpond::Options options = {}) : Bench{behaviour::config(name), std::move(options)} {}
    Bench(const Bench&) = delete;
    ~Bench();

    const Config& config;
    Script script;
    StallClock clock;
    Setting setting;

    /// Makes the pool from the setting.
    Pond& start();
    /// `start()` for a pool of `n` slots.
    Pond& start(std::size_t n) {
        setting.options.max_size = n;
        script.allow_at_most(n);
        return start();
    }
    [[nodiscard]] Pond& pool() { return *pool_; }
    void destroy() { pool_.reset(); }

    /// `n` leases, each of a resource opened for it.
    std::vector<AnyLease> take(std::size_t n);
    /// Opens `n` resources and leaves them idle.
    void fill(std::size_t n) { take(n); }
    /// Blocks until `n` threads wait and the pool's own threads are at rest: nothing moves any more.
    void quiesce(std::size_t n);
    /// How many threads the pool has of its own.
    [[nodiscard]] std::size_t crew() const;
    /// Blocks until `n` are in the queue.
    void wait_waiting(std::uint32_t n);

    [[nodiscard]] std::vector<Told> told() const;
    [[nodiscard]] std::vector<Told> told(EventKind kind) const;
    /// Called inside the sink.
    void on_event(std::function<void(const dewpond::Event&)> f);

private:
    struct Log {
        std::mutex m;
        std::vector<Told> told;
        std::function<void(const dewpond::Event&)> then;
    };
    std::shared_ptr<Log> log_ = std::make_shared<Log>();
    std::unique_ptr<Pond> pool_;
};

/// idle + in_use + opening + retiring == size <= max_size.
[[nodiscard]] bool conserves(const Stats& s);

/// The code of the error that `f` throws; `bad_option` if it throws none.
Code code_of(const std::function<void()>& f);

[[nodiscard]] inline bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

/// A test case for each configuration that `wanted` likes.
struct PondCases final : boost::unit_test::test_unit_generator {
    PondCases(const char* name, const char* file, std::size_t line, void (*body)(const Config&), bool (*wanted)(const Config&));
    boost::unit_test::test_unit* next() const override;

private:
    std::string name_;
    const char* file_;
    std::size_t line_;
    void (*body_)(const Config&);
    std::vector<const Config*> wanted_;
    mutable std::size_t at_ = 0;
};

}  // namespace behaviour

/// POND_TEST_CASE(sentence) { Bench b{config}; ... }: in every configuration;
/// POND_TEST_CASE_IF(sentence, condition): in those for which the expression about `c` is true.
#define POND_TEST_CASE(sentence) POND_TEST_CASE_IF(sentence, (static_cast<void>(c), true))
#define POND_TEST_CASE_IF(sentence, condition)                                                                                                         \
    static void sentence(const behaviour::Config& config);                                                                                             \
    BOOST_TEST_DECORATOR(*boost::unit_test::timeout(20))                                                                                               \
    BOOST_AUTO_TU_REGISTRAR(sentence)                                                                                                                  \
    (behaviour::PondCases{#sentence, __FILE__, __LINE__, &sentence, [](const behaviour::Config& c) -> bool { return condition; }},                     \
     boost::unit_test::decorator::collector_t::instance());                                                                                            \
    static void sentence(const behaviour::Config& config)
