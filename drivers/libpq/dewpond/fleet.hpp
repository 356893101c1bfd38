// SPDX-License-Identifier: BSL-1.0
// fleet_budget: how large each process's pool may be, when many processes share one PostgreSQL server. Pure arithmetic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <dewpond/config.hpp>

namespace dewpond::inline v0 {

/// The processes that share a server, each with one pool.
struct Fleet {
    std::uint32_t max_connections = 100;  ///< the server's own setting; the default of PostgreSQL
    std::uint32_t reserved = 3;  ///< superuser_reserved_connections, and from PostgreSQL 16 on reserved_connections too
    std::uint32_t replicas = 1;  ///< processes with a pool, in ordinary times
    std::uint32_t surge = 0;     ///< more of them while a new version is rolled out: the old are not gone, the new are there
    std::uint32_t other = 0;     ///< connections of everybody else: migrations, monitoring, backups, psql
};

/// A sentence that is made while compiling: at most 255 characters, with a zero behind them.
class FleetSentence {
public:
    [[nodiscard]] constexpr std::string_view view() const noexcept { return {text_, size_}; }
    [[nodiscard]] constexpr const char* c_str() const noexcept { return text_; }

    constexpr FleetSentence& operator<<(std::string_view words) noexcept {
        for (const char c : words) {
            if (size_ + 1 < sizeof text_) text_[size_++] = c;
        }
        return *this;
    }
    constexpr FleetSentence& operator<<(std::uint64_t n) noexcept {
        char digits[20] = {};
        std::size_t at = sizeof digits;
        do {
            digits[--at] = static_cast<char>('0' + n % 10);
            n /= 10;
        } while (n != 0);
        return *this << std::string_view{digits + at, sizeof digits - at};
    }

private:
    char text_[256] = {};
    std::size_t size_ = 0;
};

/// What there is for each process.
struct FleetBudget {
    std::size_t max_size = 0;  ///< for `Options::max_size`; 0 when not even one fits, which a pool refuses
    FleetSentence sentence{};  ///< the same in words, and what to do when it is too little
};

/// Below so many connections a pool of its own hardly pays: at half load one request in 8 has to queue with 5, one in 4
/// with 3, one in 2 with 1 (Erlang's C formula).
DEWPOND_HIDDEN inline constexpr std::uint64_t fleet_few = 5;

/// Divides what the server offers by the processes that may be there at once: so that no pool is ever refused, even in
/// the middle of a roll-out. Never fails: what cannot work gives 0 and says so.
/// \cost none worth the name; may be evaluated while compiling.
[[nodiscard]] constexpr FleetBudget fleet_budget(const Fleet& f) noexcept {
    constexpr std::uint64_t most = 65'535;  // of Options::max_size
    const std::uint64_t taken = std::uint64_t{f.reserved} + f.other;
    const std::uint64_t left = f.max_connections > taken ? f.max_connections - taken : 0;
    const std::uint64_t processes = std::uint64_t{f.replicas} + f.surge;
    FleetBudget b;
    if (processes == 0) {
        b.sentence << "there is no process: replicas is 0";
        return b;
    }
    const std::uint64_t each = left / processes < most ? left / processes : most;
    b.max_size = static_cast<std::size_t>(each);
    b.sentence << left << (left == 1 ? " connection" : " connections") << " for " << processes
               << (processes == 1 ? " process" : " processes");
    if (f.surge != 0) b.sentence << " (" << f.surge << " of them during a roll-out)";
    b.sentence << ": ";
    if (each == 0) {
        b.sentence << "not even one each. Put PgBouncer in front, run fewer processes, or set max_connections to "
                   << taken + processes << " at least";
        return b;
    }
    b.sentence << each << (processes == 1 ? "" : " each");
    if (each < fleet_few) b.sentence << ", which is few: put PgBouncer in front, or run fewer processes";
    return b;
}

}  // namespace dewpond::inline v0
