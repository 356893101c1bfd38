// SPDX-License-Identifier: BSL-1.0
// Lives a little, writes what the recorders of its pools hold into the files named, as docs/gdb/dewpond.py is to print it,
// and aborts: for a core file.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <dewpond/pool.hpp>

using namespace std::chrono_literals;
using dewpond::EventKind;
using dewpond::PastEvent;
using dewpond::detail::Recorder;

namespace {

struct Desk {
    using resource = int;
    int open() noexcept { return 1; }
    void close(int&) noexcept {}
};
constexpr dewpond::PlaceName orders{"orders"};

void write(const char* path, const char* pool, std::vector<PastEvent> past) {
    std::FILE* file = std::fopen(path, "w");
    if (file == nullptr || past.empty()) std::exit(1);
    std::fprintf(file, "pool '%s': %zu events, in time before the last of them\n", pool, past.size());
    const auto last = past.back().ago.ns();
    for (PastEvent& e : past) {
        e.ago = e.ago.ns() - last;
        std::fprintf(file, "  %s\n", to_string(e).c_str());
    }
    std::fclose(file);
}

/// One of each, and more than there is room for.
void everything(Recorder& recorder, dewpond::TimePoint now) {
    const auto note = [&](PastEvent e) { recorder.note(e, now += 17ms + 3us); };
    for (int i = 0; i < 300; ++i) note({.kind = EventKind::waited, .slot = 7, .age = 5ms});
    for (int i = 0; i < static_cast<int>(EventKind::count_); ++i) note({.kind = static_cast<EventKind>(i), .slot = 65534, .age = 1234567us});
    for (int i = 0; i < static_cast<int>(dewpond::CloseReason::count_); ++i) note({.kind = EventKind::closed, .place = orders, .reason = static_cast<dewpond::CloseReason>(i)});
    for (int i = 0; i <= static_cast<int>(dewpond::Code::forked); ++i) note({.kind = EventKind::failed, .age = 100h, .code = static_cast<dewpond::Code>(i)});
    for (int i = 0; i <= static_cast<int>(dewpond::Fault::broken); ++i) note({.kind = EventKind::open_failed, .age = 9999h, .fault = static_cast<dewpond::Fault>(i)});
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 1;
    const auto now = std::chrono::steady_clock::now();
    const std::unique_ptr<Recorder> recorder{new Recorder{"a name of sixty-four characters: none is left for a zero at its end"}};
    everything(*recorder, now);
    write(argv[1], "a name of sixty-four characters: none is left for a zero at its ", recorder->read(now + 1h));

    dewpond::Pool desks{Desk{}, {.name = "desks", .max_size = 2}};
    auto held = desks.checkout(orders);
    auto other = desks.checkout();
    if (desks.try_checkout(2ms)) return 1;
    other.discard();
    desks.resize(1);
    write(argv[2], "desks", desks.events());
    std::abort();
}
