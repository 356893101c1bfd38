// SPDX-License-Identifier: BSL-1.0
// Fault cells: what may happen to a connection x when it happens. Whatever the cell, no call outlasts its limit, no
// slot is lost, no answer is another's, the server never has more sessions than max_size, none stays idle in a
// transaction, and the pool serves again soon after the fault is over. The table is printed at the end.
#include <array>
#include <atomic>
#include <cstdio>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>

#include "pq_driver_support.hpp"
#include "proxy.hpp"
#include <dewpond/libpq.hpp>
#include <dewpond/pool.hpp>

using namespace pq_test;
using Mode = ChaosProxy::Mode;
namespace ut = boost::unit_test;

namespace {

constexpr std::size_t max_size = 2;
constexpr auto checkout_limit = 300ms;
constexpr auto query_limit = 150ms;
constexpr auto backoff_cap = 100ms;
constexpr auto open_timeout = 150ms;
constexpr auto reset_timeout = 400ms;
constexpr auto return_budget = 20ms;
constexpr auto margin = 400ms;  // for a loaded machine: what hangs, hangs for longer

enum class Phase { idle, in_use, in_reset, in_opening, in_ping };
constexpr std::array phases{Phase::idle, Phase::in_use, Phase::in_reset, Phase::in_opening, Phase::in_ping};
constexpr std::array phase_names{"idle", "in use", "in reset", "in opening", "in ping"};

/// How a fault shows. `cut`: this host hears of it. `slow`: nothing is lost, nothing may be closed. `mute`: only a
/// limit tells. `garbled`: what arrives is not what was sent. `outage`: nobody is there for a while.
enum class Kind { cut, slow, mute, garbled, outage };
enum class Strike { reset, finish, mode, terminate, stop };
struct Trouble {
    const char* name;
    Kind kind;
    Strike strike;
    Mode mode = Mode::pass;
    bool tls = false;
};
constexpr std::array troubles{
    Trouble{"RST", Kind::cut, Strike::reset},
    Trouble{"FIN", Kind::cut, Strike::finish},
    Trouble{"black hole", Kind::mute, Strike::mode, Mode::black},
    Trouble{"stall", Kind::mute, Strike::mode, Mode::stall},
    Trouble{"slice", Kind::slow, Strike::mode, Mode::slice},
    Trouble{"delay", Kind::slow, Strike::mode, Mode::delay},
    Trouble{"corrupt", Kind::garbled, Strike::mode, Mode::corrupt},
    Trouble{"corrupt, TLS", Kind::garbled, Strike::mode, Mode::corrupt, true},
    Trouble{"terminated", Kind::cut, Strike::terminate},
    Trouble{"server restart", Kind::outage, Strike::stop},
};

/// What came of a query that asks for a number of its own. `garbled`: libpq itself complains, though it calls the
/// connection good; the rest of the answer may be under way, so whoever sees that must report it.
enum class Answer { right, wrong, failed, garbled, late };

std::string next_number() {
    static std::atomic<unsigned> last{0};
    return std::to_string(++last);
}

Answer answer_to(PGconn* c, const std::string& number) {
    const auto by = Clock::now() + query_limit;
    bool right = false, wrong = false, failed = false, stated = false;
    for (;;) {
        while (PQisBusy(c) == 1) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(by - Clock::now()).count();
            if (left <= 0) return Answer::late;
            pollfd p{PQsocket(c), POLLIN, 0};
            if (::poll(&p, 1, static_cast<int>(left)) > 0 && PQconsumeInput(c) == 0 && PQisBusy(c) == 1)
                return Answer::failed;
        }
        const dewpond::detail::PqResult r{PQgetResult(c)};
        if (!r) break;
        if (PQresultStatus(r.get()) == PGRES_TUPLES_OK && PQntuples(r.get()) == 1) {
            (PQgetvalue(r.get(), 0, 0) == number ? right : wrong) = true;
        } else {
            failed = true;
            stated = stated || PQresultErrorField(r.get(), PG_DIAG_SQLSTATE) != nullptr;
        }
    }
    if (wrong) return Answer::wrong;
    if (right && !failed) return Answer::right;
    return stated || PQstatus(c) != CONNECTION_OK ? Answer::failed : Answer::garbled;
}
Answer ask(PGconn* c) {
    const std::string number = next_number();
    return PQsendQuery(c, ("select " + number).c_str()) == 1 ? answer_to(c, number) : Answer::failed;
}

