// SPDX-License-Identifier: BSL-1.0
// report(lease, result): the pool learns from what the user saw. exec(lease, sql, ...): runs a statement and reports.
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

#include <libpq-fe.h>

#include <dewpond/detail/pq_connection.hpp>
#include <dewpond/detail/pq_report.hpp>
#include <dewpond/detail/pq_wire.hpp>
#include <dewpond/error.hpp>

namespace dewpond::inline v0 {

/// A result that clears itself: a `std::unique_ptr<PGresult, ...>`. It may outlive its connection.
using PqResult = detail::PqResult;

/// Tells the pool what an answer says about the connection it came over, and returns the kind of trouble: `none` for an
/// error of the statement, `broken` (57Pxx, 08xxx, FATAL, or an error without SQLSTATE), `wrong_role` (25006), `full`
/// (53300), `starting` (57P03), `configuration` (28xxx, 3D000), `other` (the rest of 53xxx). A connection that will not
/// go on is closed when it comes back; after 25006 from a server that does not say it takes writes, those that were
/// opened before retire as well, as by `Pool::renew()`. An error of the statement changes nothing, nor does success.
/// After 26000, 0A000, or a DISCARD ALL or DEALLOCATE that was done, `prepared` prepares anew.
/// `result` may be null, as PQexec returns it when all is lost. For every answer that failed; in a pipeline or with
/// PQgetResult, for each. The table is in docs/libpq.md. \cost a few field look-ups; a short lock only after 25006.
template <detail::pq_lease L>
Fault report(L& lease, const PGresult* result) noexcept {
    const detail::PqSeen seen = detail::pq_look_at(*lease, result);
    const detail::PqVerdict verdict = detail::pq_verdict(seen);
    detail::PqInside::saw(*lease, result);
    if (verdict.effect != detail::PqEffect::none) {
        detail::PqInside::note(*lease, verdict.fault, verdict.words, seen.state);
        lease.report(verdict.effect == detail::PqEffect::all ? Fault::wrong_role : Fault::broken);
    }
    return verdict.fault;
}

namespace detail {

/// A parameter as libpq takes it: text, or null for NULL. No floating point: its text depends on the locale.
class PqParam {
public:
    PqParam(std::nullptr_t) noexcept {}
    PqParam(const char* text) noexcept : at_{text} {}
    PqParam(const std::string& text) noexcept : at_{text.c_str()} {}
    PqParam(std::string_view text) : copy_{text}, at_{copy_.c_str()} {}
    template <std::same_as<bool> B>
    PqParam(B b) noexcept : at_{b ? "t" : "f"} {}
    template <std::integral I>
        requires(!std::same_as<I, bool> && sizeof(I) > 1)
    PqParam(I i) : copy_{std::to_string(i)}, at_{copy_.c_str()} {}
    PqParam(const PqParam&) = delete;

    [[nodiscard]] const char* get() const noexcept { return at_; }

private:
    std::string copy_;
    const char* at_ = nullptr;
};

template <class... Params>
PqResult pq_exec(PGconn* c, const char* sql, const Params&... params) {
    const char* const values[] = {params.get()..., nullptr};
    return PqResult{PQexecParams(c, sql, static_cast<int>(sizeof...(params)), nullptr, values, nullptr, nullptr, 0)};
}

}  // namespace detail

/// Runs a statement, waits for its answer as PQexec does (without limit: `statement_timeout` is the server's), reports
/// and returns it. `$1`, `$2`, ... are strings, integers, `bool` or `nullptr` (NULL), sent apart from the statement;
/// without any, `sql` may be several statements. The result is null only where PQexec's would be.
/// \throws std::bad_alloc.
template <detail::pq_lease L, class... Params>
PqResult exec(L& lease, const char* sql, const Params&... params) {
    PqResult result;
    if constexpr (sizeof...(params) == 0) result.reset(PQexec(*lease, sql));
    else result = detail::pq_exec(*lease, sql, detail::PqParam{params}...);
    report(lease, result.get());
    return result;
}

}  // namespace dewpond::inline v0
