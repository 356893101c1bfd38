// SPDX-License-Identifier: BSL-1.0
// PoolError: why a call of the pool has no answer. OpenError: why a driver could not open. No secret is in either.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/detail/text.hpp>
#include <dewpond/place.hpp>

namespace dewpond::inline v0 {

/// What a call of the pool failed with.
enum class Code : std::uint8_t {
    timed_out,         ///< no slot came free before the deadline
    none_idle,         ///< `try_checkout()` without a limit found nothing to take at once
    open_failed,       ///< no resource exists and none could be opened, by the deadline or ever (a configuration fault)
    server_down,       ///< the pool is down: refused at once, see `retry_after()`
    closed,            ///< the pool was closed
    cancelled,         ///< the stop token was triggered, or the waiter withdrawn
    too_many_waiting,  ///< `max_waiting` others wait already
    hook_failed,       ///< a hook of the user threw; its resource was closed
    bad_option,        ///< an option, environment value or argument that cannot work
    no_thread,         ///< the system refused a thread that the pool needs
    forked,            ///< the pool belongs to the process this one was forked from
};

/// What kind of trouble a resource or its server is in: decides between waiting, backing off and giving up.
enum class Fault : std::uint8_t {
    none,           ///< nothing is known to be wrong
    other,          ///< anything not named here; treated as passing
    unreachable,    ///< nobody answers: refused, no socket, no route
    timed_out,      ///< no answer by the deadline
    starting,       ///< the server is starting up, stopping or recovering
    full,           ///< the server has no place for one more
    configuration,  ///< will not pass by itself: credentials, unknown database, malformed options
    wrong_role,     ///< reached, but not the kind of server that was asked for
    broken,         ///< the resource itself is unusable
};

/// The words of a fault for messages and metrics.
[[nodiscard]] constexpr std::string_view to_string(Fault f) noexcept {
    switch (f) {
        case Fault::none: return "none";
        case Fault::other: return "other";
        case Fault::unreachable: return "unreachable";
        case Fault::timed_out: return "timed out";
        case Fault::starting: return "starting";
        case Fault::full: return "full";
        case Fault::configuration: return "configuration";
        case Fault::wrong_role: return "wrong role";
        case Fault::broken: return "broken";
    }
    return "other";
}

/// The plain sentence of a code, used where no details could be taken.
[[nodiscard]] constexpr const char* to_string(Code c) noexcept {
    switch (c) {
        case Code::timed_out: return "no slot came free before the deadline";
        case Code::none_idle: return "nothing idle to take at once";
        case Code::open_failed: return "no resource could be opened";
        case Code::server_down: return "the pool is down: opening keeps failing";
        case Code::closed: return "the pool is closed";
        case Code::cancelled: return "the checkout was cancelled";
        case Code::too_many_waiting: return "too many are waiting already";
        case Code::hook_failed: return "a hook threw; its resource was closed";
        case Code::bad_option: return "an option that cannot work";
        case Code::no_thread: return "the system refused a thread that the pool needs";
        case Code::forked: return "this process was forked from the one that made the pool: make a new pool after fork()";
    }
    return "unknown error";
}

/// Why a driver could not open (or what it last saw on a resource). Thrown from `open`, or returned in its `Result`.
/// The text goes into error messages: a driver keeps secrets (connection strings, passwords, SQL) out of it.
class OpenError : public std::exception {
public:
    OpenError() noexcept = default;
    explicit OpenError(Fault fault, std::string text = {}) noexcept
        : fault_{fault}, text_{std::move(text)} {}

    [[nodiscard]] Fault fault() const noexcept { return fault_; }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

private:
    Fault fault_ = Fault::none;
    std::string text_;
};

/// How many leases a place holds, and for how long the oldest has been out.
struct HeldPlace {
    Place place;
    std::uint32_t count = 0;
    Duration oldest{};
};

namespace detail {

/// (Made with new, as are the others: std::make_shared and std::to_chars leave unique symbols in a plugin, which pin it.)
/// What a failed call knows; taken by calls that waited, never on the hit path. Formatted at first use.
struct ErrorDetails {
    Code code = Code::timed_out;
    std::string pool;
    std::string sentence;  ///< a ready sentence (bad options); then nothing below is used
    Duration waited{};
    std::uint32_t max_size = 0, in_use = 0, idle = 0, opening = 0, resetting = 0, waiting = 0;
    std::uint32_t held_by_this_thread = 0;
    std::vector<HeldPlace> holders;
    std::shared_ptr<const OpenError> open_error;
    Duration down_for{}, retry_after{};
    std::shared_ptr<const void> past;                    ///< the last events, of a type that is not known here
    std::string (*tell_past)(const void*) = nullptr;
    mutable std::atomic<const std::string*> formatted{nullptr};

