// Scenarios of the recorder, with lanes of one entry, so that every writer overtakes: whoever reads sees whole events.
#pragma once

#include <chrono>
#include <vector>

#include <dewpond/detail/recorder.hpp>

#include "model/scenario.hpp"
#include "model/sync.hpp"

namespace model::scenarios {

template <class Threads>
using SmallRecorder = dewpond::detail::BasicRecorder<Threads, 1>;

/// The k-th event: whichever of its words is another's is noticed.
inline constexpr dewpond::PlaceName record_places[] = {{"a"}, {"b"}, {"c"}, {"d"}};
inline constexpr dewpond::EventKind record_kinds[] = {dewpond::EventKind::opened, dewpond::EventKind::closed, dewpond::EventKind::renewed, dewpond::EventKind::resized};

template <class R>
void note(R& recorder, std::uint32_t k) noexcept {
    recorder.note({.kind = record_kinds[k], .place = record_places[k], .slot = k, .age = std::chrono::microseconds{k}}, dewpond::TimePoint{std::chrono::microseconds{k}});
}
/// Which event the recorder remembers; nil: none.
template <class R>
std::uint32_t remembered(const R& recorder) {
    constexpr std::chrono::seconds later{1};
    const std::vector<dewpond::PastEvent> past = recorder.read(dewpond::TimePoint{later});
    require(past.size() <= 1, "more is remembered than there is room for");
    if (past.empty()) return dewpond::detail::nil;
    const dewpond::PastEvent& e = past.front();
    const std::uint32_t k = e.slot;
    require(k < 4 && e.kind == record_kinds[k] && e.place == dewpond::Place{record_places[k]} && e.age == dewpond::Duration{std::chrono::microseconds{k}} &&
                e.ago == dewpond::Duration{later - std::chrono::microseconds{k}},
            "a mixture of two events");
    return k;
}

/// A reader beside one who writes twice over what was there.
template <class Threads>
void read_while_written() {
    SmallRecorder<Threads> recorder{"one"};
    note(recorder, 0);
    start([&] {
        note(recorder, 1);
        note(recorder, 2);
    });
    start([&] { static_cast<void>(remembered(recorder)); });
    go();
    require(remembered(recorder) == 2, "the last event was not remembered");
}

/// One writer overtakes another in the same entry, under a reader's eyes. One of the two is remembered, and the entry
/// takes the next.
template <class Threads>
void written_by_two() {
    SmallRecorder<Threads> recorder{"two"};
    note(recorder, 0);
    start([&] { note(recorder, 1); });
    start([&] { note(recorder, 2); });
    start([&] { static_cast<void>(remembered(recorder)); });
    go();
    const std::uint32_t k = remembered(recorder);
    require(k == 1 || k == 2, "neither of two events was remembered");
    note(recorder, 3);
    require(remembered(recorder) == 3, "an entry takes no more events");
}

}  // namespace model::scenarios
