// SPDX-License-Identifier: BSL-1.0
// The program's own operator new and delete, which can be told to fail.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>

#include <sweep/faults.hpp>

namespace {

std::atomic<std::int64_t> outstanding{0};
std::atomic<const char*> scenario_now{"nothing"};
sweep::Plan plan_now;

void* obtain(std::size_t size, std::size_t align) noexcept {
    if (sweep::faults().allocation_fails()) return nullptr;
    void* p = align <= alignof(std::max_align_t) ? std::malloc(size == 0 ? 1 : size) : std::aligned_alloc(align, (size + align - 1) / align * align);
    if (p != nullptr) outstanding.fetch_add(1, std::memory_order_relaxed);
    return p;
}
void* obtain_or_throw(std::size_t size, std::size_t align) {
    if (void* p = obtain(size, align)) return p;
    throw std::bad_alloc{};
}
void release(void* p) noexcept {
    if (p == nullptr) return;
    outstanding.fetch_sub(1, std::memory_order_relaxed);
    std::free(p);
}

[[noreturn]] void died() {
    sweep::faults().disarm();
    std::fprintf(stderr, "terminated in '%s' with %s\n", scenario_now.load(), sweep::to_text(plan_now).c_str());
    std::fflush(nullptr);
    std::_Exit(EXIT_FAILURE);
}

constexpr std::size_t plain = alignof(std::max_align_t);

}  // namespace

void* operator new(std::size_t size) { return obtain_or_throw(size, plain); }
void* operator new[](std::size_t size) { return obtain_or_throw(size, plain); }
void* operator new(std::size_t size, std::align_val_t align) { return obtain_or_throw(size, static_cast<std::size_t>(align)); }
void* operator new[](std::size_t size, std::align_val_t align) { return obtain_or_throw(size, static_cast<std::size_t>(align)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return obtain(size, plain); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return obtain(size, plain); }
void* operator new(std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept { return obtain(size, static_cast<std::size_t>(align)); }
void* operator new[](std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept { return obtain(size, static_cast<std::size_t>(align)); }
void operator delete(void* p) noexcept { release(p); }
void operator delete[](void* p) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }
void operator delete[](void* p, std::size_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { release(p); }

namespace sweep {

Faults& faults() {
    static constinit Faults all;
    return all;
}
std::int64_t blocks() { return outstanding.load(std::memory_order_relaxed); }

std::string to_text(const Plan& p) {
    switch (p.kind) {
        case Plan::nothing: return "nothing failing";
        case Plan::allocation: return "allocation " + std::to_string(p.at) + " failing";
        case Plan::every_allocation_from: return "every allocation from " + std::to_string(p.at) + " on failing";
        case Plan::call: return "call " + std::to_string(p.at) + " failing in way " + std::to_string(p.how);
        case Plan::every_call_from: return "every call from " + std::to_string(p.at) + " on failing in way " + std::to_string(p.how);
        case Plan::call_without_memory: return "call " + std::to_string(p.at) + " failing in way " + std::to_string(p.how) + ", and no memory left";
    }
    return "";
}

Running::Running(const char* scenario, const Plan& plan) {
    scenario_now.store(scenario);
    plan_now = plan;
    std::set_terminate(died);
}
Running::~Running() { scenario_now.store("nothing"); }

}  // namespace sweep
