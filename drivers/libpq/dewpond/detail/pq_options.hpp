// SPDX-License-Identifier: BSL-1.0
// PqOptions, and the checked form of a connection string: what libpq is given for each attempt to connect.
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/detail/pq_statements.hpp>
#include <dewpond/error.hpp>

namespace dewpond::inline v0 {

/// How far a `PqDriver`'s reset goes. What each level lets through to the next borrower: docs/libpq.md.
enum class PqReset : std::uint8_t {
    transaction,  ///< rolls an open transaction back and puts the client's side back: no round trip, or one
    session,      ///< sends DISCARD ALL as well, and drops what was notified: one round trip more
};

/// What a server must be for a `PqDriver` to keep a connection to it.
enum class PqRole : std::uint8_t {
    any,
    primary,  ///< takes writes: neither in hot standby nor read only by default
    standby,  ///< in hot standby
};

/// What a `PqDriver` does where the connection string is silent, and how far its reset goes.
struct PqOptions {
    /// Sent where the connection string names none. Empty: the name of the pool, which PGAPPNAME in the environment
    /// overrides.
    std::string application_name = {};
    /// A network that drops an idle connection without a word (NAT boxes: after 240 to 350 s) is noticed after idle +
    /// interval * count = 60 s. TCP only, like the four below.
    bool keepalives = true;
    Duration keepalives_idle = std::chrono::seconds{30};
    Duration keepalives_interval = std::chrono::seconds{10};
    unsigned keepalives_count = 3;
    /// Keepalives do not run while data is unacknowledged (measured); this does. `never`: the system's choice.
    Duration tcp_user_timeout = std::chrono::seconds{30};
    /// How far a reset goes. When there is one is the pool's policy: with `ResetIfDirty` after a return that local
    /// memory finds dirty, with `ResetAlways` after each. After `session` the pool runs `OnOpen` again.
    PqReset reset = PqReset::transaction;
    /// Statements of your own that each reset ends with, sent as one string and so run as one transaction, which they
    /// must not leave open; rows are thrown away, an error closes the connection. Never quoted anywhere. As they may
    /// undo what `OnOpen` did, it runs again after them. Empty: none. \cost one round trip.
    std::string reset_sql = {};
    /// What `lease->prepared(sql)` does; `unnamed` behind a pooler that hands each transaction to another session.
    PqStatements statements = PqStatements::cache;
    /// So many statements each connection keeps, at least 1; the one that rested longest goes first.
    std::size_t max_statements = 64;
    /// Asked for at the opening of each connection (as `target_session_attrs`, which must be absent then), and looked
    /// at again at each return and checkout, from what the server reported with its last answer (PostgreSQL 14 and
    /// later). What does not fit is closed with `Fault::wrong_role`. \cost 0.15 us at each look; nothing for `any`.
    PqRole require = PqRole::any;
    /// Gets the server's notices; null swallows them. Libpq's default would write them to stderr. It stays attached to
    /// results, which outlive the lease: what `notice_arg` points to must outlive every result.
    PQnoticeReceiver notice_receiver = nullptr;
    void* notice_arg = nullptr;
};

namespace detail {

/// One place to try; empty means not said.
struct PqHost {
    std::string host, address, port;
};

/// The connection string, parsed once. Libpq would try several hosts by itself, but PQconnectPoll knows no limit per
/// host: a mute first host would eat the whole deadline and the good second one would never be asked. So each is a
/// try of its own. What PGHOST or a service file lists, and several addresses of one name, remain libpq's.
class PqTarget {
public:
    PqTarget(const std::string& conninfo, const PqOptions& options) {
        parse(conninfo);
        const auto add = [this](const char* keyword, std::string value) {
            if (!find(keyword)) said_.emplace_back(keyword, std::move(value));
        };
        using std::chrono::milliseconds, std::chrono::seconds;
        if (!options.keepalives) {
            add("keepalives", "0");
        } else if (const std::string* on = find("keepalives"); !on || *on != "0") {
            add("keepalives", "1");
            add("keepalives_idle", count<seconds>("keepalives_idle", options.keepalives_idle));
            add("keepalives_interval", count<seconds>("keepalives_interval", options.keepalives_interval));
            if (options.keepalives_count == 0) refuse("PqOptions::keepalives_count is 0: it must be at least 1");
            add("keepalives_count", std::to_string(options.keepalives_count));
        }
        if (!options.tcp_user_timeout.is_never()) {
            add("tcp_user_timeout", count<milliseconds>("tcp_user_timeout", options.tcp_user_timeout));
        }
        if (options.application_name.find('\0') != std::string::npos) {
            refuse("PqOptions::application_name contains a zero byte");
        }
        if (options.max_statements == 0) refuse("PqOptions::max_statements is 0: it must be at least 1");
        if (options.require != PqRole::any) {
            if (find("target_session_attrs")) refuse("PqOptions::require and target_session_attrs: keep one of the two");
            add("target_session_attrs", options.require == PqRole::primary ? "read-write" : "standby");
        }
        if (options.reset_sql.find('\0') != std::string::npos) refuse("PqOptions::reset_sql contains a zero byte");
        if (!options.application_name.empty()) add("application_name", options.application_name);
        split();
    }

    /// How many tries one opening makes at most.
    [[nodiscard]] std::size_t tries() const noexcept { return hosts_.size() * (prefers_standby_ ? 2 : 1); }
    /// `connect_timeout` of the connection string, for one try; PQconnectPoll does not look at it (measured).
    [[nodiscard]] Duration limit() const noexcept { return limit_; }
    [[nodiscard]] bool role_asked() const noexcept { return role_asked_; }

