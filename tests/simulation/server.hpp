// SPDX-License-Identifier: BSL-1.0
// Server: the other side of a simulated pool, and the driver that talks to it. What goes wrong, and how often, is its
// weather. It keeps its own books, so that the pool's can be held against them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <dewpond/driver.hpp>
#include <dewpond/testing/manual_clock.hpp>

#include "simulation/dice.hpp"

namespace simulation {

using namespace std::chrono_literals;
using dewpond::Deadline;
using dewpond::Duration;
using dewpond::Fault;
using dewpond::OpenError;
using dewpond::ResetResult;
using dewpond::TimePoint;
using dewpond::testing::ManualClock;

struct Weather {
    bool up = true;
    Fault when_down = Fault::unreachable;
    Duration open_from = 0ns, open_to = 0ns;  ///< how long an opening takes
    double open_fails = 0;                    ///< shares of the calls
    double open_hangs = 0;                    ///< ... until its deadline
    double ping_fails = 0;
    double dies_at_rest = 0;                  ///< found by the next probe
    double reset_breaks = 0;
    double reset_unfinished = 0;
    double stays_dirty = 0;                   ///< the reset says clean, and it is not
};

/// One resource, as the server knows it.
struct Link {
    TimePoint born{};
    bool open = true, broken = false, dirty = false;
};

class Server {
public:
    Server(ManualClock c, std::uint64_t seed) : clock{c}, dice{seed} {}

    ManualClock clock;
    Dice dice;
    Weather weather;
    std::vector<Link> links;                     ///< by number
    std::vector<TimePoint> attempts;             ///< every opening that was begun
    std::uint64_t opens = 0, closes = 0, faults = 0;
    std::uint32_t live = 0, most_live = 0, opening = 0, most_opening = 0, failures_in_row = 0;
    std::vector<std::string> broken_rules;
    /// What the rest of the world does until then, while an opening takes its time.
    std::function<void(TimePoint)> meanwhile = [this](TimePoint until) { clock.set(until); };
    std::function<void(const Link&)> on_close = [](const Link&) {};

    [[nodiscard]] std::uint64_t attempts_since(TimePoint from) const {
        return static_cast<std::uint64_t>(attempts.end() - std::lower_bound(attempts.begin(), attempts.end(), from));
    }
    void break_all() {
        for (Link& l : links) l.broken = true;
    }
    bool fault(double share) {
        const bool it_is = dice.chance(share);
        faults += it_is ? 1 : 0;
        return it_is;
    }
};

/// The resource is a number; a moved-from one is no different, as it must not be used.
struct Connection {
    std::size_t number = 0;
};

class Driver {
public:
    using resource = Connection;
    explicit Driver(Server& s) noexcept : server_{&s} {}

    dewpond::Result<Connection, OpenError> open(Deadline by) {
        Server& s = *server_;
        s.attempts.push_back(s.clock.now());
        s.most_opening = std::max(s.most_opening, ++s.opening);
        s.most_live = std::max(s.most_live, s.live + s.opening);
        TimePoint until = s.clock.now() + s.dice.between(s.weather.open_from, s.weather.open_to);
        bool fails = s.fault(s.weather.open_fails);
        const bool hangs = s.fault(s.weather.open_hangs) || until > by.at();
        if (hangs) until = by.at();
        if (until > s.clock.now()) s.meanwhile(until);
        --s.opening;
        if (!s.weather.up) ++s.faults, fails = true;
        if (fails || hangs) {
            ++s.failures_in_row;
            return OpenError{hangs ? Fault::timed_out : s.weather.when_down};
        }
        s.failures_in_row = 0;
        ++s.opens;
        ++s.live;
        s.links.push_back({.born = s.clock.now()});
        return Connection{s.links.size() - 1};
    }
    void close(Connection& c) noexcept {
        if (Link* l = link(c, "closed twice")) {
            l->open = false;
            --server_->live;
            ++server_->closes;
            server_->on_close(*l);
        }
    }
    bool probe(Connection& c) noexcept {
        Link* l = link(c, "probed after it was closed");
        if (l != nullptr && server_->fault(server_->weather.dies_at_rest)) l->broken = true;
        return l != nullptr && !l->broken;
    }
    bool ping(Connection& c, Deadline) noexcept {
        const Link* l = link(c, "pinged after it was closed");
        return l != nullptr && server_->weather.up && !l->broken && !server_->fault(server_->weather.ping_fails);
    }
    bool dirty(Connection& c) noexcept {
        const Link* l = link(c, "asked after it was closed");
        return l != nullptr && l->dirty;
    }
    ResetResult reset(Connection& c, Deadline) noexcept {
        Link* l = link(c, "reset after it was closed");
        Server& s = *server_;
        if (l == nullptr || l->broken || !s.weather.up || s.fault(s.weather.reset_breaks)) return ResetResult::broken;
        if (s.fault(s.weather.reset_unfinished)) return ResetResult::unfinished;
        l->dirty = s.fault(s.weather.stays_dirty);
        return ResetResult::clean;
    }

private:
    Link* link(const Connection& c, const char* otherwise) noexcept {
        Link& l = server_->links[c.number];
        if (l.open) return &l;
        server_->broken_rules.emplace_back(otherwise);
        return nullptr;
    }
    Server* server_;
};

}  // namespace simulation
