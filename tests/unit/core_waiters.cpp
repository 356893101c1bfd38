// SPDX-License-Identifier: BSL-1.0
// The queue of waiters and the list of calls to be made later, by one thread.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/detail/sync.hpp>
#include <dewpond/detail/waiters.hpp>

using dewpond::TimePoint;
using dewpond::detail::Deferred;
using Sync = dewpond::detail::RealSync;
using Node = dewpond::detail::Node<Sync>;
using Fifo = dewpond::detail::Fifo<Sync>;
using dewpond::detail::Standing;

namespace {

TimePoint at(int n) { return TimePoint{std::chrono::microseconds{n}}; }

void init(Node& n, int since, bool async = false) {
    n.since = at(since);
    n.run = async ? [](Deferred&) noexcept {} : static_cast<void (*)(Deferred&) noexcept>(nullptr);
}

/// The queue from head to tail; its links are sound both ways.
std::vector<const Node*> listed(const Fifo& fifo) {
    std::vector<const Node*> out;
    const Node* before = nullptr;
    std::uint32_t async = 0;
    for (const Node* n = fifo.head(); n != nullptr; n = n->next) {
        BOOST_TEST_REQUIRE(n->prev == before);
        BOOST_TEST_REQUIRE(n->linked);
        out.push_back(n);
        async += n->async() ? 1 : 0;
        before = n;
    }
    BOOST_TEST_REQUIRE(fifo.size() == out.size());
    BOOST_TEST_REQUIRE(fifo.async_count() == async);
    return out;
}
using Order = std::vector<const Node*>;

}  // namespace

BOOST_AUTO_TEST_SUITE(waiters)

BOOST_AUTO_TEST_CASE(first_come_first_listed) {
    Node n[4];
    Fifo fifo;
    BOOST_TEST((fifo.head() == nullptr));
    for (int i = 0; i < 4; ++i) {
        init(n[i], i, i == 2);
        fifo.push(n[i]);
    }
    BOOST_TEST((listed(fifo) == Order{&n[0], &n[1], &n[2], &n[3]}));
    BOOST_TEST(fifo.async_count() == 1u);
}

BOOST_AUTO_TEST_CASE(equal_moments_keep_the_order_of_their_arrival) {
    Node n[3];
    Fifo fifo;
    for (Node& one : n) {
        init(one, 7);
        fifo.push(one);
    }
    BOOST_TEST((listed(fifo) == Order{&n[0], &n[1], &n[2]}));
}

BOOST_AUTO_TEST_CASE(removed_from_every_place) {
    for (int gone = 0; gone < 3; ++gone) {
        Node n[3];
        Fifo fifo;
        for (int i = 0; i < 3; ++i) {
            init(n[i], i, true);
            fifo.push(n[i]);
        }
        fifo.remove(n[gone]);
        BOOST_TEST(!n[gone].linked);
        Order left;
        for (int i = 0; i < 3; ++i) {
            if (i != gone) left.push_back(&n[i]);
        }
        BOOST_TEST((listed(fifo) == left));
        while (fifo.head() != nullptr) fifo.remove(*fifo.head());
        BOOST_TEST(listed(fifo).empty());
        BOOST_TEST(fifo.size() == 0u);
        BOOST_TEST(fifo.async_count() == 0u);
    }
}

BOOST_AUTO_TEST_CASE(one_that_comes_back_keeps_its_place_before_those_who_began_later) {
    Node n[5];
    Fifo fifo;
    for (int i = 0; i < 5; ++i) init(n[i], i);
    for (int i = 0; i < 4; ++i) fifo.push(n[i]);
    fifo.remove(n[0]);
    fifo.remove(n[2]);
    fifo.push(n[4]);
    fifo.push(n[2]);
    fifo.push(n[0]);
    BOOST_TEST((listed(fifo) == Order{&n[0], &n[1], &n[2], &n[3], &n[4]}));
}

BOOST_AUTO_TEST_CASE(any_sequence_is_ordered_as_a_naive_list) {
    std::mt19937 random{17};  // NOLINT(cert-msc51-cpp)
    std::vector<std::unique_ptr<Node>> all;
    for (int i = 0; i < 40; ++i) all.push_back(std::make_unique<Node>());
    Fifo fifo;
    std::list<const Node*> model;
    for (int step = 0; step < 20'000; ++step) {
        Node& n = *all[random() % all.size()];
        if (n.linked) {
            fifo.remove(n);
            model.remove(&n);
        } else {
            init(n, static_cast<int>(random() % 20), random() % 3 == 0);
            fifo.push(n);
            model.insert(std::find_if(model.begin(), model.end(), [&](const Node* m) { return m->since > n.since; }), &n);
        }
        BOOST_TEST_REQUIRE((listed(fifo) == Order{model.begin(), model.end()}));
    }
}

BOOST_AUTO_TEST_CASE(final_standings_are_told_from_those_of_the_queue) {
    for (const Standing s : {Standing::waiting, Standing::notified}) BOOST_TEST((s < Standing::slot));
    for (const Standing s : {Standing::slot, Standing::vacancy, Standing::failed}) {
        Node n;
        n.set(s);
        BOOST_TEST((n.standing() == s));
        BOOST_TEST((s >= Standing::slot));
    }
}

namespace {

struct Note : Deferred {
    std::vector<int>* log = nullptr;
    int number = 0;
    Note* then = nullptr;  ///< asked for while this one runs
};
void run_note(Deferred& d) noexcept {
    auto& note = static_cast<Note&>(d);
    note.log->push_back(note.number);
    if (note.then != nullptr) Deferred::run_all(note.then);
    note.log->push_back(-note.number);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_call_made_while_another_runs_comes_after_it_not_inside_it) {
    std::vector<int> log;
    Note n[5];
    for (int i = 0; i < 5; ++i) {
        n[i].run = run_note;
        n[i].log = &log;
        n[i].number = i + 1;
    }
    n[0].next_deferred = &n[1];  // 1 and 2 are due
    n[0].then = &n[2];           // 1 causes 3, and 3 causes 4 and 5
    n[2].then = &n[3];
    n[3].next_deferred = &n[4];
    Deferred::run_all(&n[0]);
    BOOST_TEST((log == std::vector<int>{1, -1, 2, -2, 3, -3, 4, -4, 5, -5}));
    log.clear();
    n[0].then = nullptr;
    n[0].next_deferred = nullptr;
    Deferred::run_all(&n[0]);
    BOOST_TEST((log == std::vector<int>{1, -1}));
    Deferred::run_all(nullptr);
}

BOOST_AUTO_TEST_CASE(a_node_that_was_called_beside_another_can_be_called_again_alone) {
    std::vector<int> log;
    Note n[2];
    for (int i = 0; i < 2; ++i) n[i].run = run_note, n[i].log = &log, n[i].number = i + 1;
    Sync sync;
    dewpond::detail::Wakes<Sync> both;
    both.call(n[0]);
    both.call(n[1]);
    both.send(sync);
    BOOST_TEST((log == std::vector<int>{1, -1, 2, -2}));
    dewpond::detail::Wakes<Sync> again;
    again.call(n[0]);
    again.send(sync);
    BOOST_TEST((log == std::vector<int>{1, -1, 2, -2, 1, -1}));
}

BOOST_AUTO_TEST_SUITE_END()
