// SPDX-License-Identifier: BSL-1.0
// Tells events to the user's sink, at most one per kind and place in ten seconds.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <thread>
#include <utility>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/sync.hpp>
#include <dewpond/event.hpp>

namespace dewpond::inline v0::detail {

/// What the table of recent events answers: tell this one, with so many untold before it, or keep quiet.
struct Telling {
    bool tell = true;
    std::uint64_t suppressed = 0;
};

/// The last time each (kind, place) was told, of the 64 that were told last. Nobody is limited for the sake of another: with
/// more than that within ten seconds the one told longest ago is forgotten, with what it had left untold.
class RecentEvents {
public:
    Telling note(EventKind kind, Place place, TimePoint now) noexcept {
        Line* free = lines_;
        for (Line& line : lines_) {
            if (line.kind == kind && line.place == place.bits()) {
                if (now - line.told < std::chrono::seconds{10}) {
                    ++line.untold;
                    return {false, 0};
                }
                line.told = now;
                return {true, std::exchange(line.untold, 0)};
            }
            // Where nothing was ever told comes before all.
            if (free->kind != EventKind::count_ && (line.kind == EventKind::count_ || line.told < free->told)) free = &line;
        }
        *free = {place.bits(), now, 0, kind};
        return {true, 0};
    }

private:
    struct Line {
        std::uintptr_t place = 0;  // the address only: what it points to is not looked at
        TimePoint told{};
        std::uint64_t untold = 0;
        EventKind kind = EventKind::count_;
    };
    Line lines_[64];
};

template <class Sync>
class Announcer {
public:
    Announcer(EventSink sink, std::string_view pool) noexcept : sink_{std::move(sink)}, pool_{pool} {}

    /// Called outside every lock. A sink that is absent costs one test.
    DEWPOND_COLD void tell(Event e, TimePoint now, const Sync& sync) noexcept {
        if (!sink_) return;
        Inside me{std::this_thread::get_id()};
        {
            Locked lock{mutex_};
            if (muted_) return;
            if (e.kind != EventKind::down && e.kind != EventKind::up) {
                const Telling t = recent_.note(e.kind, e.place, now);
                if (!t.tell) return;
                e.suppressed = t.suppressed;
            }
            me.next = std::exchange(first_, &me);
        }
        e.pool = pool_;
        sink_(e);
        {
            Locked lock{mutex_};
            Inside** at = &first_;
            while (*at != &me) at = &(*at)->next;
            *at = me.next;
            if (!muted_) return;
            ended_.fetch_add(1, std::memory_order_relaxed);
        }
        sync.unpark_all(&ended_);
    }
    /// The pool's handle is going, and then perhaps what the sink refers to: nobody enters the sink any more, and whoever
    /// is inside it has left. Not this thread itself, where the sink ends its own pool.
    void mute(const Sync& sync) noexcept {
        for (;;) {
            std::uint32_t seen = 0;
            {
                Locked lock{mutex_};
                muted_ = true;
                const auto self = std::this_thread::get_id();
                const Inside* other = first_;
                while (other != nullptr && other->who == self) other = other->next;
                if (other == nullptr) return;
                seen = ended_.load(std::memory_order_relaxed);
            }
            sync.park(ended_, seen, Deadline{});
        }
    }

private:
    /// A call of the sink, on the stack of whoever makes it.
    struct Inside {
        std::thread::id who;
        Inside* next = nullptr;
    };

    EventSink sink_;
    std::string_view pool_;
    typename Sync::mutex mutex_;
    RecentEvents recent_;
    Inside* first_ = nullptr;
    bool muted_ = false;
    typename Sync::template atomic<std::uint32_t> ended_{0};  // calls of the sink that ended after mute() began
};

}  // namespace dewpond::inline v0::detail
