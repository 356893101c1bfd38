// SPDX-License-Identifier: BSL-1.0
// The suite can fail: for each of its sentences there is a driver that is wrong in that one way, and is reported.
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/eventfd.h>

#include <boost/test/unit_test.hpp>

#include <dewpond/testing/conformance.hpp>

#include "report.hpp"
#include "sound.hpp"

using namespace std::chrono_literals;
using dewpond::Deadline;
using dewpond::Fault;
using dewpond::ResetResult;
using dewpond::testing::Hook;
using dewpond::testing::misshapen;

namespace {

using R = Sound::resource;
constexpr auto prompt = 20ms;

void dawdle(Deadline by) {
    if (late(by)) std::this_thread::sleep_for(2 * prompt);
}

/// The ways to be wrong that have the right shape.
enum class Flaw {
    none,
    // opening and closing
    never_opens, throws_at_open, opens_at_home_only, late_open_spoils_all, open_dawdles, close_spoils_all,
    close_of_dead_spoils_all, interrupt_spoils_all,
    // checks
    status_no, probe_no, ping_no, status_wavers, probe_wavers, ping_wavers, dirty_wavers, handle_wavers, status_soils,
    probe_soils, ping_soils, handle_soils, born_dirty, ping_dawdles, blind_to_death, the_dead_rise, own_thread_only,
    // the poll handle, the last fault, the label
    handle_is_loud, handle_is_deaf, always_complains, never_complains, two_lines, tells_in_label, tells_in_fault,
    tells_at_open, throws_secret,
    // resetting
    fresh_is_broken, reset_breaks, reset_of_dirty_breaks, refuses_dirty, claims_only, resets_once, claims_when_late,
    never_finishes, reset_dawdles, raises_the_dead, sees_no_dirt, looking_cleans,
    // neighbours: what happens to one happens to all
    close_touches_all, away_close_touches_all, interrupt_touches_all, abandon_touches_all, one_death, one_dirt
};

/// Sound but for one flaw. One type for all of them, so that the suite is compiled once.
struct Faulty : Sound {
    Flaw flaw = Flaw::none;
    std::shared_ptr<int> deaf{new int{::eventfd(0, EFD_CLOEXEC)}, [](int* p) { ::close(*p), delete p; }};

    explicit Faulty(Flaw f) : flaw{f} {}
    bool at_home() const { return std::this_thread::get_id() == world->home; }