    /// Starts try `n`; null when there is no memory. Blocks while a host name is resolved: libpq calls getaddrinfo,
    /// which knows no deadline. `hostaddr=` or a socket's folder avoid it.
    [[nodiscard]] PGconn* start(std::size_t n, const std::string& pool) const {
        std::vector<const char*> keywords, values;
        const auto push = [&](const char* keyword, const char* value) {
            keywords.push_back(keyword);
            values.push_back(value);
        };
        for (const auto& [keyword, value] : said_) push(keyword.c_str(), value.c_str());
        const PqHost& h = hosts_[n % hosts_.size()];
        if (!h.host.empty()) push("host", h.host.c_str());
        if (!h.address.empty()) push("hostaddr", h.address.c_str());
        if (!h.port.empty()) push("port", h.port.c_str());
        if (prefers_standby_) push("target_session_attrs", n < hosts_.size() ? "standby" : "any");
        if (!pool.empty() && !find("fallback_application_name")) push("fallback_application_name", pool.c_str());
        push(nullptr, nullptr);
        return PQconnectStartParams(keywords.data(), values.data(), 0);
    }

private:
    [[noreturn]] static void refuse(std::string sentence) {
        DEWPOND_THROW(PoolError{Code::bad_option, std::string_view{}, std::move(sentence)});
    }

    [[nodiscard]] const std::string* find(std::string_view keyword) const noexcept {
        for (const auto& [k, v] : said_) {
            if (k == keyword) return &v;
        }
        return nullptr;
    }

    std::string take(std::string_view keyword) {
        for (auto it = said_.begin(); it != said_.end(); ++it) {
            if (it->first != keyword) continue;
            std::string value = std::move(it->second);
            said_.erase(it);
            return value;
        }
        return {};
    }

    void parse(const std::string& conninfo) {
        if (conninfo.find('\0') != std::string::npos) refuse("PqDriver: the connection string contains a zero byte");
        struct Free {
            void operator()(PQconninfoOption* o) const noexcept { PQconninfoFree(o); }
        };
        char* why = nullptr;  // quotes the token it stumbled over, which may be a password: never looked at
        const std::unique_ptr<PQconninfoOption, Free> all{PQconninfoParse(conninfo.c_str(), &why)};
        PQfreemem(why);
        if (!all) {
            refuse("PqDriver: the connection string cannot be read; it must be 'keyword=value ...' or "
                   "'postgresql://...' with keywords that this libpq knows, special characters in quotes, in a URI as "
                   "%xx (it is not shown here, as it may hold a password)");
        }
        for (const PQconninfoOption* o = all.get(); o->keyword != nullptr; ++o) {
            if (o->val != nullptr) said_.emplace_back(o->keyword, o->val);
        }
        if (const std::string* seconds = find("connect_timeout"); seconds && !seconds->empty()) {
            int n = 0;
            const char* end = seconds->data() + seconds->size();
            if (const auto r = std::from_chars(seconds->data(), end, n); r.ec != std::errc{} || r.ptr != end) {
                refuse("PqDriver: connect_timeout in the connection string is not a whole number of seconds");
            }
            if (n > 0) limit_ = std::chrono::seconds{n < 2 ? 2 : n};  // at least 2, as libpq has it
        }
    }

    /// One entry per host, if the lists fit each other; if not, libpq gets them as they are and says no.
    void split() {
        const std::string* role = find("target_session_attrs");
        role_asked_ = role && !role->empty() && *role != "any";
        const auto list = [this](const char* keyword) {
            std::vector<std::string> out;
            if (const std::string* all = find(keyword); all && !all->empty()) {
                for (std::size_t from = 0; from <= all->size();) {
                    const std::size_t comma = (std::min)(all->find(',', from), all->size());
                    out.push_back(all->substr(from, comma - from));
                    from = comma + 1;
                }
            }
            return out;
        };
        const auto hosts = list("host"), addresses = list("hostaddr"), ports = list("port");
        const std::size_t n = (std::max)(hosts.size(), addresses.size());
        const auto fits = [n](std::size_t size) { return size == 0 || size == n; };
        if (n < 2 || !fits(hosts.size()) || !fits(addresses.size()) || !(fits(ports.size()) || ports.size() == 1)) {
            hosts_.emplace_back();  // host, hostaddr and port stay among the rest
            return;
        }
        for (std::size_t i = 0; i < n; ++i) {
            hosts_.push_back({hosts.empty() ? "" : hosts[i], addresses.empty() ? "" : addresses[i],
                              ports.empty() ? "" : ports[ports.size() == 1 ? 0 : i]});
        }
        for (const char* keyword : {"host", "hostaddr", "port"}) take(keyword);
        prefers_standby_ = role_asked_ && take_if("target_session_attrs", "prefer-standby");
    }

    bool take_if(std::string_view keyword, std::string_view value) {
        const std::string* said = find(keyword);
        if (!said || *said != value) return false;
        take(keyword);
        return true;
    }

    /// Whole units, rounded up; libpq wants an int.
    template <class Unit>
    static std::string count(const char* name, Duration d) {
        constexpr std::chrono::nanoseconds most = std::chrono::hours{480};
        const auto n = std::chrono::ceil<Unit>((std::min)(d.ns(), most)).count();
        if (n < 1) refuse(text("PqOptions::", std::string_view{name}, " is ", d, ": it must be above 0"));
        return std::to_string(n);
    }

    std::vector<std::pair<std::string, std::string>> said_;
    std::vector<PqHost> hosts_;
    Duration limit_ = never;
    bool role_asked_ = false;
    bool prefers_standby_ = false;
};

}  // namespace detail
}  // namespace dewpond::inline v0