/// Counts the sessions of each pool at the server, without a pause, as long as it lives.
class Census {
public:
    Census() {
        thread_ = std::thread{[this, conninfo = unix_conninfo()] {
            PGconn* c = nullptr;
            while (!stop_) {
                if (c == nullptr) c = PQconnectdb(conninfo.c_str());
                const std::string most =
                    value(c, "select coalesce(max(n), 0) from (select count(*) n from pg_stat_activity"
                             " where application_name like 'cell-%' group by application_name) each");
                if (PQstatus(c) == CONNECTION_OK && !most.empty() && most[0] != '(') look(std::stoul(most));
                if (PQstatus(c) != CONNECTION_OK) PQfinish(std::exchange(c, nullptr));
                ::poll(nullptr, 0, 2);
            }
            if (c != nullptr) PQfinish(c);
        }};
    }
    Census(const Census&) = delete;
    ~Census() { end(); }
    void end() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
    }
    /// The most that was seen, and the most that was seen for longer than a session takes to end that was told to.
    [[nodiscard]] std::size_t most() const { return most_; }
    [[nodiscard]] std::size_t lasting() const { return lasting_; }
    [[nodiscard]] long looks() const { return looks_; }

private:
    void look(std::size_t n) {
        ++looks_;
        most_ = (std::max)(most_.load(), n);
        if (n <= max_size) {
            lasting_ = (std::max)(lasting_.load(), n);
            above_since_ = {};
        } else if (above_since_ == Clock::time_point{}) {
            above_since_ = Clock::now();
        } else if (Clock::now() - above_since_ > 250ms) {
            lasting_ = (std::max)(lasting_.load(), n);
        }
    }

    std::atomic<bool> stop_{false};
    std::atomic<std::size_t> most_{0}, lasting_{0};
    std::atomic<long> looks_{0};
    Clock::time_point above_since_{};
    std::thread thread_;
};

/// How much time this machine took away from a thread that wants to run each millisecond: what nobody can be blamed
/// for.
class Metronome {
public:
    Metronome() {
        thread_ = std::thread{[this] {
            while (!stop_) {
                const auto due = Clock::now() + 1ms;
                std::this_thread::sleep_until(due);
                lost_ += (Clock::now() - due).count();
            }
        }};
    }
    Metronome(const Metronome&) = delete;
    ~Metronome() {
        stop_ = true;
        thread_.join();
    }
    [[nodiscard]] Clock::duration lost() const { return Clock::duration{lost_.load()}; }

private:
    std::atomic<bool> stop_{false};
    std::atomic<Clock::rep> lost_{0};
    std::thread thread_;
};

/// What went wrong in a cell, and what those saw who used its pool.
struct Tally {
    std::atomic<long> right{0}, wrong{0}, failed{0}, late{0}, refused{0}, overdue{0};
    std::atomic<Clock::rep> mended{0}, served{0};

    void count(Answer a) {
        switch (a) {
            case Answer::right: {
                ++right;
                Clock::rep none = 0;
                if (mended != 0) served.compare_exchange_strong(none, Clock::now().time_since_epoch().count());
                break;
            }
            case Answer::wrong: ++wrong; break;
            case Answer::late: ++late; break;
            default: ++failed; break;
        }
    }
    void mend() { mended = Clock::now().time_since_epoch().count(); }
    /// Runs a call that must not outlast its limit.
    template <class Call>
    auto timed(std::chrono::nanoseconds limit, Call&& call) {
        struct Check {
            Tally& t;
            Clock::time_point by;
            ~Check() { t.overdue += Clock::now() > by ? 1 : 0; }
        };
        const Check check{*this, Clock::now() + limit + margin};
        return call();
    }
};

/// One borrow as a careful program does it. The backend's process id, 0 if there was no lease.
template <class Db>
int borrow(Db& db, Tally& t, Answer* out = nullptr) {
    auto lease = t.timed(checkout_limit, [&] { return db.try_checkout(checkout_limit); });
    if (!lease) {
        ++t.refused;
        return 0;
    }
    const int backend = PQbackendPID(**lease);
    const Answer a = t.timed(query_limit, [&] { return ask(**lease); });
    t.count(a);
    if (out != nullptr) *out = a;
    if (a == Answer::garbled) lease->report(Fault::broken);
    t.timed(return_budget, [&] { return lease->give_back(); });
    return backend;
}

template <class... Policies>
class Cell {
    using Db = dewpond::Pool<PqDriver, Policies...>;

public:
    Cell(Phase phase, const Trouble& trouble, Admin& admin, const Metronome& metronome)
        : phase_{phase}, trouble_{trouble}, admin_{admin}, metronome_{metronome},
          proxy_{std::stoi(env("DEWPOND_PG_PORT"))} {
        static int cells = 0;
        name_ = "cell-" + std::to_string(++cells);
        conninfo_ =
            "hostaddr=127.0.0.1 user=dewpond dbname=dewpond gssencmode=disable port=" + std::to_string(proxy_.port()) +
            (trouble.tls ? " sslmode=require" : " sslmode=disable") +
            // Else a server whose client was cut off goes on with its statement, and the session with it.
            " options='-c client_connection_check_interval=10ms'";
    }