    Opened open(Deadline by) {
        switch (flaw) {
            case Flaw::never_opens: return Error{Fault::unreachable, "no"};
            case Flaw::throws_at_open: throw 42;
            case Flaw::tells_at_open: return Error{Fault::configuration, "password=hunter2"};
            case Flaw::throws_secret: throw Error{Fault::configuration, "password=hunter2"};
            case Flaw::open_dawdles: dawdle(by); break;
            case Flaw::late_open_spoils_all: world->poisoned = world->poisoned || late(by); break;
            case Flaw::opens_at_home_only:
                if (!at_home()) return Error{Fault::other, "not at home"};
                break;
            default: break;
        }
        Opened r = Sound::open(by);
        if (r && flaw == Flaw::born_dirty) (*r)->dirty = true;
        return r;
    }
    void close(R& r) noexcept {
        if (flaw == Flaw::close_spoils_all || (flaw == Flaw::close_of_dead_spoils_all && r->broken)) world->poisoned = true;
        if (flaw == Flaw::close_touches_all || (flaw == Flaw::away_close_touches_all && !at_home())) ++world->generation;
        Sound::close(r);
    }
    bool status_ok(R& r) noexcept {
        switch (flaw) {
            case Flaw::status_no: return false;
            case Flaw::status_wavers: return r->asked++ % 2 == 0;
            case Flaw::status_soils: return r->dirty = true;
            case Flaw::own_thread_only: return r->owner == std::this_thread::get_id();
            case Flaw::one_death: return !world->dead;
            default: return Sound::status_ok(r) && r->generation == world->generation;
        }
    }
    bool probe(R& r) noexcept {
        switch (flaw) {
            case Flaw::probe_no: return false;
            case Flaw::probe_wavers: return r->asked++ % 2 == 0;
            case Flaw::probe_soils: return r->dirty = true;
            default: return Sound::probe(r);
        }
    }
    bool ping(R& r, Deadline by) noexcept {
        switch (flaw) {
            case Flaw::ping_no: return false;
            case Flaw::ping_wavers: return r->asked++ % 2 == 0;
            case Flaw::ping_soils: return r->dirty = true;  // the founding incident: it opens what nobody ends
            case Flaw::blind_to_death: return true;
            case Flaw::the_dead_rise: return !r->broken || r->asked++ != 0;
            case Flaw::ping_dawdles: dawdle(by); break;
            default: break;
        }
        return Sound::ping(r, by);
    }
    bool dirty(R& r) noexcept {
        switch (flaw) {
            case Flaw::dirty_wavers: return r->asked++ == 2;
            case Flaw::sees_no_dirt: return false;
            case Flaw::looking_cleans: return std::exchange(r->dirty, false);
            case Flaw::one_dirt: return world->dirty;
            default: return Sound::dirty(r);
        }
    }
    ResetResult reset(R& r, Deadline by) noexcept {
        switch (flaw) {
            case Flaw::fresh_is_broken: return ResetResult::broken;
            case Flaw::reset_breaks: return r->broken = true, ResetResult::clean;
            case Flaw::refuses_dirty: return r->dirty ? ResetResult::broken : Sound::reset(r, by);
            case Flaw::claims_only: return ResetResult::clean;
            case Flaw::resets_once: return r->resets++ == 0 ? Sound::reset(r, by) : ResetResult::clean;
            case Flaw::claims_when_late: return late(by) ? ResetResult::clean : Sound::reset(r, by);
            case Flaw::never_finishes: return ResetResult::unfinished;
            case Flaw::raises_the_dead: return r->broken = false, ResetResult::broken;
            case Flaw::reset_dawdles: dawdle(by); break;
            case Flaw::reset_of_dirty_breaks:
                if (std::exchange(r->dirty, false)) return r->broken = true, ResetResult::clean;
                break;
            default: break;
        }
        return Sound::reset(r, by);
    }
    int poll_handle(R& r) noexcept {
        switch (flaw) {
            case Flaw::handle_wavers: return -1 - r->asked++;
            case Flaw::handle_soils: return r->dirty = true, -1;
            case Flaw::handle_is_loud: ::eventfd_write(r->wire, 1); break;
            case Flaw::handle_is_deaf: return *deaf;
            default: break;
        }
        return Sound::poll_handle(r);
    }
    void interrupt(R&) noexcept {
        if (flaw == Flaw::interrupt_spoils_all) world->poisoned = true;
        if (flaw == Flaw::interrupt_touches_all) ++world->generation;
    }
    void abandon(R&) noexcept {
        if (flaw == Flaw::abandon_touches_all) ++world->generation;
    }
    Error last_fault(R& r) noexcept {
        switch (flaw) {
            case Flaw::always_complains: return Error{Fault::other, "hm"};
            case Flaw::never_complains: return {};
            case Flaw::tells_in_fault: return Error{Fault::broken, "password=hunter2"};
            default: return Sound::last_fault(r);
        }
    }
    std::string label(R& r) {
        return flaw == Flaw::two_lines ? "a\nb" : flaw == Flaw::tells_in_label ? "password=hunter2" : Sound::label(r);
    }
};

/// Every name is taken, in a shape that is not the ability's.
struct Misshapen : Sound {
    bool status_ok(R&) { return true; }
    int probe(R&) noexcept { return 1; }
    bool ping(R&) noexcept { return true; }
    bool dirty(R&, Deadline) noexcept { return false; }
    bool reset(R&, Deadline) noexcept { return true; }
    long poll_handle(R&) noexcept { return -1; }
    bool interrupt(R&) noexcept { return true; }
    void abandon(R&) {}
    Fault last_fault(R&) noexcept { return Fault::none; }
    int label(R&) { return 7; }
};
struct TakesItByValue : Sound {
    bool probe(R) noexcept { return true; }
    bool ping(const Thing&, Deadline) noexcept { return true; }
    static constexpr bool dirty = true;
};
static_assert(misshapen<TakesItByValue>(Hook::probe) && misshapen<TakesItByValue>(Hook::ping));
static_assert(misshapen<TakesItByValue>(Hook::dirty));
static_assert(!misshapen<Sound>(Hook::probe) && !misshapen<Sound>(Hook::label));

// What a move must not break.
struct Rooted {
    explicit Rooted(Thing* t) noexcept : thing{t}, self{this} {}
    Rooted(Rooted&& other) noexcept : thing{std::exchange(other.thing, nullptr)}, self{other.self} {}
    Thing* thing;
    const Rooted* self;
};
struct CannotMove {
    using resource = Rooted;
    std::shared_ptr<World> world = std::make_shared<World>();
    resource open() { return Rooted{new Thing{world}}; }
    void close(resource& r) noexcept { delete std::exchange(r.thing, nullptr); }
    bool status_ok(resource& r) noexcept { return r.self == &r; }
};
struct Sharing {
    explicit Sharing(std::shared_ptr<Thing> t) noexcept : thing{std::move(t)} {}
    Sharing(Sharing&& other) noexcept : thing{other.thing} {}
    ~Sharing() { thing->broken = true; }
    std::shared_ptr<Thing> thing;
};
struct LeavesDestroyer {
    using resource = Sharing;
    std::shared_ptr<World> world = std::make_shared<World>();
    resource open() { return Sharing{std::make_shared<Thing>(world)}; }
    void close(resource&) noexcept {}
    bool status_ok(resource& r) noexcept { return !r.thing->broken; }
};

/// Runs the suite over wrong drivers and keeps which sentences have been seen to fail.
struct Court {
    std::set<std::string> proved;

