// SPDX-License-Identifier: BSL-1.0
// Connection strings from a function of the user's: asked before each opening, on a helper thread, and forgotten after
// it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/detail/pq_connection.hpp>
#include <dewpond/detail/pq_helpers.hpp>
#include <dewpond/detail/pq_open.hpp>
#include <dewpond/detail/pq_options.hpp>
#include <dewpond/detail/pq_question.hpp>
#include <dewpond/detail/pq_secret.hpp>
#include <dewpond/detail/pq_target.hpp>
#include <dewpond/error.hpp>
#include <dewpond/result.hpp>

namespace dewpond::inline v0 {

/// A function (object) that gives connection strings: `f()`, or `f(bool refresh)`.
template <class F>
concept GivesConninfo =
    std::is_object_v<F> && (std::is_invocable_r_v<std::string, F&, bool> || std::is_invocable_r_v<std::string, F&>) &&
    !std::is_convertible_v<F, std::string>;

namespace detail {

/// Where connection strings come from, and the one thread that asks. Shared with that thread, which may still be inside
/// the user's function when driver and pool are gone.
class PqSource {
public:
    PqSource() noexcept = default;
    PqSource(const PqSource&) = delete;
    virtual ~PqSource() { asker.leave(); }
    virtual std::string give(bool refresh) = 0;

    /// One at a time: a function that hangs holds one thread, and no other pool's.
    PqHelpersSeat asker{{.thread = "dewpond-ask", .max_threads = 1, .max_queued = static_cast<std::size_t>(-1)}};
};

template <class F>
class PqSourceOf final : public PqSource {
public:
    explicit PqSourceOf(F f) : f_{std::move(f)} {}
    std::string give(bool refresh) override {
        if constexpr (std::is_invocable_r_v<std::string, F&, bool>) return f_(refresh);
        else return static_cast<void>(refresh), f_();
    }

private:
    F f_;
};

/// One call of the user's function.
class PqCall final : public PqQuestion {
public:
    PqCall(std::shared_ptr<PqSource> source, bool refresh) noexcept : source_{std::move(source)}, refresh_{refresh} {}
    /// False: it threw.
    [[nodiscard]] bool gave() const noexcept { return gave_; }
    /// For the one who waited for it.
    [[nodiscard]] PqSecret take() noexcept { return std::move(text_); }

private:
    void answer() noexcept override {
        DEWPOND_TRY {
            std::string text = source_->give(refresh_);
            text_ = PqSecret{text};
            pq_wipe(text);
            gave_ = true;
        }
        DEWPOND_CATCH_ALL {}
    }

    const std::shared_ptr<PqSource> source_;
    const bool refresh_;
    bool gave_ = false;
    PqSecret text_;
};

/// What the function gives, or why it does not; by the deadline.
inline Result<PqSecret, OpenError> pq_ask(const std::shared_ptr<PqSource>& source, bool refresh, Deadline by) {
    PqHelpers* asker = source->asker.get();
    if (asker == nullptr) return OpenError{Fault::other, "no memory"};
    const std::shared_ptr<PqCall> call{new PqCall{source, refresh}};
    if (asker->post(call) == nullptr) {
        return OpenError{Fault::other, "this process cannot start a thread to call the connection string's function"};
    }
    PqQuestion::Stage stage = call->wait(by);
    if (stage == PqQuestion::Stage::queued && !asker->withdraw(*call)) stage = PqQuestion::Stage::at_work;
    switch (stage) {
        case PqQuestion::Stage::queued:
            return OpenError{Fault::timed_out,
                             "the connection string's function is still busy with an earlier call at the deadline"};
        case PqQuestion::Stage::at_work:
            return OpenError{Fault::timed_out, "the connection string's function has not returned by the deadline"};
        case PqQuestion::Stage::answered: break;
    }
    if (!call->gave()) {
        return OpenError{Fault::other, "the connection string's function threw (its text is withheld)"};
    }
    return call->take();
}

/// Opens with what the function gives. Refused the log-in, it is asked once more at once (`refresh`): credentials may
/// have changed between two calls, or it answered from a cache.
inline Result<std::unique_ptr<PqSession>, OpenError>
pq_open(const std::shared_ptr<PqSource>& source, const PqOptions& options, const std::string& pool, Deadline by) {
    auto text = pq_ask(source, false, by);
    if (!text) return std::move(text).error();
    for (bool refreshed = false;; refreshed = true) {
        const PqTarget target{*text, options};
        if (!target.refusal().empty()) return OpenError{Fault::configuration, target.refusal()};
        bool login_refused = false;
        auto session = pq_open(target, options, pool, by, login_refused);
        if (session || !login_refused || refreshed) return session;
        auto fresh = pq_ask(source, true, by);
        // No better answer: what the server said is the reason.
        if (!fresh || std::string_view{*fresh} == std::string_view{*text}) return session;
        text = std::move(fresh);
    }
}

}  // namespace detail
}  // namespace dewpond::inline v0
