// SPDX-License-Identifier: BSL-1.0
// PoolError and OpenError: small, copied without throwing, and their sentences say what is known.
#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/error.hpp>
#include <dewpond/event.hpp>

using namespace std::chrono_literals;
using dewpond::Code;
using dewpond::CloseReason;
using dewpond::EventKind;
using dewpond::Fault;
using dewpond::OpenError;
using dewpond::PlaceName;
using dewpond::PoolError;
using dewpond::detail::ErrorDetails;

namespace {

static_assert(std::is_nothrow_copy_constructible_v<PoolError> && std::is_nothrow_copy_assignable_v<PoolError>);
static_assert(std::is_nothrow_move_constructible_v<PoolError> && std::is_base_of_v<std::exception, PoolError>);
static_assert(sizeof(PoolError) <= 32);
static_assert(std::is_nothrow_move_constructible_v<OpenError> && std::is_base_of_v<std::exception, OpenError>);
static_assert(std::string_view{to_string(Code::closed)} == "the pool is closed" && to_string(Fault::full) == "full");
static_assert(to_string(EventKind::down) == "down" && to_string(CloseReason::max_idle) == "max_idle");

constexpr Code codes[] = {Code::timed_out, Code::none_idle, Code::open_failed, Code::server_down, Code::closed,
                          Code::cancelled, Code::too_many_waiting, Code::hook_failed, Code::bad_option, Code::no_thread};
constexpr PlaceName orders{"orders"};
constexpr PlaceName invoices{"invoices"};

/// An error about a full pool of two, to be spoilt by each test.
std::shared_ptr<ErrorDetails> details() {
    auto d = std::make_shared<ErrorDetails>();
    d->code = Code::timed_out;
    d->pool = "db";
    d->waited = 200ms;
    d->max_size = 2;
    d->in_use = 2;
    return d;
}
std::string what(std::shared_ptr<ErrorDetails> d) {
    const Code code = d->code;
    return PoolError{code, std::move(d)}.what();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(error)

BOOST_AUTO_TEST_CASE(every_code_has_a_sentence_of_its_own) {
    std::set<std::string> seen;
    for (const Code c : codes) {
        const std::string sentence = to_string(c);
        BOOST_TEST_CONTEXT(sentence) {
            BOOST_TEST(sentence.size() > 10u);
            BOOST_TEST(seen.insert(sentence).second);
            const PoolError plain{c};
            BOOST_TEST((plain.code() == c));
            BOOST_TEST(std::string{plain.what()} == sentence);
            BOOST_TEST((plain.fault() == Fault::none));
            BOOST_TEST((plain.retry_after() == dewpond::Duration{}));
            BOOST_TEST(plain.holders().empty());
        }
    }
    BOOST_TEST(std::string{to_string(static_cast<Code>(200))} == "unknown error");
}

BOOST_AUTO_TEST_CASE(every_fault_kind_and_reason_has_words_of_its_own) {
    const auto distinct = [](auto last) {
        std::set<std::string> seen;
        for (int i = 0; i < static_cast<int>(last); ++i) {
            const std::string word{to_string(static_cast<decltype(last)>(i))};
            BOOST_TEST_CONTEXT(i << ": " << word) {
                BOOST_TEST(!word.empty());
                BOOST_TEST(word != "unknown");
                BOOST_TEST(seen.insert(word).second);
            }
        }
    };
    distinct(EventKind::count_);
    distinct(CloseReason::count_);
    distinct(static_cast<Fault>(static_cast<int>(Fault::broken) + 1));
}

BOOST_AUTO_TEST_CASE(a_ready_sentence_follows_the_name_of_the_pool) {
    BOOST_TEST(std::string{PoolError(Code::bad_option, "db", "max_size is 0").what()} == "pool 'db': max_size is 0");
    BOOST_TEST(std::string{PoolError(Code::bad_option, "", "max_size is 0").what()} == "max_size is 0");
}

BOOST_AUTO_TEST_CASE(a_timeout_says_where_the_slots_are_and_who_holds_them) {
    BOOST_TEST(what(details()) == "pool 'db': no slot came free before the deadline (waited 200 ms); of 2 slots 2 in use, 0 idle, "
                                  "0 opening, 0 resetting; 0 waiting");
    auto d = details();
    d->holders = {{orders, 2, 41'200ms}, {invoices, 1, {}}};
    d->held_by_this_thread = 1;
    const std::string sentence = what(d);
    BOOST_TEST_CONTEXT(sentence) {
        BOOST_TEST(sentence.find("; held by orders (2, oldest 41.2 s), invoices (1)") != std::string::npos);
        BOOST_TEST(sentence.find("this thread itself took 1 of them") != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(an_open_error_is_told_with_its_kind) {
    auto d = details();
    d->code = Code::open_failed;
    d->open_error = std::make_shared<const OpenError>(Fault::unreachable, "nobody listens");
    BOOST_TEST(what(d).find("; last open failed (unreachable): nobody listens") != std::string::npos);
    BOOST_TEST((PoolError{Code::open_failed, d}.fault() == Fault::unreachable));
    d = details();
    d->open_error = std::make_shared<const OpenError>(Fault::full);
    BOOST_TEST(what(d).ends_with("; last open failed (full)"));
}

BOOST_AUTO_TEST_CASE(a_pool_that_is_down_says_since_when_and_when_to_come_again) {
    auto d = details();
    d->code = Code::server_down;
    d->down_for = 12s;
    d->retry_after = 800ms;
    d->waited = {};
    BOOST_TEST(what(d) == "pool 'db': the pool is down: opening keeps failing; down for 12 s, try again in 800 ms");
    BOOST_TEST((PoolError{Code::server_down, d}.retry_after() == dewpond::Duration{800ms}));
}

BOOST_AUTO_TEST_CASE(copies_share_the_text_which_outlives_the_first) {
    PoolError copy{Code::closed};
    const char* text = nullptr;
    {
        const PoolError first{Code::timed_out, details()};
        copy = first;
        text = first.what();
        BOOST_TEST(copy.what() == text);
    }
    const PoolError again = copy;
    BOOST_TEST(again.what() == text);
    BOOST_TEST(std::string_view{text}.starts_with("pool 'db'"));
    BOOST_TEST((again.code() == Code::timed_out));
    BOOST_TEST((PoolError{Code::closed, std::shared_ptr<const ErrorDetails>{}}.code() == Code::closed));
}

BOOST_AUTO_TEST_CASE(several_threads_may_ask_at_once) {
    for (int round = 0; round < 200; ++round) {
        const PoolError shared{Code::timed_out, details()};
        std::atomic<int> gathered{0};
        std::vector<const char*> texts(4);
        {
            std::vector<std::jthread> threads;
            for (const char*& text : texts) {
                threads.emplace_back([&, mine = shared] {
                    gathered.fetch_add(1, std::memory_order_relaxed);
                    while (gathered.load(std::memory_order_relaxed) < 4) std::this_thread::yield();
                    text = mine.what();
                });
            }
        }
        for (const char* text : texts) BOOST_TEST_REQUIRE(text == texts[0]);
        BOOST_TEST_REQUIRE(std::string_view{texts[0]}.starts_with("pool 'db'"));
    }
}

BOOST_AUTO_TEST_CASE(an_open_error_keeps_fault_and_text) {
    const OpenError none;
    BOOST_TEST((none.fault() == Fault::none));
    BOOST_TEST(none.text().empty());
    const OpenError full{Fault::full, "53300"};
    BOOST_TEST((full.fault() == Fault::full));
    BOOST_TEST(std::string{full.what()} == "53300");
}

BOOST_AUTO_TEST_SUITE_END()
