// SPDX-License-Identifier: BSL-1.0
// The checked form of a connection string and its options: what libpq is given for each attempt to connect.
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libpq-fe.h>
#include <string.h>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/detail/pq_options.hpp>
#include <dewpond/detail/pq_pooler.hpp>
#include <dewpond/detail/pq_resolve.hpp>
#include <dewpond/detail/pq_secret.hpp>
#include <dewpond/detail/text.hpp>

namespace dewpond::inline v0::detail {

/// One place to try; empty means not said.
struct PqHost {
    std::string host, address, port;
    bool to_resolve = false;
};

/// The connection string, parsed once. Libpq would try several hosts by itself, but PQconnectPoll knows no limit per
/// host: a mute first host would eat the whole deadline and the good second one would never be asked. So each is a
/// try of its own, and so is each address of a name. What a service file lists remains libpq's.
class PqTarget {
public:
    PqTarget(std::string_view conninfo, const PqOptions& options) {
        parse(conninfo);
        if (!refusal_.empty()) return;
        take_from_environment();
        const auto add = [this](const char* keyword, const std::string& value) {
            if (!find(keyword)) said_.emplace_back(keyword, PqSecret{value});
        };
        using std::chrono::milliseconds, std::chrono::seconds;
        if (!options.keepalives) {
            add("keepalives", "0");
        } else if (const PqSecret* on = find("keepalives"); !on || *on != "0") {
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
        refuse_what_a_pooler_cannot(options);
        if (options.require != PqRole::any) {
            if (find("target_session_attrs"))
                refuse("PqOptions::require and target_session_attrs: keep one of the two");
            add("target_session_attrs", options.require == PqRole::primary ? "read-write" : "standby");
        }
        if (options.reset_sql.find('\0') != std::string::npos) refuse("PqOptions::reset_sql contains a zero byte");
        if (!options.application_name.empty()) add("application_name", options.application_name);
        split();
    }

    /// Why it cannot be used, in our own words; then nothing else of it may be. Empty if it can.
    [[nodiscard]] const std::string& refusal() const noexcept { return refusal_; }

    /// How many hosts one opening tries at most, each with all its addresses.
    [[nodiscard]] std::size_t tries() const noexcept { return hosts_.size() * (prefers_standby_ ? 2 : 1); }
    /// `connect_timeout` of the connection string, for one try; PQconnectPoll does not look at it (measured).
    [[nodiscard]] Duration limit() const noexcept { return limit_; }
    [[nodiscard]] bool role_asked() const noexcept { return role_asked_; }

    /// The host name of try `n` that has to be resolved first; null where there is nothing to resolve.
    [[nodiscard]] const std::string* name(std::size_t n) const noexcept {
        const PqHost& h = hosts_[n % hosts_.size()];
        return h.to_resolve ? &h.host : nullptr;
    }

    /// Starts try `n`; null when there is no memory. With an `address` libpq resolves nothing; the name goes with it
    /// all the same, for the server's certificate and the password file. Without one libpq would call getaddrinfo,
    /// which knows no deadline.
    [[nodiscard]] PGconn* start(std::size_t n, const std::string& pool, const std::string& address = {}) const {
        std::vector<const char*> keywords, values;
        const auto push = [&](const char* keyword, const char* value) {
            keywords.push_back(keyword);
            values.push_back(value);
        };
        for (const auto& [keyword, value] : said_) push(keyword.c_str(), value.c_str());
        const PqHost& h = hosts_[n % hosts_.size()];
        if (!h.host.empty()) push("host", h.host.c_str());
        const std::string& where = address.empty() ? h.address : address;
        if (!where.empty()) push("hostaddr", where.c_str());
        if (!h.port.empty()) push("port", h.port.c_str());
        if (prefers_standby_) push("target_session_attrs", n < hosts_.size() ? "standby" : "any");
        if (!pool.empty() && !find("fallback_application_name")) push("fallback_application_name", pool.c_str());
        push(nullptr, nullptr);
        return PQconnectStartParams(keywords.data(), values.data(), 0);
    }

private:
    /// The first reason counts.
    void refuse(std::string sentence) {
        if (refusal_.empty()) refusal_ = std::move(sentence);
    }

    /// What libpq takes from the environment where the connection string is silent counts as well.
    void refuse_what_a_pooler_cannot(const PqOptions& options) {
        const auto said = [this](const char* keyword, const char* name) {
            if (const PqSecret* here = find(keyword); here && *here != "") return std::string_view{*here};
            const char* there = std::getenv(name);
            return std::string_view{there != nullptr ? there : ""};
        };
        const std::string_view role = said("target_session_attrs", "PGTARGETSESSIONATTRS");
        const bool role_asked = options.require != PqRole::any || (!role.empty() && role != "any");
        const char* why = pq_refused_behind_pooler(options, role_asked, !said("options", "PGOPTIONS").empty());
        if (why != nullptr) refuse(why);
    }

    [[nodiscard]] const PqSecret* find(std::string_view keyword) const noexcept {
        for (const auto& [k, v] : said_) {
            if (k == keyword) return &v;
        }
        return nullptr;
    }

    void take(std::string_view keyword) {
        for (auto it = said_.begin(); it != said_.end(); ++it) {
            if (it->first != keyword) continue;
            said_.erase(it);
            return;
        }
    }

    /// Where libpq would look next for a host, so that a name which stands there is resolved and tried like any other.
    /// An address in the environment makes that needless, and a service (its file comes before the environment) may:
    /// then all is left to libpq.
    void take_from_environment() {
        const auto unsaid = [this](const char* keyword) {
            const PqSecret* said = find(keyword);
            return said == nullptr || *said == "";
        };
        const auto variable = [](const char* name) {
            const char* value = std::getenv(name);
            return std::string_view{value != nullptr ? value : ""};
        };
        if (!unsaid("hostaddr")) return;
        resolves_ = unsaid("service") && variable("PGSERVICE").empty() && variable("PGHOSTADDR").empty();
        if (!resolves_ || !unsaid("host") || variable("PGHOST").empty()) return;
        take("host");
        said_.emplace_back("host", PqSecret{variable("PGHOST")});
        if (!unsaid("port") || variable("PGPORT").empty()) return;
        take("port");
        said_.emplace_back("port", PqSecret{variable("PGPORT")});
    }

    void parse(std::string_view given) {
        if (given.find('\0') != std::string_view::npos) {
            return refuse("PqDriver: the connection string contains a zero byte");
        }
        const PqSecret conninfo{given};
        struct Free {
            void operator()(PQconninfoOption* all) const noexcept {
                for (PQconninfoOption* o = all; o->keyword != nullptr; ++o) {
                    if (o->val != nullptr) ::explicit_bzero(o->val, ::strlen(o->val));
                }
                PQconninfoFree(all);
            }
        };
        char* why = nullptr;  // quotes the token it stumbled over, which may be a password: never looked at
        const std::unique_ptr<PQconninfoOption, Free> all{PQconninfoParse(conninfo.c_str(), &why)};
        PQfreemem(why);
        if (!all) {
            return refuse(
                "PqDriver: the connection string cannot be read; it must be 'keyword=value ...' or "
                "'postgresql://...' with keywords that this libpq knows, special characters in quotes, in a URI as "
                "%xx (it is not shown here, as it may hold a password)");
        }
        for (const PQconninfoOption* o = all.get(); o->keyword != nullptr; ++o) {
            if (o->val != nullptr) said_.emplace_back(o->keyword, PqSecret{o->val});
        }
        if (const PqSecret* value = find("connect_timeout"); value && *value != "") {
            int n = 0;
            const std::string_view seconds{*value};
            const char* end = seconds.data() + seconds.size();
            if (const auto r = std::from_chars(seconds.data(), end, n); r.ec != std::errc{} || r.ptr != end) {
                refuse("PqDriver: connect_timeout in the connection string is not a whole number of seconds");
            }
            if (n > 0) limit_ = std::chrono::seconds{n < 2 ? 2 : n};  // at least 2, as libpq has it
        }
    }

    /// One entry per host, if the lists fit each other; if not, libpq gets them as they are and says no, before it
    /// resolves anything.
    void split() {
        const PqSecret* role = find("target_session_attrs");
        role_asked_ = role && *role != "" && *role != "any";
        const auto list = [this](const char* keyword) {
            std::vector<std::string> out;
            if (const PqSecret* said = find(keyword); said && *said != "") {
                const std::string_view all{*said};
                for (std::size_t from = 0; from <= all.size();) {
                    const std::size_t comma = (std::min)(all.find(',', from), all.size());
                    out.emplace_back(all.substr(from, comma - from));
                    from = comma + 1;
                }
            }
            return out;
        };
        const auto hosts = list("host"), addresses = list("hostaddr"), ports = list("port");
        const std::size_t n = (std::max)(hosts.size(), addresses.size());
        const auto fits = [n](std::size_t size) { return size == 0 || size == n; };
        if (n == 0 || !fits(hosts.size()) || !fits(addresses.size()) || !(fits(ports.size()) || ports.size() == 1)) {
            hosts_.emplace_back();  // hostaddr and port, if said, stay among the rest
            return;
        }
        for (std::size_t i = 0; i < n; ++i) {
            hosts_.push_back({hosts.empty() ? "" : hosts[i], addresses.empty() ? "" : addresses[i],
                              ports.empty() ? "" : ports[ports.size() == 1 ? 0 : i]});
            PqHost& last = hosts_.back();
            last.to_resolve = resolves_ && last.address.empty() && pq_is_name(last.host);
        }
        for (const char* keyword : {"host", "hostaddr", "port"}) take(keyword);
        prefers_standby_ = n > 1 && role_asked_ && take_if("target_session_attrs", "prefer-standby");
    }

    bool take_if(std::string_view keyword, std::string_view value) {
        const PqSecret* said = find(keyword);
        if (!said || *said != value) return false;
        take(keyword);
        return true;
    }

    /// Whole units, rounded up; libpq wants an int.
    template <class Unit>
    std::string count(const char* name, Duration d) {
        constexpr std::chrono::nanoseconds most = std::chrono::hours{480};
        const auto n = std::chrono::ceil<Unit>((std::min)(d.ns(), most)).count();
        if (n < 1) refuse(text("PqOptions::", std::string_view{name}, " is ", d, ": it must be above 0"));
        return std::to_string(n);
    }

    std::vector<std::pair<std::string, PqSecret>> said_;
    std::string refusal_;
    std::vector<PqHost> hosts_;
    Duration limit_ = never;
    bool resolves_ = true;
    bool role_asked_ = false;
    bool prefers_standby_ = false;
};

}  // namespace dewpond::inline v0::detail
