// SPDX-License-Identifier: BSL-1.0
// The allocator of this program. It counts; and what has to be the same in every run it takes from a stretch of memory
// at a fixed address, from the beginning, and never gives back.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

#include <sys/mman.h>

#include "simulation/world.hpp"

namespace {

constexpr std::size_t stretch = std::size_t{1} << 20;
char* begin = nullptr;
std::size_t used = 0;
bool here = false;
std::uint64_t taken = 0;

void* take(std::size_t size, std::size_t align) noexcept {
    ++taken;
    if (here && begin != nullptr) {
        const std::size_t at = (used + align - 1) / align * align;
        if (at + size <= stretch) {
            used = at + size;
            return begin + at;
        }
    }
    if (align <= alignof(std::max_align_t)) return std::malloc(size);
    return std::aligned_alloc(align, (size + align - 1) / align * align);
}
bool ours(const void* p) noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(p), from = reinterpret_cast<std::uintptr_t>(begin);
    return begin != nullptr && at >= from && at < from + stretch;
}
void* take_or_throw(std::size_t size, std::size_t align) {
    if (void* p = take(size == 0 ? 1 : size, align)) return p;
    throw std::bad_alloc{};
}
void give(void* p) noexcept {
    if (!ours(p)) std::free(p);
}

}  // namespace

void* operator new(std::size_t n) { return take_or_throw(n, alignof(std::max_align_t)); }
void* operator new(std::size_t n, std::align_val_t a) { return take_or_throw(n, static_cast<std::size_t>(a)); }
void operator delete(void* p) noexcept { give(p); }
void operator delete(void* p, std::size_t) noexcept { give(p); }
void operator delete(void* p, std::align_val_t) noexcept { give(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { give(p); }

namespace simulation {

SameAddresses::SameAddresses(std::uint64_t seed) {
    if (begin == nullptr) {
        // An address that Linux leaves free on 64-bit machines; where it is taken, runs differ in their back-off.
        void* const wish = reinterpret_cast<void*>(std::uintptr_t{0x2000'0000'0000});
        void* const got = mmap(wish, stretch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (got != MAP_FAILED) begin = static_cast<char*>(got);
    }
    used = static_cast<std::size_t>(seed % 4096) * 64;
    here = true;
}
SameAddresses::~SameAddresses() { here = false; }

std::uint64_t allocations() { return taken; }

}  // namespace simulation
