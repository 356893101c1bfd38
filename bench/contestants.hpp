// SPDX-License-Identifier: BSL-1.0
// Who takes part in the benchmark of record: one face for all, and the list.
#pragma once

#include <cstddef>
#include <memory>
#include <semaphore>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "pools.hpp"

// Which packages are there is found out by CMake: bench/CMakeLists.txt.
#if BENCH_HAS_BOOST_LOCKFREE
#include <boost/lockfree/stack.hpp>
#endif
#if BENCH_HAS_POCO
#include <Poco/ObjectPool.h>
#endif
#if BENCH_HAS_SOCI
#include <soci/connection-pool.h>
#include <soci/session.h>
#endif
#if BENCH_HAS_TBB
#include <tbb/concurrent_queue.h>
#endif
#if BENCH_HAS_MOODYCAMEL
#include <concurrentqueue/blockingconcurrentqueue.h>
#endif

namespace bench {

/// Gives a peer that has `take` and `give` a lease, so that all are used alike: what a user of the peer would write who
/// gives back on every path.
template <class Source>
class Peer {
public:
    using Token = typename Source::Token;
    class Lease {
    public:
        Lease(Source& source, Token token) : source_{&source}, token_{token} {}
        Lease(Lease&& other) noexcept : source_{std::exchange(other.source_, nullptr)}, token_{other.token_} {}
        Lease& operator=(Lease&&) = delete;
        ~Lease() {
            if (source_ != nullptr) source_->give(token_);
        }
        auto& operator*() const { return source_->at(token_); }

    private:
        Source* source_;
        Token token_;
    };

