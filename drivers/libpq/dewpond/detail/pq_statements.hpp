// SPDX-License-Identifier: BSL-1.0
// The statements that one session has prepared: found by their text and types; the one that rested longest goes first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include <dewpond/config.hpp>
#include <dewpond/error.hpp>

namespace dewpond::inline v0 {

/// What `PqConnection::prepared` does.
enum class PqStatements : std::uint8_t {
    cache,    ///< prepares a statement at its first use on each connection, under a name that it remembers
    unnamed,  ///< prepares it anew each time, as the unnamed one, so that the session keeps nothing
};

namespace detail {

/// Does an answer of the server tell that statements of its session are gone, or not fit any more? By SQLSTATE, or by
/// the tag of a command that was done. 0A000 is also said of what has nothing to do with a cached plan ("cached plan
/// must not change result type", after an ALTER TABLE): then they are prepared once more for nothing.
[[nodiscard]] constexpr bool pq_forgets(std::string_view state, std::string_view tag) noexcept {
    return state == "26000" || state == "0A000" || tag == "DISCARD ALL" || tag == "DEALLOCATE" || tag == "DEALLOCATE ALL";
}

/// Names and texts; one session's, so used by one thread at a time.
class PqStatementBook {
public:
    struct Entry {
        std::string sql;
        std::vector<Oid> types;
        std::uint64_t number = 0;  ///< of its name
        std::uint64_t used = 0;    ///< the turn of its last use
    };
    /// "dewpond_" and a number; numbers are not used again in a session.
    struct Name {
        char text[32];
        explicit Name(std::uint64_t number) noexcept {
            std::snprintf(text, sizeof text, "dewpond_%llu", static_cast<unsigned long long>(number));
        }
    };

    /// Null when it is not there.
    Entry* find(std::string_view sql, const Oid* types, std::size_t n) noexcept {
        for (Entry& e : entries_) {
            const bool same = e.sql == sql && e.types.size() == n &&
                              (n == 0 || std::memcmp(e.types.data(), types, n * sizeof(Oid)) == 0);
            if (!same) continue;
            e.used = ++turn_;
            return &e;
        }
        return nullptr;
    }
    /// A place for one more, which counts once it is kept.
    Entry draft(std::string_view sql, const Oid* types, std::size_t n) {
        return {std::string{sql}, {types, types + n}, ++last_, 0};
    }
    Entry& keep(Entry e) {
        e.used = ++turn_;
        entries_.push_back(std::move(e));
        return entries_.back();
    }
    /// The one that rested longest, taken out.
    Entry take_oldest() {
        std::size_t oldest = 0;
        for (std::size_t i = 1; i < entries_.size(); ++i) {
            if (entries_[i].used < entries_[oldest].used) oldest = i;
        }
        Entry e = std::move(entries_[oldest]);
        if (oldest + 1 != entries_.size()) entries_[oldest] = std::move(entries_.back());
        entries_.pop_back();
        return e;
    }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    /// None of them is there any more, or none is to be used any more.
    void forget() noexcept { entries_.clear(); }
    /// The numbers go on: what was forgotten may still be there.
    void belongs_to(int backend) noexcept {
        if (std::exchange(backend_, backend) != backend) forget();
    }

private:
    std::vector<Entry> entries_;
    std::uint64_t last_ = 0, turn_ = 0;
    int backend_ = 0;
};

/// What a session keeps for `prepared`.
struct PqStatementCache {
    PqStatements how = PqStatements::cache;
    std::size_t most = 0;
    bool shared = false;  ///< by a pooler: outside a transaction the session may be another one each time
    PqStatementBook book{};
    PqStatementBook::Name name{0};  ///< the last one told
};

struct PqClearStatement {
    PGresult* r;
    ~PqClearStatement() { PQclear(r); }
};

/// Looks at an answer; null is none.
inline void pq_saw(PqStatementCache& cache, const PGresult* r) noexcept {
    if (r == nullptr) return;
    const char* const state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char* const tag = PQcmdStatus(const_cast<PGresult*>(r));  // it only reads
    if (pq_forgets(state != nullptr ? state : "", tag != nullptr ? tag : "")) cache.book.forget();
}

/// See `PqConnection::prepared`.
inline const char* pq_prepared(PGconn* c, PqStatementCache& cache, std::string_view sql, const Oid* types, std::size_t n) {
    const auto prepare = [&](const char* as, const std::string& text) {
        const PqClearStatement r{PQprepare(c, as, text.c_str(), static_cast<int>(n), types)};
        return PQresultStatus(r.r) == PGRES_COMMAND_OK;
    };
    if (cache.shared && (PQtransactionStatus(c) == PQTRANS_IDLE || PQtransactionStatus(c) == PQTRANS_ACTIVE)) {
        DEWPOND_THROW(PoolError{Code::bad_option, std::string_view{},
                                "prepared() outside a transaction: behind a pooler in transaction mode the statement would be "
                                "anybody's; use exec(lease, sql, ...), or begin first"});
    }
    if (cache.shared || cache.how == PqStatements::unnamed) return prepare("", std::string{sql}) ? "" : nullptr;
    PqStatementBook& book = cache.book;
    book.belongs_to(PQbackendPID(c));  // a PQreset by the borrower makes another session of it
    const PqStatementBook::Entry* e = book.find(sql, types, n);
    if (e == nullptr) {
        // Only outside a transaction, which a DEALLOCATE that fails would abort: meanwhile there may be more.
        while (book.size() >= cache.most && PQtransactionStatus(c) == PQTRANS_IDLE) {
            const std::string drop = std::string{"DEALLOCATE "} + PqStatementBook::Name{book.take_oldest().number}.text;
            const PqClearStatement r{PQexec(c, drop.c_str())};
        }
        PqStatementBook::Entry mine = book.draft(sql, types, n);
        if (!prepare(PqStatementBook::Name{mine.number}.text, mine.sql)) return nullptr;
        e = &book.keep(std::move(mine));
    }
    cache.name = PqStatementBook::Name{e->number};
    return cache.name.text;
}

}  // namespace detail
}  // namespace dewpond::inline v0