    template <class D>
    Report hear(D driver) {
        dewpond::testing::ConformanceOptions<D> o;
        o.patience = prompt;
        o.promptly = prompt;
        o.secrets = {"hunter2"};
        if constexpr (std::is_base_of_v<Sound, D>) {
            o.dirty = [](R& r) { r->dirty = true, r->world->dirty = true; };
            return report(driver, [](R& r) { kill_thing(r), r->world->dead = true; }, o);
        } else {
            return report(driver, [](typename D::resource&) {}, o);
        }
    }
    void judge(const Report& r, const char* sentence) {
        BOOST_TEST(r.tried.contains(sentence), "never tried: " << sentence);
        BOOST_TEST(r.untrue.contains(sentence), "not reported: " << sentence);
        proved.insert(sentence);
    }
};

struct Case {
    Flaw flaw;
    const char* sentence;
};
constexpr Case cases[] = {
    {Flaw::never_opens, "open gives a resource"},
    {Flaw::throws_at_open, "open gives a resource"},
    {Flaw::opens_at_home_only, "several threads use the driver at once, each a resource of its own"},
    {Flaw::late_open_spoils_all, "open works after one that came too late"},
    {Flaw::open_dawdles, "open returns promptly when its deadline has passed"},
    {Flaw::close_spoils_all, "open works after a resource was closed"},
    {Flaw::close_of_dead_spoils_all, "open works after a dead resource was closed"},
    {Flaw::interrupt_spoils_all, "open works to the end"},
    {Flaw::status_no, "status_ok says yes to a fresh resource"},
    {Flaw::probe_no, "probe says yes to a fresh resource"},
    {Flaw::ping_no, "ping says yes to a fresh resource"},
    {Flaw::status_wavers, "status_ok answers the same when asked twice"},
    {Flaw::probe_wavers, "probe answers the same when asked twice"},
    {Flaw::ping_wavers, "ping answers the same when asked twice"},
    {Flaw::dirty_wavers, "dirty answers the same when asked twice"},
    {Flaw::handle_wavers, "poll_handle answers the same when asked twice"},
    {Flaw::status_soils, "status_ok leaves nothing dirty"},
    {Flaw::probe_soils, "probe leaves nothing dirty"},
    {Flaw::ping_soils, "ping leaves nothing dirty"},
    {Flaw::handle_soils, "poll_handle leaves nothing dirty"},
    {Flaw::born_dirty, "a fresh resource is not dirty"},
    {Flaw::ping_dawdles, "ping returns promptly when its deadline has passed"},
    {Flaw::blind_to_death, "a killed resource is reported dead by the strongest check"},
    {Flaw::the_dead_rise, "the dead stay dead"},
    {Flaw::own_thread_only, "a resource is usable on another thread than it was opened on"},
    {Flaw::handle_is_loud, "the poll handle of a fresh resource is quiet"},
    {Flaw::handle_is_deaf, "the poll handle of a killed resource becomes readable"},
    {Flaw::always_complains, "last_fault of a healthy resource is none"},
    {Flaw::never_complains, "last_fault says why the last answer was no"},
    {Flaw::two_lines, "the label has no newline"},
    {Flaw::tells_in_label, "no text of the driver contains a secret"},
    {Flaw::tells_in_fault, "no text of the driver contains a secret"},
    {Flaw::tells_at_open, "no text of the driver contains a secret"},
    {Flaw::throws_secret, "no text of the driver contains a secret"},
    {Flaw::fresh_is_broken, "reset of a fresh resource is clean"},
    {Flaw::reset_breaks, "a reset leaves a fresh resource usable"},
    {Flaw::reset_of_dirty_breaks, "a resource is usable after a reset that said clean"},
    {Flaw::refuses_dirty, "reset of a dirty resource is clean"},
    {Flaw::claims_only, "nothing is dirty after a reset that said clean"},
    {Flaw::claims_only, "a dead resource is never called clean"},
    {Flaw::resets_once, "a second reset works as the first"},
    {Flaw::claims_when_late, "a reset that came too late does not claim clean for what is dirty"},
    {Flaw::never_finishes, "an unfinished reset ends when it is called with time enough"},
    {Flaw::reset_dawdles, "reset returns promptly when its deadline has passed"},
    {Flaw::raises_the_dead, "a reset does not make a dead resource look alive"},
    {Flaw::sees_no_dirt, "what a borrower left behind is reported dirty"},
    {Flaw::looking_cleans, "asking does not clean it"},
    {Flaw::close_touches_all, "closing a resource does not touch its neighbour"},
    {Flaw::away_close_touches_all, "a resource is usable after others were used by other threads"},
    {Flaw::interrupt_touches_all, "interrupting a resource does not touch its neighbour"},
    {Flaw::abandon_touches_all, "abandoning a resource does not touch its neighbour"},
    {Flaw::one_death, "the death of a resource does not touch its neighbour"},
    {Flaw::one_dirt, "what is done to a resource does not touch its neighbour"},
};
constexpr const char* shapes[] = {
    "status_ok is `bool status_ok(resource&) noexcept`",
    "probe is `bool probe(resource&) noexcept`",
    "ping is `bool ping(resource&, Deadline) noexcept`",
    "dirty is `bool dirty(resource&) noexcept`",
    "reset is `ResetResult reset(resource&, Deadline) noexcept`",
    "poll_handle is `int poll_handle(resource&) noexcept`",
    "interrupt is `void interrupt(resource&) noexcept`",
    "abandon is `void abandon(resource&) noexcept`",
    "last_fault is `OpenError last_fault(resource&) noexcept`",
    "label is `std::string label(resource&)`",
};

}  // namespace