    ErrorDetails() = default;
    ErrorDetails(const ErrorDetails&) = delete;
    ~ErrorDetails() { delete formatted.load(std::memory_order_acquire); }

    [[nodiscard]] std::string format() const {
        if (!sentence.empty()) return pool.empty() ? sentence : text("pool '", pool, "': ", sentence);
        std::string out = text("pool '", pool, "': ", std::string_view{to_string(code)});
        if (waited >= std::chrono::milliseconds{1}) append(out, text(" (waited ", waited, ")"));
        if (code == Code::server_down) {
            append(out, text("; down for ", down_for, ", try again in ", retry_after));
        } else if (max_size != 0) {
            append(out, text("; of ", max_size, " slots ", in_use, " in use, ", idle, " idle, ", opening,
                             " opening, ", resetting, " resetting; ", waiting, " waiting"));
        }
        if (!holders.empty()) {
            append(out, "; held by ");
            for (std::size_t i = 0; i < holders.size(); ++i) {
                const HeldPlace& h = holders[i];
                append(out, text(i == 0 ? "" : ", ", h.place, " (", h.count,
                                 h.oldest > Duration{} ? text(", oldest ", h.oldest) : std::string{}, ")"));
            }
        }
        if (held_by_this_thread != 0) {
            append(out, text("; this thread itself took ", held_by_this_thread,
                             " of them and has not returned them: a nested checkout waits for itself"));
        }
        if (open_error) {
            append(out, text("; last open failed (", to_string(open_error->fault()), ")"));
            if (!open_error->text().empty()) append(out, text(": ", open_error->text()));
        }
        return out;
    }
};

}  // namespace detail

/// The one error type of the pool: small, copied without throwing. `what()` is formatted at first use; calling it
/// from several threads is fine.
class PoolError : public std::exception {
public:
    explicit PoolError(Code code, Fault fault = Fault::none) noexcept : code_{code}, fault_{fault} {}
    PoolError(Code code, std::shared_ptr<const detail::ErrorDetails> details) noexcept
        : code_{code},
          fault_{details && details->open_error ? details->open_error->fault() : Fault::none},
          details_{std::move(details)} {}
    /// An error with a ready sentence.
    PoolError(Code code, std::string_view pool, std::string sentence) : code_{code} {
        const std::shared_ptr<detail::ErrorDetails> d{new detail::ErrorDetails};
        d->code = code;
        d->pool = pool;
        d->sentence = std::move(sentence);
        details_ = d;
    }

    [[nodiscard]] Code code() const noexcept { return code_; }
    /// The kind of trouble behind the last failed open, `Fault::none` if opening is not what is wrong.
    [[nodiscard]] Fault fault() const noexcept { return fault_; }
    /// When trying again may help (`server_down` only), else zero.
    [[nodiscard]] Duration retry_after() const noexcept { return details_ ? details_->retry_after : Duration{}; }
    /// Who held the slots when a wait timed out, most first.
    [[nodiscard]] const std::vector<HeldPlace>& holders() const noexcept {
        return details_ ? details_->holders : none();
    }

    /// One sentence: what happened, in which pool, the state of its slots, who holds them, the last open error.
    [[nodiscard]] const char* what() const noexcept override {
        if (!details_) return to_string(code_);
        if (const std::string* done = details_->formatted.load(std::memory_order_acquire)) return done->c_str();
        return format();
    }

    /// `what()`, and where a wait has failed a line for each of the last 32 events of the pool before it, oldest first:
    /// what led to it. For a log.
    [[nodiscard]] std::string long_form() const {
        std::string out{what()};
        if (!details_ || details_->tell_past == nullptr) return out;
        out += '\n';
        return out += details_->tell_past(details_->past.get());
    }

private:
    DEWPOND_COLD const char* format() const noexcept {
        const std::string* mine = nullptr;
        DEWPOND_TRY { mine = new std::string(details_->format()); }
        DEWPOND_CATCH_ALL { return to_string(code_); }
        const std::string* first = nullptr;
        // release: pairs with the acquire load in what(); whoever loses takes the winner's text
        if (details_->formatted.compare_exchange_strong(first, mine, std::memory_order_acq_rel,
                                                        std::memory_order_acquire)) {
            return mine->c_str();
        }
        delete mine;
        return first->c_str();
    }
    DEWPOND_HIDDEN static const std::vector<HeldPlace>& none() noexcept {
        static const std::vector<HeldPlace> empty;
        return empty;
    }

    Code code_;
    Fault fault_ = Fault::none;
    std::shared_ptr<const detail::ErrorDetails> details_;
};

}  // namespace dewpond::inline v0
