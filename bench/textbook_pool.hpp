// SPDX-License-Identifier: BSL-1.0
// The textbook pool: a mutex, a vector, a condition variable. The shape everybody writes first, written with care: no
// clock, no allocation and no reallocation after construction, and no wake-up while the mutex is held.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace bench {

template <class Resource>
class TextbookPool {
public:
    class Lease {
    public:
        Lease(Lease&& other) noexcept : pool_{other.pool_}, resource_{std::exchange(other.resource_, nullptr)} {}
        Lease& operator=(Lease&&) = delete;
        ~Lease() {
            if (resource_ != nullptr) pool_->give_back(resource_);
        }
        Resource& operator*() const& { return *resource_; }

    private:
        friend class TextbookPool;
        Lease(TextbookPool& pool, Resource* resource) : pool_{&pool}, resource_{resource} {}
        TextbookPool* pool_;
        Resource* resource_;
    };

    explicit TextbookPool(std::size_t size) : resources_(size) {
        idle_.reserve(size);
        for (Resource& r : resources_) idle_.push_back(&r);
    }

    Lease checkout() {
        std::unique_lock lock{mutex_};
        freed_.wait(lock, [this] { return !idle_.empty(); });
        Resource* r = idle_.back();
        idle_.pop_back();
        return Lease{*this, r};
    }

private:
    void give_back(Resource* r) noexcept {
        {
            std::lock_guard lock{mutex_};
            idle_.push_back(r);
        }
        freed_.notify_one();
    }

    std::mutex mutex_;
    std::condition_variable freed_;
    std::vector<Resource> resources_;
    std::vector<Resource*> idle_;
};

}  // namespace bench
