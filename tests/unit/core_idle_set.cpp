// SPDX-License-Identifier: BSL-1.0
// The set of idle slots, by one thread: what is taken, published and claimed, and that control bits and idle bits never
// touch each other.
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/detail/idle_set.hpp>
#include <dewpond/detail/sync.hpp>

using dewpond::detail::nil;
using Set = dewpond::detail::IdleSet<dewpond::detail::RealSync>;

namespace {

constexpr std::uint32_t sizes[] = {1, 2, 61, 62, 63, 124, 125, 1'000, 10'000};
constexpr std::uint64_t controls[] = {0, Set::attention, Set::control};

static_assert(Set::per_word == 62 && (Set::attention & Set::onway) == 0 && Set::control == (Set::attention | Set::onway));
static_assert(alignof(Set::Word) == dewpond::detail::cache_line && sizeof(Set::Word) == dewpond::detail::cache_line);

/// A set with what a slot keeps beside it.
struct Fixture {
    explicit Fixture(std::uint32_t n, std::uint32_t sample = 16) : set{n, sample}, barged(n, 0) {}
    bool put(std::uint32_t slot) { return set.put(Set::home_of(slot), Set::bit_of(slot), barged[slot]); }
    /// The control bits of a slot's word, by what they do to a return.
    [[nodiscard]] std::uint64_t control_of(std::uint32_t slot) {
        const bool was_idle = set.claim(slot);
        std::uint32_t first = 0;
        const bool published = set.put(Set::home_of(slot), Set::bit_of(slot), first);
        if (published) BOOST_TEST_REQUIRE(set.claim(slot));
        if (was_idle) set.publish(slot);
        return first != 0 ? Set::control : published ? 0 : Set::attention;  // counted: only under ONWAY
    }
    [[nodiscard]] bool control_is(std::uint64_t want) {
        for (std::uint32_t slot = 0; slot < barged.size(); slot += Set::per_word) {
            if (control_of(slot) != want) return false;
        }
        return true;
    }
    Set set;
    std::vector<std::uint32_t> barged;
};

std::vector<std::uint32_t> shuffled(std::uint32_t n, std::mt19937& random) {
    std::vector<std::uint32_t> all(n);
    std::iota(all.begin(), all.end(), 0);
    std::shuffle(all.begin(), all.end(), random);
    return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(idle_set)

BOOST_AUTO_TEST_CASE(no_slots_bit_is_a_control_bit) {
    for (std::uint32_t slot = 0; slot < 200; ++slot) {
        BOOST_TEST((Set::bit_of(slot) & Set::control) == 0u);
        BOOST_TEST(Set::bit_of(slot) == Set::bit_of(slot + Set::per_word));
    }
    for (const std::uint32_t n : sizes) BOOST_TEST(Set{n}.words() == (n + 61) / 62);
}

BOOST_AUTO_TEST_CASE(takes_the_lowest_first_however_they_came) {
    std::mt19937 random{1};  // NOLINT(cert-msc51-cpp)
    for (const std::uint32_t n : sizes) {
        BOOST_TEST_CONTEXT(n << " slots") {
            Fixture f{n};
            BOOST_TEST(f.set.take() == nil);
            BOOST_TEST(f.set.count() == 0u);
            for (int round = 0; round < 3; ++round) {
                for (const std::uint32_t slot : shuffled(n, random)) {
                    if (round == 0) f.set.publish(slot);
                    else BOOST_TEST_REQUIRE(f.put(slot));
                }
                BOOST_TEST(f.set.count() == n);
                for (std::uint32_t slot = 0; slot < n; ++slot) {
                    BOOST_TEST_REQUIRE(f.set.is_idle(slot));
                    BOOST_TEST_REQUIRE(f.set.take() == slot);
                    BOOST_TEST_REQUIRE(!f.set.is_idle(slot));
                }
                BOOST_TEST(f.set.take() == nil);
                BOOST_TEST(f.set.count() == 0u);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(claims_one_and_no_other) {
    std::mt19937 random{2};  // NOLINT(cert-msc51-cpp)
    for (const std::uint32_t n : sizes) {
        for (const std::uint64_t control : controls) {
            BOOST_TEST_CONTEXT(n << " slots, control " << control) {
                Fixture f{n};
                for (std::uint32_t slot = 0; slot < n; ++slot) f.set.publish(slot);
                f.set.set_control(control);
                std::uint32_t left = n;
                for (const std::uint32_t slot : shuffled(n, random)) {
                    BOOST_TEST_REQUIRE(f.set.claim(slot));
                    BOOST_TEST_REQUIRE(!f.set.claim(slot));
                    BOOST_TEST_REQUIRE(!f.set.is_idle(slot));
                    if (n <= 125 || left % 97 == 0) BOOST_TEST_REQUIRE(f.set.count() == left - 1);
                    --left;
                }
                BOOST_TEST(f.control_is(control));
                BOOST_TEST(f.set.take() == nil);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(control_bits_disturb_no_idle_bit_and_are_disturbed_by_none) {
    for (const std::uint32_t n : sizes) {
        BOOST_TEST_CONTEXT(n << " slots") {
            Fixture f{n};
            for (const std::uint64_t from : controls) {
                for (const std::uint64_t to : controls) {
                    f.set.set_control(from);
                    BOOST_TEST_REQUIRE(!f.set.set_control(to));  // nothing is idle
                    BOOST_TEST_REQUIRE(f.control_is(to));
                    BOOST_TEST_REQUIRE(f.set.take() == nil);
                    for (const std::uint32_t slot : {0U, n / 2, n - 1}) {
                        f.set.publish(slot);
                        BOOST_TEST_REQUIRE(f.set.set_control(from));
                        BOOST_TEST_REQUIRE(f.control_is(from));
                        BOOST_TEST_REQUIRE(f.set.set_control(from));  // right already: it looks all the same
                        BOOST_TEST_REQUIRE(f.set.count() == 1u);
                        BOOST_TEST_REQUIRE(f.set.set_control(to));
                        BOOST_TEST_REQUIRE(f.set.take() == slot);
                        BOOST_TEST_REQUIRE(f.control_is(to));
                    }
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(under_attention_a_return_publishes_nothing) {
    for (const std::uint32_t n : sizes) {
        BOOST_TEST_CONTEXT(n << " slots") {
            Fixture f{n};
            f.set.set_control(Set::attention);
            for (std::uint32_t slot = 0; slot < n; ++slot) {
                for (int again = 0; again < 20; ++again) BOOST_TEST_REQUIRE(!f.put(slot));
                BOOST_TEST_REQUIRE(!f.set.is_idle(slot));
                BOOST_TEST_REQUIRE(f.barged[slot] == 0u);
            }
            BOOST_TEST(f.set.count() == 0u);
            f.set.set_control(0);
            for (std::uint32_t slot = 0; slot < n; ++slot) BOOST_TEST_REQUIRE(f.put(slot));
            BOOST_TEST(f.set.count() == n);
        }
    }
}

BOOST_AUTO_TEST_CASE(under_onway_each_sixteenth_return_of_a_slot_comes) {
    for (const std::uint32_t sample : {1U, 2U, 16U}) {
        BOOST_TEST_CONTEXT("each " << sample << "th") {
            Fixture f{3, sample};
            f.set.set_control(Set::control);
            for (std::uint32_t n = 1; n <= 5 * sample; ++n) {
                for (std::uint32_t slot = 0; slot < 3; ++slot) {
                    const bool published = f.put(slot);
                    BOOST_TEST_REQUIRE(published == (n % sample != 0));
                    BOOST_TEST_REQUIRE(f.set.is_idle(slot) == published);
                    if (published) BOOST_TEST_REQUIRE(f.set.claim(slot));
                }
                BOOST_TEST_REQUIRE(f.control_is(Set::control));
            }
            // The count goes on where it was: an interval without ONWAY does not make a slot come sooner or later.
            f.set.set_control(0);
            BOOST_TEST_REQUIRE(f.put(0));
            BOOST_TEST(f.barged[0] == 5 * sample);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_slot_without_a_home_is_always_sent_to_the_mutex) {
    for (const std::uint32_t n : {1U, 125U}) {
        for (const std::uint64_t control : controls) {
            Fixture f{n};
            f.set.set_control(control);
            for (std::uint32_t slot = 0; slot < n; ++slot) {
                for (int again = 0; again < 40; ++again) BOOST_TEST_REQUIRE(!f.set.put(Set::nowhere, Set::bit_of(slot), f.barged[slot]));
                BOOST_TEST_REQUIRE(f.barged[slot] == 0u);
            }
            BOOST_TEST(f.set.count() == 0u);
            f.set.publish(n - 1);
            BOOST_TEST(f.set.take() == n - 1);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_hint_never_loses_a_slot) {
    for (const std::uint32_t n : sizes) {
        BOOST_TEST_CONTEXT(n << " slots") {
            std::mt19937 random{n};  // NOLINT(cert-msc51-cpp)
            Fixture f{n};
            std::set<std::uint32_t> idle;
            std::vector<std::uint32_t> out = shuffled(n, random);
            const auto back = [&](std::uint32_t slot, bool by_put) {
                if (by_put) BOOST_TEST_REQUIRE(f.put(slot));
                else f.set.publish(slot);
                idle.insert(slot);
            };
            // Phases of mostly returning and mostly taking, so that the hint is driven far up and down again.
            for (int step = 0; step < 60'000; ++step) {
                const bool filling = step / 4'000 % 2 == 0;
                if (!out.empty() && random() % 4 < (filling ? 3U : 1U)) {
                    std::swap(out[random() % out.size()], out.back());
                    back(out.back(), random() % 2 == 0);
                    out.pop_back();
                } else if (random() % 8 == 0 && !idle.empty()) {
                    const auto at = idle.lower_bound(static_cast<std::uint32_t>(random() % n));
                    const std::uint32_t slot = at == idle.end() ? *idle.begin() : *at;
                    BOOST_TEST_REQUIRE(f.set.claim(slot));
                    idle.erase(slot);
                    out.push_back(slot);
                } else {
                    const std::uint32_t slot = f.set.take();
                    BOOST_TEST_REQUIRE(slot == (idle.empty() ? nil : *idle.begin()));
                    if (slot != nil) {
                        idle.erase(slot);
                        out.push_back(slot);
                    }
                }
            }
            BOOST_TEST(f.set.count() == idle.size());
            for (const std::uint32_t slot : idle) BOOST_TEST_REQUIRE(f.set.take() == slot);
            BOOST_TEST(f.set.take() == nil);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
