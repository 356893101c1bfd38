// SPDX-License-Identifier: BSL-1.0
// PqSecret: characters that are overwritten before their memory is given back.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <string.h>

#include <dewpond/config.hpp>

namespace dewpond::inline v0::detail {

/// Overwrites a string, the part of its memory that it does not use included, and empties it.
inline void pq_wipe(std::string& s) noexcept {
    s.resize(s.capacity());  // within the capacity: nothing is allocated
    ::explicit_bzero(s.data(), s.size());
    s.clear();
}

/// A constant string for what may hold a password. Not a std::string: a short one lives inside the object and is left
/// behind wherever that is moved from. What libpq is given it copies, and keeps the password as long as the connection.
class PqSecret {
public:
    PqSecret() noexcept = default;
    explicit PqSecret(std::string_view s) : text_{new char[s.size() + 1]}, size_{s.size()} {
        s.copy(text_.get(), s.size());
        text_[s.size()] = '\0';
    }
    PqSecret(const PqSecret& other) : PqSecret{std::string_view{other}} {}
    PqSecret(PqSecret&& other) noexcept : text_{std::move(other.text_)}, size_{std::exchange(other.size_, 0)} {}
    PqSecret& operator=(PqSecret other) noexcept {
        std::swap(text_, other.text_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~PqSecret() {
        if (text_ != nullptr) ::explicit_bzero(text_.get(), size_);
    }

    [[nodiscard]] const char* c_str() const noexcept { return text_ != nullptr ? text_.get() : ""; }
    operator std::string_view() const noexcept { return {c_str(), size_}; }
    friend bool operator==(const PqSecret& a, std::string_view b) noexcept { return std::string_view{a} == b; }

private:
    std::unique_ptr<char[]> text_;
    std::size_t size_ = 0;
};

}  // namespace dewpond::inline v0::detail
