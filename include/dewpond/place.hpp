// SPDX-License-Identifier: BSL-1.0
// Where a checkout was asked for: file and line, or a name the caller gives. Eight bytes, so that one store keeps it.
#pragma once

#include <bit>
#include <cstdint>
#include <source_location>
#include <string_view>

#include <dewpond/config.hpp>

namespace dewpond::inline v0 {

/// A name for a place, for wrappers that serve many callers. It must have static storage:
/// `static constexpr dewpond::PlaceName orders{"orders"};  db.checkout(orders);`
struct alignas(8) PlaceName {
    const char* text = "";
};

/// The place of a checkout. Converts from `std::source_location` and from a `PlaceName` with static storage.
/// A function that wraps `checkout` takes one with the same default argument and passes it on. It is an address, which the
/// pool reads as long as it lives: a plugin that checks out of the program's pool is not to be unloaded before that has
/// ended, unless its places are names that belong to the program.
class Place {
public:
    constexpr Place() noexcept = default;
    Place(std::source_location where) noexcept : bits_{std::bit_cast<std::uintptr_t>(where)} {
        static_assert(sizeof(std::source_location) == sizeof(std::uintptr_t));
    }
    Place(const PlaceName& name) noexcept : bits_{reinterpret_cast<std::uintptr_t>(&name) | 1} {}
    Place(const PlaceName&&) = delete;  // a temporary name would dangle

    [[nodiscard]] bool empty() const noexcept { return bits_ == 0; }
    /// The name, or null when the place is a line of a file (or empty).
    [[nodiscard]] const char* name() const noexcept { return is_name() ? as_name()->text : nullptr; }
    /// The file's name without its folders, "" for a name or an empty place.
    [[nodiscard]] const char* file() const noexcept {
        if (bits_ == 0 || is_name()) return "";
        const char* base = location().file_name();
        for (const char* p = base; *p != '\0'; ++p) {
            if (*p == '/') base = p + 1;
        }
        return base;
    }
    [[nodiscard]] unsigned line() const noexcept {
        return bits_ == 0 || is_name() ? 0 : static_cast<unsigned>(location().line());
    }

    /// The eight bytes, for whoever stores a place; `from_bits` is the way back.
    [[nodiscard]] std::uintptr_t bits() const noexcept { return bits_; }
    [[nodiscard]] static Place from_bits(std::uintptr_t bits) noexcept {
        Place p;
        p.bits_ = bits;
        return p;
    }
    /// The same name, or the same line of the same file.
    friend bool operator==(Place a, Place b) noexcept {
        if (a.bits_ == b.bits_) return true;
        if (a.empty() || b.empty() || a.is_name() != b.is_name()) return false;
        const auto text = [](Place p) { return p.is_name() ? p.as_name()->text : p.location().file_name(); };
        return a.line() == b.line() && std::string_view{text(a)} == std::string_view{text(b)};
    }

private:
    [[nodiscard]] bool is_name() const noexcept { return (bits_ & 1) != 0; }
    [[nodiscard]] const PlaceName* as_name() const noexcept {
        return reinterpret_cast<const PlaceName*>(bits_ & ~std::uintptr_t{1});
    }
    [[nodiscard]] std::source_location location() const noexcept {
        return std::bit_cast<std::source_location>(bits_);
    }
    std::uintptr_t bits_ = 0;
};

/// Takes the stead of `Place` in a pool whose `watch` question is answered by nothing: nothing is passed or kept.
struct NoPlace {
    constexpr NoPlace() noexcept = default;
    constexpr NoPlace(Place) noexcept {}
    constexpr NoPlace(const std::source_location&) noexcept {}
    constexpr NoPlace(const PlaceName&) noexcept {}
};

}  // namespace dewpond::inline v0
