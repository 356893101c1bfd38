// SPDX-License-Identifier: BSL-1.0
// What only tells: the recorder's entries and its head, and the peaks of demand.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <thread>

#include <boost/test/unit_test.hpp>

#include <dewpond/detail/demand.hpp>
#include <dewpond/detail/recorder.hpp>

using namespace std::chrono_literals;
using dewpond::CloseReason;
using dewpond::Code;
using dewpond::Duration;
using dewpond::EventKind;
using dewpond::Fault;
using dewpond::PastEvent;
using dewpond::TimePoint;
using dewpond::detail::DemandMeter;
using dewpond::detail::Recorder;
using dewpond::detail::RecordWords;

namespace {

std::atomic<int> allocations{0};
constexpr dewpond::PlaceName orders{"orders"};
constexpr TimePoint start{1h};

}  // namespace

// Counted: a reader of the recorder allocates once for what it sees and once for what it gives.
[[gnu::noinline]] void* operator new(std::size_t n) {
    ++allocations;
    if (void* p = std::malloc(n)) return p;
    throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* p) noexcept { std::free(p); }
[[gnu::noinline]] void operator delete(void* p, std::size_t) noexcept { std::free(p); }

BOOST_AUTO_TEST_SUITE(recorder)

BOOST_AUTO_TEST_CASE(the_head_says_what_it_is_and_whose) {
    const std::unique_ptr<Recorder> r{new Recorder{"orders"}};
    const char* bytes = reinterpret_cast<const char*>(r.get());
    BOOST_TEST((std::string_view{bytes, 16}) == "dewpond recorder");
    BOOST_TEST(std::string{bytes + 32} == "orders");
    const std::string longer(100, 'x');
    const std::unique_ptr<Recorder> cut{new Recorder{longer}};
    BOOST_TEST((std::string_view{reinterpret_cast<const char*>(cut.get()) + 32, 64}) == longer.substr(0, 64));
    BOOST_TEST(cut->read(start).empty());
}