    /// What is wrong, in words; nothing: the cell is green.
    std::string run() {
        measure_open();
        if (phase_ == Phase::in_opening) proxy_.set(Mode::hold);
        auto db = std::make_unique<Db>(PqDriver{conninfo_}, dewpond::Options{.name = name_,
                                                                             .max_size = max_size,
                                                                             .open_timeout = open_timeout,
                                                                             .backoff_min = 20ms,
                                                                             .backoff_max_waiting = backoff_cap,
                                                                             .backoff_max = backoff_cap,
                                                                             .outage_grace = 200ms,
                                                                             .reset_timeout = reset_timeout,
                                                                             .return_budget = return_budget});
        switch (phase_) {
            case Phase::idle: idle(*db); break;
            case Phase::in_use: in_use(*db); break;
            case Phase::in_reset: in_reset(*db); break;
            case Phase::in_opening: in_opening(*db); break;
            case Phase::in_ping: in_ping(*db); break;
        }
        users(*db);
        afterwards(*db);
        tally_.timed(0ms, [&] { db.reset(); });
        expect(tally_.overdue == 0, "calls that outlasted their limits: " + std::to_string(tally_.overdue));
        expect(tally_.wrong == 0, "wrong answers: " + std::to_string(tally_.wrong));
        return problems_;
    }
    [[nodiscard]] long recovery_ms() const { return recovery_ms_; }
    [[nodiscard]] long right() const { return tally_.right; }
    [[nodiscard]] long wrong() const { return tally_.wrong; }

private:
    using Lease = typename Db::Lease;

    void expect(bool holds, const std::string& what) {
        if (!holds) problems_ += (problems_.empty() ? "" : "; ") + what;
    }
    [[nodiscard]] bool one_shot() const { return trouble_.kind == Kind::cut; }

    void measure_open() {
        PqDriver driver{conninfo_ + " application_name=measure"};
        for (int i = 0; i < 3; ++i) {
            const auto from = Clock::now();
            PqConnection c = opened(driver);
            open_time_ = (std::max)(open_time_, Clock::now() - from);
        }
    }

    /// Both connections open, and the backend of each.
    std::vector<Lease> fill(Db& db) {
        std::vector<Lease> all;
        for (std::size_t i = 0; i < max_size; ++i) {
            all.push_back(db.checkout(5s));
            expect(ask(*all.back()) == Answer::right, "the pool does not begin well");
            backends_.push_back(PQbackendPID(*all.back()));
        }
        return all;
    }
    [[nodiscard]] bool is_old(int backend) const {
        return std::find(backends_.begin(), backends_.end(), backend) != backends_.end();
    }

    void strike() {
        switch (trouble_.strike) {
            case Strike::reset: proxy_.cut(true); break;
            case Strike::finish: proxy_.cut(false); break;
            case Strike::mode: proxy_.set(trouble_.mode); return;
            case Strike::terminate:
                for (const int b : backends_) admin_.terminate(std::to_string(b));
                break;
            case Strike::stop:
                admin_.forget();
                control("stop-immediate");
                break;
        }
        // Where the server's words are held the last of them leave together with the answer before.
        const bool held = phase_ != Phase::idle && phase_ != Phase::in_use;
        if (held && (trouble_.strike == Strike::terminate || trouble_.strike == Strike::stop)) {
            expect(soon([&] { return proxy_.running() == 0; }), "the server did not end its sessions");
        }
        if (one_shot()) tally_.mend();
        proxy_.set(Mode::pass);
    }

    /// Nobody asks anything; what arrives is a notification, or the end.
    void idle(Db& db) {
        std::vector<Ear> ears;
        {
            const auto all = fill(db);
            for (const Lease& l : all) {
                ears.emplace_back(*l);
                expect(pq_test::run(*l, "listen news") == PGRES_COMMAND_OK, "LISTEN failed");
            }
        }
        strike();
        const bool loud = trouble_.kind == Kind::slow || trouble_.kind == Kind::garbled;
        if (trouble_.kind != Kind::outage) admin_.ask("notify news");
        for (const Ear& e : ears) {
            if (loud) expect(e.has(15), "the notification did not arrive");
            else if (trouble_.kind != Kind::mute) expect(e.hears(POLLIN | POLLRDHUP), "the end did not arrive");
        }
        ears.clear();
        Answer a = Answer::late;
        const int backend = borrow(db, tally_, &a);
        if (trouble_.kind == Kind::slow)
            expect(is_old(backend) && a == Answer::right, "a slow connection was not kept");
        else if (trouble_.kind != Kind::mute) expect(!is_old(backend), "a dead one was handed out");
        if (one_shot()) expect(a == Answer::right, "the borrower was not served");
    }