    explicit Peer(std::size_t size) : source_{size} {}
    Lease checkout() { return Lease{source_, source_.take()}; }

private:
    Source source_;
};

/// Peers that pass pointers to resources which live beside them.
class Pointers {
public:
    using Token = int*;
    explicit Pointers(std::size_t size) : resources_(size) {}
    static int& at(int* token) { return *token; }

protected:
    std::vector<int> resources_;
};

#if BENCH_HAS_BOOST_LOCKFREE
class SemaphoreAndStack : public Pointers {
public:
    explicit SemaphoreAndStack(std::size_t size)
        : Pointers{size}, idle_{size}, count_{static_cast<std::ptrdiff_t>(size)} {
        for (int& r : resources_) idle_.push(&r);
    }
    int* take() {
        count_.acquire();
        int* token = nullptr;
        while (!idle_.pop(token)) {
        }
        return token;
    }
    void give(int* token) {
        idle_.push(token);
        count_.release();
    }

private:
    boost::lockfree::stack<int*, boost::lockfree::fixed_sized<true>> idle_;
    std::counting_semaphore<> count_;
};
#endif

#if BENCH_HAS_POCO
class PocoPool {
public:
    using Token = int*;
    explicit PocoPool(std::size_t size) : pool_{size, size} {
        std::vector<int*> all(size);
        for (int*& one : all) one = take();
        for (int* one : all) give(one);
    }
    int* take() {
        for (;;) {
            if (int* token = pool_.borrowObject(60'000)) return token;
        }
    }
    void give(int* token) { pool_.returnObject(token); }
    static int& at(int* token) { return *token; }

private:
    Poco::ObjectPool<int> pool_;
};
#endif

#if BENCH_HAS_SOCI
/// Its sessions are never opened: what is left is the pool.
class SociPool {
public:
    using Token = std::size_t;
    explicit SociPool(std::size_t size) : pool_{size} {}
    std::size_t take() { return pool_.lease(); }
    void give(std::size_t token) { pool_.give_back(token); }
    soci::session& at(std::size_t token) { return pool_.at(token); }

private:
    soci::connection_pool pool_;
};
#endif

#if BENCH_HAS_TBB
class TbbQueue : public Pointers {
public:
    explicit TbbQueue(std::size_t size) : Pointers{size} {
        idle_.set_capacity(static_cast<std::ptrdiff_t>(size));
        for (int& r : resources_) idle_.push(&r);
    }
    int* take() {
        int* token = nullptr;
        idle_.pop(token);
        return token;
    }
    void give(int* token) { idle_.push(token); }

private:
    tbb::concurrent_bounded_queue<int*> idle_;
};
#endif

#if BENCH_HAS_MOODYCAMEL
/// Without its tokens for producers and consumers: whoever holds a resource may be any thread.
class MoodycamelQueue : public Pointers {
public:
    explicit MoodycamelQueue(std::size_t size) : Pointers{size}, idle_{size} {
        for (int& r : resources_) idle_.enqueue(&r);
    }
    int* take() {
        int* token = nullptr;
        idle_.wait_dequeue(token);
        return token;
    }
    void give(int* token) { idle_.enqueue(token); }

private:
    moodycamel::BlockingConcurrentQueue<int*> idle_;
};
#endif

using StrictPool = dewpond::Pool<NullDriver, dewpond::StrictFifo>;

enum class Part {
    judged,   ///< may never be slower than the rival
    shown,    ///< dewpond with an answer whose price is known
    rival,    ///< the textbook pool
    control,  ///< the rival once more: how far apart two copies of one code come out
    peer,
};

template <class P>
struct Contestant {
    using Pool = P;
    const char* name;
    Part part;
};

/// Calls `visit` with each contestant, in the order of the tables. `pairs`: also with what takes part only where a pair
/// of one thread is all there is, since every other workload would take longer by it.
template <bool pairs = false, class Visit>
void each_contestant(Visit visit) {
    visit(Contestant<DefaultPool>{"dewpond", Part::judged});
    visit(Contestant<BarePool>{"dewpond, bare", Part::judged});
    visit(Contestant<CellsPool>{"dewpond, ThreadCells", Part::judged});
    if constexpr (pairs) visit(Contestant<BareCellsPool>{"dewpond, bare, ThreadCells", Part::judged});
    visit(Contestant<StrictPool>{"dewpond, StrictFifo", Part::shown});
    visit(Contestant<Textbook>{"textbook mutex pool", Part::rival});
    visit(Contestant<TextbookPool<int>>{"textbook, a second one", Part::control});
#if BENCH_HAS_BOOST_LOCKFREE
    visit(Contestant<Peer<SemaphoreAndStack>>{"counting_semaphore + lockfree::stack", Part::peer});
#endif
#if BENCH_HAS_POCO
    visit(Contestant<Peer<PocoPool>>{"Poco ObjectPool", Part::peer});
#endif
#if BENCH_HAS_SOCI
    visit(Contestant<Peer<SociPool>>{"SOCI connection_pool", Part::peer});
#endif
#if BENCH_HAS_TBB
    visit(Contestant<Peer<TbbQueue>>{"oneTBB bounded queue", Part::peer});
#endif
#if BENCH_HAS_MOODYCAMEL
    visit(Contestant<Peer<MoodycamelQueue>>{"moodycamel queue", Part::peer});
#endif
}

/// What this build has not, for the tables' first line.
inline std::string missing_peers() {
    std::string out;
    const auto miss = [&out](const char* package) { (out += out.empty() ? "" : ", ") += package; };
#if !BENCH_HAS_BOOST_LOCKFREE
    miss("libboost-dev");
#endif
#if !BENCH_HAS_POCO
    miss("libpoco-dev");
#endif
#if !BENCH_HAS_SOCI
    miss("libsoci-dev");
#endif
#if !BENCH_HAS_TBB
    miss("libtbb-dev");
#endif
#if !BENCH_HAS_MOODYCAMEL
    miss("libconcurrentqueue-dev");
#endif
    static_cast<void>(miss);
    return out;
}

/// A pool of this size with all its resources open and idle.
template <class Pool>
std::unique_ptr<Pool> ready_pool(std::size_t size) {
    if constexpr (std::is_constructible_v<Pool, std::size_t>) {
        return std::make_unique<Pool>(size);
    } else {
        auto pool = std::make_unique<Pool>(NullDriver{}, options_for(size));
        take_all(*pool, size).clear();
        return pool;
    }
}

}  // namespace bench