BOOST_AUTO_TEST_CASE(an_age_is_exact_to_the_microsecond_until_it_is_packed_in_milliseconds) {
    const auto packed = [](Duration d) { return RecordWords::unpack_age(RecordWords::pack_age(d)); };
    constexpr std::int64_t most = 0x7fffffff;
    for (const auto us : {0us, 1us, 999'999us, std::chrono::microseconds{most - 1}, std::chrono::microseconds{most}}) BOOST_CHECK(packed(us) == Duration{us});
    BOOST_CHECK(packed(std::chrono::microseconds{most + 1}) == Duration{std::chrono::milliseconds{(most + 1) / 1000}});
    BOOST_CHECK(packed(1h) == Duration{1h});
    BOOST_CHECK(packed(std::chrono::milliseconds{most} + 1s) == Duration{std::chrono::milliseconds{most}});
    BOOST_CHECK(packed(-1us) == Duration{});
}

BOOST_AUTO_TEST_CASE(every_word_comes_back) {
    const std::unique_ptr<Recorder> r{new Recorder{"orders"}};
    r->note({.kind = EventKind::closed, .place = orders, .slot = 7, .age = 5ms, .fault = Fault::broken, .reason = CloseReason::excess}, start);
    r->note({.kind = EventKind::failed, .place = orders, .slot = PastEvent::no_slot + 5, .age = 6ms, .code = Code::cancelled}, start + 2s);
    const auto past = r->read(start + 3s);
    BOOST_REQUIRE(past.size() == 2u);
    const PastEvent &a = past[0], &b = past[1];
    BOOST_CHECK(a.number == 1 && a.kind == EventKind::closed && a.ago == Duration{3s} && a.place == orders && a.slot == 7 && a.age == Duration{5ms});
    BOOST_CHECK(a.fault == Fault::broken && a.reason == CloseReason::excess && a.code == PastEvent{}.code);
    BOOST_CHECK(b.number == 2 && b.kind == EventKind::failed && b.ago == Duration{1s} && b.place == orders && b.slot == PastEvent::no_slot && b.age == Duration{6ms});
    BOOST_CHECK(b.fault == Fault::none && b.reason == PastEvent{}.reason && b.code == Code::cancelled);
    BOOST_CHECK(r->read(start)[1].ago == Duration{});  // asked by an older reading of the clock
}

BOOST_AUTO_TEST_CASE(each_lane_keeps_its_last_128_and_a_reader_may_ask_for_fewer) {
    const std::unique_ptr<Recorder> r{new Recorder{"orders"}};
    for (int i = 0; i < 200; ++i) {
        r->note({.kind = EventKind::waited}, start);
        if (i < 3) r->note({.kind = EventKind::opened}, start);
    }
    BOOST_TEST(r->read(start).size() == 131u);
    BOOST_TEST(r->read(start).front().number == 2u);
    BOOST_TEST(r->read(start).back().number == 203u);
    for (const std::size_t most : {0u, 1u, 130u, 131u, 132u}) {
        const int before = allocations;
        const auto past = r->read(start, most);
        BOOST_TEST(allocations - before == (most == 0 ? 1 : 2));
        BOOST_TEST(past.size() == (most < 131 ? most : 131));
        if (most != 0) BOOST_TEST(past.back().number == 203u);
    }
}

BOOST_AUTO_TEST_CASE(what_each_request_may_cause_has_a_lane_of_its_own) {
    using enum EventKind;
    for (int i = 0; i < static_cast<int>(count_); ++i) {
        const auto k = static_cast<EventKind>(i);
        BOOST_TEST_CONTEXT(to_string(k)) {
            BOOST_TEST(dewpond::detail::of_a_request(k) == (k == waited || k == failed || k == dirty_return || k == nested_wait));
            const bool about_the_pool = k == nested_wait || k == stalled || k == down || k == up;
            BOOST_TEST(dewpond::detail::about_a_slot(k) == !about_the_pool);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(demand)

BOOST_AUTO_TEST_CASE(a_peak_stands_for_a_minute_and_the_highest_for_ever) {
    DemandMeter meter;
    BOOST_TEST(meter.last_minute(start) == 0u);
    meter.note(7, start);
    meter.note(5, start + 1s);
    meter.note(6, start + 2s);
    BOOST_TEST(meter.last_minute(start + 2s) == 7u);
    meter.note(3, start + 30s);
    BOOST_TEST(meter.last_minute(start + 60s) == 7u);
    BOOST_TEST(meter.last_minute(start + 70s - 1ns) == 7u);  // of the span that began sixty seconds before this one
    BOOST_TEST(meter.last_minute(start + 70s) == 3u);
    BOOST_TEST(meter.last_minute(start + 200s) == 0u);
    meter.note(2, start + 200s);
    BOOST_TEST(meter.last_minute(start + 200s) == 2u);
    BOOST_TEST(meter.ever() == 7u);
    meter.note(9, start + 201s);
    BOOST_TEST(meter.ever() == 9u);
    BOOST_TEST(meter.last_minute(start + 201s) == 9u);
}

BOOST_AUTO_TEST_CASE(of_two_who_raise_a_peak_at_once_neither_is_lost) {
    for (int round = 0; round < 8; ++round) {
        DemandMeter meter;
        std::atomic<std::uint32_t> ready{0}, lost{0};
        const auto climb = [&](std::uint32_t step) {  // one always goes past what the other is about to write
            ++ready;
            while (ready != 2) {
            }
            for (int k = 0; k < 100'000; ++k) {
                const std::uint32_t n = meter.ever() + step;
                meter.note(n, start);
                if (meter.ever() < n || meter.last_minute(start) < n) ++lost;
            }
        };
        std::thread other{[&] { climb(1); }};
        climb(2);
        other.join();
        BOOST_TEST(lost == 0u);
    }
}

BOOST_AUTO_TEST_CASE(a_clock_that_begins_at_nothing_and_a_demand_that_fits_no_word) {
    DemandMeter meter;
    BOOST_TEST(meter.last_minute(TimePoint{}) == 0u);
    meter.note(2, TimePoint{});
    BOOST_TEST(meter.last_minute(TimePoint{}) == 2u);
    meter.note(2'000'000, TimePoint{});
    BOOST_TEST(meter.last_minute(TimePoint{}) == (1u << 20) - 1);
    BOOST_TEST(meter.ever() == 2'000'000u);
}

BOOST_AUTO_TEST_SUITE_END()