BOOST_AUTO_TEST_SUITE(broken, *boost::unit_test::timeout(120))

BOOST_AUTO_TEST_CASE(every_sentence_of_the_suite_has_a_driver_that_makes_it_untrue) {
    Court court;
    for (const Case& c : cases) court.judge(court.hear(Faulty{c.flaw}), c.sentence);
    const Report misshapen_report = court.hear(Misshapen{});
    for (const char* sentence : shapes) court.judge(misshapen_report, sentence);
    court.judge(court.hear(CannotMove{}), "a moved resource is still usable");
    court.judge(court.hear(LeavesDestroyer{}), "a resource is usable after the one it was moved from is gone");

    // The same type without a flaw passes, so that what failed failed for its flaw; and no sentence was forgotten.
    dewpond::testing::ConformanceOptions<Faulty> o;
    o.dirty = [](R& r) { r->dirty = true; };
    o.secrets = {"hunter2"};
    const Report sound = report(Faulty{Flaw::none}, kill_thing, o);
    for (const std::string& s : sound.untrue) BOOST_ERROR("untrue of a sound driver: " + s);
    for (const std::string& s : sound.tried) BOOST_TEST(court.proved.contains(s), "no driver makes this untrue: " << s);
    for (const std::string& s : court.proved) BOOST_TEST(sound.tried_and_true(s), "not tried on the sound driver: " << s);
}

BOOST_AUTO_TEST_SUITE_END()
