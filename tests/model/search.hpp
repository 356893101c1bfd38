// How schedules are chosen: all of them within bounds, at random, by priorities, or as written down.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/engine.hpp"

namespace model {

/// xorshift64*: the same numbers everywhere.
class Random {
public:
    explicit Random(std::uint64_t seed) noexcept : s_{seed * 0x9E3779B97F4A7C15u + 0x1234567u} {
        if (s_ == 0) s_ = 1;
        for (int i = 0; i < 4; ++i) static_cast<void>((*this)());
    }
    std::uint64_t operator()() noexcept {
        s_ ^= s_ >> 12;
        s_ ^= s_ << 25;
        s_ ^= s_ >> 27;
        return s_ * 0x2545F4914F6CDD1Du;
    }
    unsigned below(unsigned n) noexcept { return static_cast<unsigned>(((*this)() >> 32) * n >> 32); }

private:
    std::uint64_t s_;
};

/// Depth first, until nothing is left.
class Exhaustive final : public Strategy {
public:
    unsigned decide(Kind, unsigned n) override {
        if (at_ == path_.size()) path_.push_back({static_cast<std::uint8_t>(n), 0});
        Step& s = path_[at_++];
        if (s.of != n) Engine::it().fail("the same decisions led elsewhere: something in the run is not the run's own");
        return s.chosen;
    }
    /// On to the next schedule; false: that was the last.
    bool next() {
        at_ = 0;
        while (!path_.empty() && path_.back().chosen + 1 >= path_.back().of) path_.pop_back();
        if (path_.empty()) return false;
        ++path_.back().chosen;
        return true;
    }
    void begin_again() {
        path_.clear();
        at_ = 0;
    }

private:
    struct Step {
        std::uint8_t of, chosen;
    };
    std::vector<Step> path_ = reserved();
    std::size_t at_ = 0;
    static std::vector<Step> reserved() {
        std::vector<Step> v;
        v.reserve(1u << 14);  // nothing is allocated during a run
        return v;
    }
};

/// A walk that goes on with the same fiber for a while, how long differing from run to run.
class Walk final : public Strategy {
public:
    explicit Walk(std::uint64_t seed) : random_{seed}, stay_{(1u << random_.below(6)) - 1} {}
    unsigned decide(Kind kind, unsigned n) override {
        switch (kind) {
            case Kind::stale: return random_.below(4) == 0 ? random_.below(n) : 0;
            case Kind::fault: return random_.below(3) == 0 ? 1 : 0;
            case Kind::spurious: return random_.below(8) == 0 ? 1 : 0;
            default: return random_.below(n);
        }
    }
    unsigned decide_thread(const std::uint8_t* who, unsigned n, bool may_stay) override {
        if (may_stay && random_.below(stay_ + 1) != 0) return 0;
        unsigned c = random_.below(n);
        if (who[c] >= max_fibers && random_.below(4) != 0) c = random_.below(n);  // being late is rare
        return c;
    }

private:
    Random random_;
    unsigned stay_;
};

/// The fiber of the highest priority goes on; at a few random moments it falls to the lowest (PCT).
class Priorities final : public Strategy {
public:
    Priorities(std::uint64_t seed, unsigned depth, unsigned length) : random_{seed}, walk_{seed + 1} {
        for (auto& p : priority_) p = 1000 + random_.below(1000);
        for (unsigned i = 0; i < depth; ++i) change_.push_back(random_.below(length + 1));
    }
    unsigned decide(Kind kind, unsigned n) override { return walk_.decide(kind, n); }
    unsigned decide_thread(const std::uint8_t* who, unsigned n, bool may_stay) override {
        ++step_;
        for (std::size_t i = 0; i < change_.size(); ++i) {
            if (change_[i] == step_ && may_stay) priority_[who[0]] = static_cast<unsigned>(i);
        }
        unsigned best = n;
        for (unsigned i = 0; i < n; ++i) {
            if (who[i] >= max_fibers) {
                if (random_.below(32) == 0) return i;
            } else if (best == n || priority_[who[i]] > priority_[who[best]]) {
                best = i;
            }
        }
        return best == n ? 0 : best;
    }

private:
    Random random_;
    Walk walk_;
    unsigned priority_[max_fibers] = {};
    std::vector<unsigned> change_;
    unsigned step_ = 0;
};

/// As written down; tame beyond the end.
class Replay final : public Strategy {
public:
    explicit Replay(std::string list) : list_{std::move(list)} {}
    unsigned decide(Kind, unsigned n) override {
        const unsigned c = at_ < list_.size() ? digit(list_[at_]) : 0;
        ++at_;
        return c < n ? c : 0;
    }
    [[nodiscard]] static char letter(unsigned chosen) noexcept { return static_cast<char>(chosen < 10 ? '0' + chosen : 'a' + (chosen - 10)); }

private:
    [[nodiscard]] static unsigned digit(char c) noexcept { return static_cast<unsigned>(c >= 'a' ? c - 'a' + 10 : c - '0'); }
    std::string list_;
    std::size_t at_ = 0;
};

/// How many different ones were seen; never too many, as two that fall on one bit count once.
class Distinct {
public:
    Distinct() : bits_(1u << 22, 0) {}  // 2^28 bits
    void add(std::uint64_t hash) noexcept {
        std::uint64_t& word = bits_[hash >> 6 & ((1u << 22) - 1)];
        const std::uint64_t bit = std::uint64_t{1} << (hash & 63);
        if ((word & bit) == 0) ++count_;
        word |= bit;
    }
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

private:
    std::vector<std::uint64_t> bits_;
    std::uint64_t count_ = 0;
};

}  // namespace model
