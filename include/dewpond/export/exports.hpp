// SPDX-License-Identifier: BSL-1.0
// Exports: the pools that are to be seen from outside, so that one call reads all of them.
#pragma once

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include <dewpond/config.hpp>
#include <dewpond/export/writing.hpp>
#include <dewpond/stats.hpp>

namespace dewpond::inline v0 {

/// What a pool's recorder remembers, a line for each event, oldest first.
struct PoolEvents {
    std::string pool{};  ///< its name on the list
    std::vector<std::string> lines{};
};

namespace detail {

/// A pool that remembers what happened: `pool.events()`, each of them with a `to_string`.
template <class P>
concept Remembers = requires(const P& pool) {
    { to_string(*pool.events().begin()) } -> std::convertible_to<std::string>;
};

/// One pool on the list. `pool` is null once it is off it.
struct ExportEntry {
    std::mutex mutex;  // held while the pool is read: it is not gone before that
    void* pool = nullptr;
    Stats (*read)(void*) = nullptr;
    void (*recall)(void*, std::vector<std::string>&) = nullptr;
    std::string name{};
    std::uint64_t waited_least = 0;  // the highest first bucket of the waits that was read

    /// The first bucket of the waits is a difference of counts that are not of one instant, and might fall by one or two:
    /// for Prometheus, a counter that falls has started anew.
    [[nodiscard]] Stats snapshot() {
        Stats out = read(pool);
        out.name = name;
        waited_least = out.wait.buckets[0] = (std::max)(out.wait.buckets[0], waited_least);
        return out;
    }
};

/// The list of one Exports. After a fork another thread may have held the mutex, or have been changing the list, and is
/// not there to finish: so the child begins a room of its own and never looks at the parent's, which it leaves unfreed.
class ExportList {
public:
    struct Room {
        ::pid_t process;
        Room* older;
        std::mutex mutex{};
        std::vector<std::shared_ptr<ExportEntry>> entries{};
    };

    ExportList() : room_{new Room{::getpid(), nullptr}} {}
    ExportList(const ExportList&) = delete;
    ~ExportList() {
        for (Room* r = room_.load(std::memory_order_acquire); r != nullptr && mine(*r);) delete std::exchange(r, r->older);
    }

    [[nodiscard]] static bool mine(const Room& r) noexcept { return r.process == ::getpid(); }
    [[nodiscard]] Room& room() {
        Room* now = room_.load(std::memory_order_acquire);
        while (!mine(*now)) {
            std::unique_ptr<Room> fresh{new Room{::getpid(), now}};
            if (room_.compare_exchange_strong(now, fresh.get(), std::memory_order_acq_rel)) return *fresh.release();
        }
        return *now;
    }

private:
    std::atomic<Room*> room_;
};

}  // namespace detail

/// A pool's place among the exports, which it leaves when this ends. Declare it behind the pool, so that it ends first;
/// before that the pool is not read any more. In the child of a fork it ends without a lock.
class [[nodiscard]] Exported {
public:
    Exported() noexcept = default;
    Exported(Exported&& other) noexcept
        : list_{std::move(other.list_)}, room_{std::exchange(other.room_, nullptr)}, entry_{std::move(other.entry_)} {}
    Exported& operator=(Exported&& other) noexcept {
        if (this != &other) {
            leave();
            list_ = std::move(other.list_);
            room_ = std::exchange(other.room_, nullptr);
            entry_ = std::move(other.entry_);
        }
        return *this;
    }
    ~Exported() { leave(); }

    /// What the pool is called in metrics and health: its name, or `name#2` where another one has it. Empty after a move.
    [[nodiscard]] std::string name() const { return entry_ != nullptr ? entry_->name : std::string{}; }

private:
    friend class Exports;
    using List = detail::ExportList;
    Exported(std::shared_ptr<List> list, List::Room& room, std::shared_ptr<detail::ExportEntry> entry) noexcept
        : list_{std::move(list)}, room_{&room}, entry_{std::move(entry)} {}
    void leave() noexcept {
        if (entry_ == nullptr || !List::mine(*room_)) return;
        {
            const std::lock_guard lock{room_->mutex};
            std::erase(room_->entries, entry_);
        }
        const std::lock_guard lock{entry_->mutex};
        entry_->pool = nullptr;
    }

    std::shared_ptr<List> list_;
    List::Room* room_ = nullptr;
    std::shared_ptr<detail::ExportEntry> entry_;
};

/// The pools to be seen from outside. A pool is on no list unless somebody puts it there: what is not exported costs
/// nothing, and no static decides who is destroyed first. Copies are the same list, which lives as long as any of them or
/// anything on it. Thread-safe.
class Exports {
public:
    Exports() : list_{new detail::ExportList} {}

    /// Puts a pool on the list for as long as the answer lives, under a name no other pool on it has. The name stays the
    /// same, also when the other one leaves: a series never changes hands. Takes a lock; throws bad_alloc only.
    template <class P>
        requires requires(const P& pool) {
            { pool.stats() } -> std::same_as<Stats>;
            { pool.name() } -> std::convertible_to<std::string>;
        }
    [[nodiscard]] Exported add(P& pool) {
        const std::shared_ptr<detail::ExportEntry> entry{new detail::ExportEntry};
        entry->pool = const_cast<void*>(static_cast<const void*>(&pool));
        entry->read = [](void* p) { return static_cast<const P*>(p)->stats(); };
        entry->recall = [](void* p, std::vector<std::string>& out) {
            if constexpr (detail::Remembers<P>) {
                for (const auto& event : static_cast<const P*>(p)->events()) out.push_back(to_string(event));
            }
        };
        detail::ExportList::Room& room = list_->room();
        const std::lock_guard lock{room.mutex};
        entry->name = detail::unlike_others(pool.name(), [&room](const std::string& name) {
            for (const auto& other : room.entries) {
                if (other->name == name) return true;
            }
            return false;
        });
        room.entries.push_back(entry);
        return Exported{list_, room, entry};
    }

    /// A snapshot of every pool on the list, in the order in which they came, each under its name on it. Waits for nobody
    /// who uses a pool. In the child of a fork: of the pools the child has put on it.
    [[nodiscard]] std::vector<Stats> read() const {
        std::vector<Stats> out;
        each([&out](detail::ExportEntry& entry) { out.push_back(entry.snapshot()); });
        return out;
    }
    /// What the pools' recorders remember, in the same order; for people. Texts that drivers and servers gave are not in it,
    /// places in the program's source are.
    [[nodiscard]] std::vector<PoolEvents> events() const {
        std::vector<PoolEvents> out;
        each([&out](detail::ExportEntry& entry) {
            out.push_back({entry.name, {}});
            entry.recall(entry.pool, out.back().lines);
        });
        return out;
    }

private:
    /// Each pool that is still there, while it cannot leave. The list itself is free meanwhile.
    template <class F>
    void each(F f) const {
        detail::ExportList::Room& room = list_->room();
        std::vector<std::shared_ptr<detail::ExportEntry>> entries;
        {
            const std::lock_guard lock{room.mutex};
            entries = room.entries;
        }
        for (const auto& entry : entries) {
            const std::lock_guard lock{entry->mutex};
            if (entry->pool != nullptr) f(*entry);
        }
    }

    std::shared_ptr<detail::ExportList> list_;
};

}  // namespace dewpond::inline v0