    /// A statement is under way.
    void in_use(Db& db) {
        auto all = fill(db);
        const std::string number = next_number();
        const bool ends = trouble_.kind == Kind::cut || trouble_.kind == Kind::outage;
        const std::string sql = "select " + number + " from pg_sleep(" + (ends ? "60" : "0.05") + ")";
        expect(PQsendQuery(*all[0], sql.c_str()) == 1, "the query was not sent");
        strike();
        const Answer a = tally_.timed(query_limit, [&] { return answer_to(*all[0], number); });
        tally_.count(a);
        if (trouble_.kind == Kind::slow) expect(a == Answer::right, "a slow answer was not taken");
        else expect(a != Answer::right, "the fault did not strike");
        if (a == Answer::garbled) all[0].report(Fault::broken);
        for (Lease& l : all) tally_.timed(return_budget, [&] { return l.give_back(); });
    }

    /// Given back inside a transaction; the answer to the ROLLBACK is under way.
    void in_reset(Db& db) {
        {
            auto all = fill(db);
            expect(pq_test::run(*all[0], "begin") == PGRES_COMMAND_OK, "BEGIN failed");
            proxy_.set(Mode::hold);
            const auto report = tally_.timed(return_budget, [&] { return all[0].give_back(); });
            expect(report == dewpond::ReturnReport::deferred, "the reset was not under way");
            expect(soon([&] { return proxy_.held() > 0; }, 300ms), "the ROLLBACK was not answered");
            strike();
        }
        const auto done = [&] { return db.stats().retiring == 0; };
        expect(soon(done, reset_timeout + margin), "the reset outlasted its limit");
    }

    /// The first words of the server are under way.
    void in_opening(Db&) {
        expect(soon([&] { return proxy_.held() > 0; }), "nothing was opened");
        if (trouble_.strike == Strike::terminate) {
            const std::string sql = "select pid from pg_stat_activity where application_name='" + name_ + "'";
            std::string pid;
            expect(soon([&] { return !(pid = admin_.ask(sql)).empty(); }), "no session to terminate");
            if (!pid.empty()) backends_ = {std::stoi(pid)};
        }
        strike();
    }

    /// The answer to a ping is under way.
    void in_ping(Db& db) {
        fill(db).clear();
        proxy_.set(Mode::hold);
        Answer a = Answer::late;
        auto other = std::async(std::launch::async, [&] { return borrow(db, tally_, &a); });
        expect(soon([&] { return proxy_.held() > 0; }, checkout_limit), "the ping was not answered");
        strike();
        const int backend = other.get();
        if (trouble_.kind == Kind::slow)
            expect(is_old(backend) && a == Answer::right, "a slow connection was not kept");
        else if (trouble_.kind != Kind::mute) expect(!is_old(backend), "a dead one was handed out");
        if (one_shot()) expect(a == Answer::right, "the borrower was not served");
    }

