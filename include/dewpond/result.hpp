// SPDX-License-Identifier: BSL-1.0
// Result<T>: a value or an error, one type in every language mode, with the member names of std::expected.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include <dewpond/config.hpp>
#include <dewpond/error.hpp>

namespace dewpond::inline v0 {

/// A `T`, or the `E` that says why there is none. Not an alias of `std::expected`: that type exists in one language
/// mode only, and objects compiled in two modes could not be linked. Looking into the wrong half is checked:
/// `value()` throws the error, `*r` and `error()` have a precondition.
template <class T, class E = PoolError>
class [[nodiscard]] Result {
public:
    using value_type = T;
    using error_type = E;

    template <class U = T>
        requires(std::is_constructible_v<T, U> && !std::is_same_v<std::remove_cvref_t<U>, Result> &&
                 !std::is_same_v<std::remove_cvref_t<U>, E>)
    Result(U&& value) noexcept(std::is_nothrow_constructible_v<T, U>) : has_{true} {
        std::construct_at(std::addressof(value_), std::forward<U>(value));
    }
    Result(E error) noexcept : has_{false} {
        static_assert(std::is_nothrow_move_constructible_v<E>);
        std::construct_at(std::addressof(error_), std::move(error));
    }
    // Kept out of line: inlined into an instrumented build, g++ 12 takes the other half of the union for uninitialised.
    [[gnu::noinline]] Result(Result&& other) noexcept : has_{other.has_} {
        static_assert(std::is_nothrow_move_constructible_v<T>);
        if (has_) {
            std::construct_at(std::addressof(value_), std::move(other.value_));
        } else {
            std::construct_at(std::addressof(error_), std::move(other.error_));
        }
    }
    Result& operator=(Result&& other) noexcept {
        if (this != std::addressof(other)) {
            std::destroy_at(this);
            std::construct_at(this, std::move(other));
        }
        return *this;
    }
    ~Result() {
        if (has_) {
            std::destroy_at(std::addressof(value_));
        } else {
            std::destroy_at(std::addressof(error_));
        }
    }

    [[nodiscard]] bool has_value() const noexcept { return has_; }
    [[nodiscard]] explicit operator bool() const noexcept { return has_; }

    [[nodiscard]] T& operator*() & noexcept { return value_; }
    [[nodiscard]] const T& operator*() const& noexcept { return value_; }
    [[nodiscard]] T&& operator*() && noexcept { return std::move(value_); }
    [[nodiscard]] T* operator->() noexcept { return std::addressof(value_); }
    [[nodiscard]] const T* operator->() const noexcept { return std::addressof(value_); }

    /// The value, or the error thrown.
    T& value() & {
        if (!has_) DEWPOND_THROW(error_);
        return value_;
    }
    T&& value() && {
        if (!has_) DEWPOND_THROW(error_);
        return std::move(value_);
    }
    [[nodiscard]] E& error() & noexcept { return error_; }
    [[nodiscard]] const E& error() const& noexcept { return error_; }
    [[nodiscard]] E&& error() && noexcept { return std::move(error_); }

private:
    union {
        T value_;
        E error_;
    };
    bool has_;
};

/// Success without a value, or the error that says why not.
template <class E>
class [[nodiscard]] Result<void, E> {
public:
    using value_type = void;
    using error_type = E;

    Result() noexcept : has_{true} {}
    Result(E error) noexcept : has_{false} { std::construct_at(std::addressof(error_), std::move(error)); }
    Result(Result&& other) noexcept : has_{other.has_} {
        if (!has_) std::construct_at(std::addressof(error_), std::move(other.error_));
    }
    Result& operator=(Result&& other) noexcept {
        if (this != std::addressof(other)) {
            std::destroy_at(this);
            std::construct_at(this, std::move(other));
        }
        return *this;
    }
    ~Result() {
        if (!has_) std::destroy_at(std::addressof(error_));
    }

    [[nodiscard]] bool has_value() const noexcept { return has_; }
    [[nodiscard]] explicit operator bool() const noexcept { return has_; }
    /// Nothing, or the error thrown.
    void value() const {
        if (!has_) DEWPOND_THROW(error_);
    }
    [[nodiscard]] const E& error() const& noexcept { return error_; }
    [[nodiscard]] E&& error() && noexcept { return std::move(error_); }

private:
    union {
        E error_;
    };
    bool has_;
};

}  // namespace dewpond::inline v0
