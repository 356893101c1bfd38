// SPDX-License-Identifier: BSL-1.0
// What the cases of the conformance suite are written with: a resource for a case, the questions, the report.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <poll.h>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/driver.hpp>
#include <dewpond/error.hpp>

namespace dewpond::inline v0::testing {

/// What a conformance run may be told beyond the driver.
template <class D>
struct ConformanceOptions {
    /// Leaves something on a live resource for `reset` to clear, as a careless borrower does; absent: not tried.
    std::function<void(typename D::resource&)> dirty{};
    /// Time for what must succeed.
    Duration patience = std::chrono::seconds{5};
    /// What must be over "at once" or show itself "soon" may take this long.
    Duration promptly = std::chrono::seconds{1};
    /// Words that no text of the driver may contain: the password it was given, the connection string.
    std::vector<std::string> secrets{};
};

namespace detail {

/// A resource for the length of a case: closed at its end, unless it was never opened.
template <class D>
class Held {
public:
    Held(D& driver, Deadline by) : driver_{driver} {
        DEWPOND_TRY {
            if constexpr (dewpond::detail::opens_by_deadline<D>) take(driver_.open(by));
            else take(driver_.open());
        }
        DEWPOND_CATCH_ALL { error_.emplace(Fault::other, current_text()); }
    }
    Held(const Held&) = delete;
    ~Held() {
        if (resource_) driver_.close(*resource_);
    }

    [[nodiscard]] bool ok() const noexcept { return resource_.has_value(); }
    [[nodiscard]] typename D::resource& operator*() noexcept { return *resource_; }
    /// What an OpenError said; the text of any other exception is the pool's to withhold, not the driver's.
    [[nodiscard]] std::string_view error() const noexcept { return error_ ? error_->text() : std::string_view{}; }
    /// Gone without `close`.
    void forget() noexcept { resource_.reset(); }

private:
    template <class T>
    void take(T&& opened) {
        if constexpr (std::is_same_v<T, typename D::resource>) resource_.emplace(std::move(opened));
        else if (opened) resource_.emplace(std::move(*opened));
        else error_.emplace(opened.error());
    }
    static std::string current_text() {
#if defined(__cpp_exceptions)
        try {
            throw;
        } catch (const OpenError& e) {
            return e.text();
        } catch (...) {
        }
#endif
        return {};
    }

    D& driver_;
    std::optional<typename D::resource> resource_;
    std::optional<OpenError> error_;
};

/// What every case can ask and say; counts the sentences that were not true.
template <class D, class Check, class Kill>
class Trial {
public:
    using R = typename D::resource;

    Trial(D& driver, Check& check, Kill& kill, const ConformanceOptions<D>& options)
        : driver_{driver}, check_{check}, kill_{kill}, options_{options} {}

protected:
    using Clock = std::chrono::steady_clock;
    static constexpr bool checkable = TellsStatus<D> || Probes<D> || Pings<D>;

    void say(bool ok, const char* sentence) {
        if (!ok) ++failed_;
        check_(ok, sentence);
    }
    Deadline soon() const { return Deadline::after(Clock::now(), options_.patience); }
    static Deadline passed() { return Deadline{Clock::now() - std::chrono::seconds{1}}; }

    /// The answer of the strongest check there is.
    bool alive(R& r) {
        if constexpr (Pings<D>) return driver_.ping(r, soon());
        else if constexpr (Probes<D>) return driver_.probe(r);
        else if constexpr (TellsStatus<D>) return driver_.status_ok(r);
        else return true;
    }
    /// The answer of every check there is.
    bool usable(R& r) {
        bool all = true;
        if constexpr (TellsStatus<D>) all = driver_.status_ok(r) && all;
        if constexpr (Probes<D>) all = driver_.probe(r) && all;
        if constexpr (Pings<D>) all = driver_.ping(r, soon()) && all;
        return all;
    }
    bool clean(R& r) {
        if constexpr (KnowsDirty<D>) return !driver_.dirty(r);
        else return true;
    }
    /// A reset as the pool does it: an unfinished one is called again. `blank` is more than `clean`.
    ResetResult reset(R& r) {
        if constexpr (Resets<D>) {
            const auto end = Clock::now() + options_.patience.ns();
            ResetResult result = driver_.reset(r, soon());
            while (result == ResetResult::unfinished && Clock::now() < end) result = driver_.reset(r, soon());
            return result == ResetResult::blank ? ResetResult::clean : result;
        } else {
            return ResetResult::clean;
        }
    }
    /// Looks again and again until it is so, or no longer prompt.
    template <class F>
    bool becomes(F so) {
        const auto end = Clock::now() + options_.promptly.ns();
        while (!so()) {
            if (Clock::now() >= end) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        }
        return true;
    }
    template <class F>
    bool prompt(F f) {
        const auto start = Clock::now();
        f();
        return Clock::now() - start <= options_.promptly.ns();
    }
    bool readable(R& r, int wait_ms) {
        if constexpr (HasPollHandle<D>) {
            pollfd p{driver_.poll_handle(r), POLLIN, 0};
            return p.fd >= 0 && ::poll(&p, 1, wait_ms) > 0;
        } else {
            return false;
        }
    }
    void no_secret(std::string_view text) {
        for (const std::string& s : options_.secrets) {
            say(text.find(s) == std::string_view::npos, "no text of the driver contains a secret");
        }
    }
    /// Most cases begin like this; false: there is nothing to go on with.
    bool opened(const Held<D>& h) {
        say(h.ok(), "open gives a resource");
        no_secret(h.error());
        return h.ok();
    }

    D& driver_;
    Check& check_;
    Kill& kill_;
    const ConformanceOptions<D>& options_;
    std::size_t failed_ = 0;
};

}  // namespace detail
}  // namespace dewpond::inline v0::testing
