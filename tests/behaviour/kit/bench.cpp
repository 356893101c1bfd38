// SPDX-License-Identifier: BSL-1.0
#include "kit/bench.hpp"

#include <stdexcept>
#include <utility>

namespace behaviour {

bool eventually(const std::function<bool()>& done) {
    const auto end = std::chrono::system_clock::now() + 10s;
    while (!done()) {
        if (std::chrono::system_clock::now() > end) return done();
        std::this_thread::yield();
    }
    return true;
}

Task::Task(std::function<void()> work)
    : thread_{[this, work = std::move(work)] {
          work();
          const std::lock_guard lock{m_};
          over_ = true;
          changed_.notify_all();
      }} {}

bool Task::over() const {
    const std::lock_guard lock{m_};
    return over_;
}

bool Task::ends() const {
    std::unique_lock lock{m_};
    return changed_.wait_until(lock, std::chrono::system_clock::now() + 10s, [this] { return over_; });
}

Borrower::Borrower(Pond& pool, Wish wish)
    : task_{std::make_unique<Task>([&pool, wish = std::move(wish), result = result_] { result->emplace(pool.try_checkout(wish)); })} {}

Outcome& Borrower::outcome() {
    task_->join();
    return **result_;
}

AnyLease& Borrower::lease() {
    if (!outcome()) throw std::runtime_error{std::string{"no lease: "} + outcome().error().what()};
    return *outcome();
}

Caller::Caller(Pond& pool, std::function<void(Caller&)> then)
    : ticket_{pool.ticket([this, then = std::move(then)](Outcome o) {
          {
              const std::lock_guard lock{m_};
              outcome_.reset();
              outcome_.emplace(std::move(o));
              thread_ = std::this_thread::get_id();
              if (!then) ++served_;
          }
          if (!then) return;
          then(*this);
          const std::lock_guard lock{m_};
          ++served_;
      })} {}

int Caller::served() const {
    const std::lock_guard lock{m_};
    return served_;
}

bool Caller::is_served() const {
    return eventually([this] { return served() != 0; });
}

Bench::Bench(const Config& c, dewpond::Options options) : config{c} {
    setting.options = std::move(options);
    setting.clock = clock;
    if (!setting.options.min_idle) setting.options.min_idle = 0;  // whatever the driver suggests
    setting.options.on_event = [log = log_](const dewpond::Event& e) noexcept {
        std::function<void(const dewpond::Event&)> then;
        {
            const std::lock_guard lock{log->m};
            log->told.push_back({e.kind, std::string{e.pool}, dewpond::detail::text(e.place), std::string{e.text}, e.slot, e.age, e.fault, e.reason,
                                 e.suppressed});
            then = log->then;
        }
        if (then) then(e);
    };
}

Bench::~Bench() {
    clock.unstall();
    if (pool_ != nullptr) BOOST_CHECK(conserves(pool_->stats()));
    pool_.reset();
    // A library thread that was let go inside the driver ends by itself.
    BOOST_CHECK(eventually([this] { return script.live() == 0; }));
    for (const std::string& v : script.violations()) BOOST_ERROR(v);
    // What the sink holds goes with the pool's core: nobody is left who keeps that.
    setting.options.on_event = {};
    BOOST_CHECK(eventually([this] { return log_.use_count() == 1; }));
}

Pond& Bench::start() {
    pool_ = config.make(script, setting);
    return *pool_;
}

std::vector<AnyLease> Bench::take(std::size_t n) {
    std::vector<AnyLease> leases;
    for (std::size_t i = 0; i < n; ++i) leases.push_back(pool_->checkout(1h));
    return leases;
}

std::size_t Bench::crew() const {
    const dewpond::Options& o = setting.options;
    if (!o.keeper_thread) return 0;
    if (config.background || o.min_idle.value_or(0) != 0) return o.opens_at_once + 1;
    return config.keeps ? 1 : 0;
}

void Bench::quiesce(std::size_t n) {
    clock.wait_until_parked(n + crew());
}

void Bench::wait_waiting(std::uint32_t n) {
    if (!eventually([&] { return pool_->stats().waiting == n; })) throw std::runtime_error{"not that many are waiting"};
}

std::vector<Told> Bench::told() const {
    const std::lock_guard lock{log_->m};
    return log_->told;
}

std::vector<Told> Bench::told(EventKind kind) const {
    std::vector<Told> all = told();
    std::erase_if(all, [kind](const Told& t) { return t.kind != kind; });
    return all;
}

void Bench::on_event(std::function<void(const dewpond::Event&)> f) {
    const std::lock_guard lock{log_->m};
    log_->then = std::move(f);
}

bool conserves(const Stats& s) { return s.idle + s.in_use + s.opening + s.retiring == s.size && s.size <= s.max_size; }

Code code_of(const std::function<void()>& f) {
    try {
        f();
    } catch (const PoolError& e) {
        return e.code();
    }
    return Code::bad_option;
}

PondCases::PondCases(const char* name, const char* file, std::size_t line, void (*body)(const Config&), bool (*wanted)(const Config&))
    : name_{name}, file_{file}, line_{line}, body_{body} {
    for (const Config& c : configs()) {
        if (wanted(c)) wanted_.push_back(&c);
    }
}

boost::unit_test::test_unit* PondCases::next() const {
    if (at_ == wanted_.size()) return nullptr;
    const Config* c = wanted_[at_++];
    return new boost::unit_test::test_case(name_ + "(" + c->name + ")", file_, line_, [body = body_, c] { body(*c); });
}

}  // namespace behaviour