    /// More users than connections, from now on until some time after the fault is over.
    void users(Db& db) {
        std::atomic<bool> stop{false};
        std::vector<std::thread> threads;
        for (std::size_t i = 0; i < max_size + 1; ++i) {
            threads.emplace_back([&] {
                while (!stop) {
                    borrow(db, tally_);
                    ::poll(nullptr, 0, 1);
                }
            });
        }
        const long before = tally_.right;
        if (trouble_.kind == Kind::slow) soon([&] { return tally_.right > before + 20; });
        else if (!one_shot())
            soon([&] { return tally_.late + tally_.failed + tally_.refused > 2; }, 250ms), ::poll(nullptr, 0, 150);
        if (trouble_.kind == Kind::outage) {
            expect(soon([&] { return db.stats().down; }), "the pool does not know that the server is down");
            control("start");
        }
        const auto lost = metronome_.lost();
        if (!one_shot()) tally_.mend();
        proxy_.set(Mode::pass);
        expect(soon([&] { return tally_.served != 0; }), "the pool does not serve again");
        const auto held_up = metronome_.lost() - lost;
        soon([&, right = tally_.right.load()] { return tally_.right > right + 10; });
        stop = true;
        for (auto& t : threads) t.join();
        const Clock::duration recovery{tally_.served != 0 ? tally_.served - tally_.mended : 0};
        recovery_ms_ = static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(recovery).count());
        const auto allowed = backoff_cap + 2 * open_time_ + 250ms + held_up;
        expect(recovery <= allowed, "back after " + std::to_string(recovery_ms_) + " ms");
    }

    /// Nothing is lost: all of it can be had at once, and every count is where it was.
    void afterwards(Db& db) {
        {
            std::vector<Lease> all;
            for (std::size_t i = 0; i < max_size; ++i) {
                auto lease = db.try_checkout(5s);
                expect(lease.has_value(), "a slot is lost");
                if (!lease) continue;
                const Answer a = ask(**lease);
                expect(a == Answer::right, "a connection is lent that does not work");
                all.push_back(*std::move(lease));
            }
        }
        dewpond::Stats s;
        const auto at_rest = [&] {
            s = db.stats();
            return s.in_use == 0 && s.opening == 0 && s.retiring == 0 && s.waiting == 0 && s.idle == s.size && !s.down;
        };
        expect(soon(at_rest, 2s), "it does not come to rest");
        expect(s.size <= max_size, "the counts do not add up");
        const std::string sql =
            "select string_agg(state || ': ' || query, ', ') from pg_stat_activity where application_name='" + name_ +
            "' and (state like 'idle in transaction%' or xact_start is not null)";
        std::string in_transaction;
        expect(soon([&] { return (in_transaction = admin_.ask(sql)).empty(); }, 2s),
               "in a transaction: " + in_transaction);
        if (trouble_.kind == Kind::slow) {
            std::uint64_t closed = s.open_failures;
            for (const std::uint64_t n : s.closed_by) closed += n;
            expect(closed == 0, "a slow connection was closed");
            expect(tally_.failed + tally_.late + tally_.refused == 0, "a slow connection cost somebody something");
        }
    }

    const Phase phase_;
    const Trouble& trouble_;
    Admin& admin_;
    const Metronome& metronome_;
    ChaosProxy proxy_;
    std::string name_, conninfo_, problems_;
    std::vector<int> backends_;
    Clock::duration open_time_{};
    long recovery_ms_ = 0;
    Tally tally_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(fault_cells, *ut::timeout(300))

BOOST_AUTO_TEST_CASE(every_fault_at_every_moment) {
    Admin admin;
    Census census;
    const Metronome metronome;
    int cells = 0, green = 0;
    long right = 0, wrong = 0, worst = 0;
    std::string table;
    const Stopwatch watch;
    char line[128];
    for (const Trouble& trouble : troubles) {
        std::snprintf(line, sizeof line, "%-16s", trouble.name);
        table += line;
        for (std::size_t i = 0; i < phases.size(); ++i) {
            BOOST_TEST_CONTEXT(trouble.name << " x " << phase_names[i]) {
                const auto judge = [&](auto cell) {
                    const std::string problems = cell->run();
                    BOOST_TEST(problems.empty(), problems);
                    ++cells;
                    green += problems.empty() ? 1 : 0;
                    right += cell->right();
                    wrong += cell->wrong();
                    worst = (std::max)(worst, cell->recovery_ms());
                    std::snprintf(line, sizeof line, "%5s %4ld ms", problems.empty() ? "ok" : "BAD",
                                  cell->recovery_ms());
                    table += line;
                };
                if (phases[i] == Phase::in_ping) {
                    judge(std::make_unique<Cell<dewpond::PingAlways>>(phases[i], trouble, admin, metronome));
                } else {
                    judge(std::make_unique<Cell<>>(phases[i], trouble, admin, metronome));
                }
            }
        }
        table += '\n';
    }
    census.end();
    BOOST_TEST(census.looks() > 100);
    BOOST_TEST(census.lasting() <= max_size);
    std::snprintf(line, sizeof line, "%-16s", "");
    std::string head =
        "fault cells: back in service after (the fault is over, or struck once, at 0 ms)\n" + std::string{line};
    for (const char* name : phase_names) {
        std::snprintf(line, sizeof line, "%13s", name);
        head += line;
    }
    std::array<char, 400> foot;
    std::snprintf(
        foot.data(), foot.size(),
        "%d/%d cells green; %ld right answers, %ld wrong; worst recovery %ld ms; sessions at the server at most %zu "
        "(max_size %zu; %zu in passing, %ld looks); %ld ms\n",
        green, cells, right, wrong, worst, census.lasting(), max_size, census.most(), census.looks(), watch.ms());
    show(head + '\n' + table + foot.data());
}

BOOST_AUTO_TEST_SUITE_END()
