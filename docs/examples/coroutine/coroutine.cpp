// co_await a lease: an adaptor of some forty lines over enqueue(), and a small program that uses it.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <cstdio>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <source_location>
#include <utility>

#include <dewpond/pool.hpp>

// Where coroutines go on: `served` runs on the thread that freed the slot, so it only posts.
class Loop {
public:
    void post(std::coroutine_handle<> h) noexcept {
        const std::lock_guard lock{mutex_};
        ready_.push_back(h);
        wake_.notify_one();
    }
    void run_until(const std::atomic<int>& left) {
        while (left.load() != 0) {
            std::unique_lock lock{mutex_};
            wake_.wait(lock, [&] { return !ready_.empty(); });
            const auto h = std::exchange(ready_.front(), nullptr);
            ready_.pop_front();
            lock.unlock();
            h.resume();
        }
    }

private:
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::coroutine_handle<>> ready_;
};

// The adaptor: the waiter's node lives in the coroutine's frame, nothing is allocated.
template <class Pool>
class AsyncCheckout : Pool::Waiter {
public:
    AsyncCheckout(Pool& pool, Loop& loop, dewpond::Limit limit, dewpond::Place place = std::source_location::current())
        : Pool::Waiter{&served}, pool_{pool}, loop_{loop}, limit_{limit}, place_{place} {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> h) noexcept {
        handle_ = h;
        pool_.enqueue(*this, limit_, place_);
        return !done_.exchange(true);  // served meanwhile: do not suspend at all
    }
    typename Pool::Lease await_resume() { return std::move(*outcome_).value(); }

private:
    static void served(typename Pool::Waiter& w, dewpond::Result<typename Pool::Lease> outcome) noexcept {
        auto& self = static_cast<AsyncCheckout&>(w);
        self.outcome_.emplace(std::move(outcome));
        Loop& loop = self.loop_;
        const auto h = self.handle_;
        if (self.done_.exchange(true)) loop.post(h);  // the last touch: the frame may go on at once
    }
    Pool& pool_;
    Loop& loop_;
    dewpond::Limit limit_;
    dewpond::Place place_;
    std::coroutine_handle<> handle_{};
    std::atomic<bool> done_{false};
    std::optional<dewpond::Result<typename Pool::Lease>> outcome_;
};

struct Task {  // fire and forget
    struct promise_type {
        Task get_return_object() noexcept { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { std::terminate(); }
    };
};

struct Desk {  // something there are only two of
    using resource = int;
    int next = 0;
    int open() { return ++next; }
    void close(int&) noexcept {}
};
using Desks = dewpond::Pool<Desk>;

Task visitor(Desks& desks, Loop& loop, int name, std::atomic<int>& left) {
    {
        auto desk = co_await AsyncCheckout<Desks>{desks, loop, std::chrono::seconds{5}};
        std::printf("visitor %d sits at desk %d\n", name, *desk);
    }
    --left;
}

int main() {
    Desks desks{Desk{}, {.name = "desks", .max_size = 2}};
    Loop loop;
    std::atomic<int> left{3};
    for (int name = 1; name <= 3; ++name) visitor(desks, loop, name, left);
    loop.run_until(left);
    std::printf("%u idle\n", desks.stats().idle);
}
