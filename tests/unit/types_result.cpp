// SPDX-License-Identifier: BSL-1.0
// Result<T>: one half or the other, moved and destroyed exactly once.
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <dewpond/error.hpp>
#include <dewpond/result.hpp>

using dewpond::Code;
using dewpond::OpenError;
using dewpond::PoolError;
using dewpond::Result;

namespace {

/// Move-only, without a default; counts how many exist.
class Counted {
public:
    explicit Counted(int n) noexcept : n_{n} { ++alive; }
    Counted(Counted&& other) noexcept : n_{std::exchange(other.n_, -1)} { ++alive; }
    Counted& operator=(Counted&&) = delete;
    ~Counted() { --alive; }
    [[nodiscard]] int n() const { return n_; }
    inline static int alive = 0;

private:
    int n_;
};

struct ThrowsFromInt {
    ThrowsFromInt(int) { throw std::string{"no"}; }
};

using R = Result<Counted>;
static_assert(!std::is_copy_constructible_v<R> && !std::is_copy_assignable_v<R>);
static_assert(std::is_nothrow_move_constructible_v<R> && std::is_nothrow_move_assignable_v<R>);
static_assert(!std::is_default_constructible_v<R> && std::is_nothrow_default_constructible_v<Result<void>>);
static_assert(std::is_same_v<R::value_type, Counted> && std::is_same_v<R::error_type, PoolError>);
static_assert(std::is_same_v<Result<void, OpenError>::error_type, OpenError>);
static_assert(!std::is_convertible_v<R, bool> && std::is_constructible_v<bool, R>);
static_assert(std::is_same_v<decltype(*std::declval<R>()), Counted&&> && std::is_same_v<decltype(*std::declval<R&>()), Counted&>);
static_assert(std::is_same_v<decltype(*std::declval<const R&>()), const Counted&>);
static_assert(std::is_nothrow_constructible_v<Result<int>, int> && !std::is_nothrow_constructible_v<Result<ThrowsFromInt>, int>);

R value(int n) { return Counted{n}; }
R error(Code code) { return PoolError{code}; }
Code thrown_by(auto&& f) {
    try {
        f();
    } catch (const PoolError& e) {
        return e.code();
    }
    BOOST_ERROR("nothing was thrown");
    return Code::bad_option;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(result)

BOOST_AUTO_TEST_CASE(holds_a_value) {
    R r = value(7);
    BOOST_TEST(r.has_value());
    BOOST_TEST(static_cast<bool>(r));
    BOOST_TEST((*r).n() == 7);
    BOOST_TEST(r->n() == 7);
    BOOST_TEST(std::as_const(r)->n() == 7);
    BOOST_TEST(r.value().n() == 7);
    const Counted taken = std::move(r).value();
    BOOST_TEST(taken.n() == 7);
    BOOST_TEST(r->n() == -1);
}

BOOST_AUTO_TEST_CASE(holds_an_error) {
    R r = error(Code::cancelled);
    BOOST_TEST(!r.has_value());
    BOOST_TEST(!static_cast<bool>(r));
    BOOST_TEST((r.error().code() == Code::cancelled));
    BOOST_TEST((thrown_by([&] { r.value(); }) == Code::cancelled));
    BOOST_TEST((thrown_by([&] { std::move(r).value(); }) == Code::cancelled));
    const PoolError e = std::move(r).error();
    BOOST_TEST((e.code() == Code::cancelled));
}

BOOST_AUTO_TEST_CASE(every_assignment_destroys_what_was_there) {
    BOOST_TEST_REQUIRE(Counted::alive == 0);
    const auto make = [](int kind) { return kind < 0 ? error(Code::closed) : value(kind); };
    for (const int from : {-1, 3}) {
        for (const int to : {-1, 4}) {
            BOOST_TEST_CONTEXT(to << " becomes " << from) {
                {
                    R a = make(to), b = make(from);
                    a = std::move(b);
                    BOOST_TEST(a.has_value() == (from >= 0));
                    if (a) BOOST_TEST(a->n() == from);
                    else BOOST_TEST((a.error().code() == Code::closed));
                    const R c = std::move(a);
                    BOOST_TEST(c.has_value() == (from >= 0));
                }
                BOOST_TEST(Counted::alive == 0);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(assigned_to_itself_stays_as_it_is) {
    R v = value(5), e = error(Code::closed);
    for (R* r : {&v, &e}) {
        R& same = *r;
        *r = std::move(same);
    }
    BOOST_TEST(v->n() == 5);
    BOOST_TEST((e.error().code() == Code::closed));
    Result<void> nothing, wrong{PoolError{Code::timed_out}};
    for (Result<void>* r : {&nothing, &wrong}) {
        Result<void>& same = *r;
        *r = std::move(same);
    }
    BOOST_TEST(nothing.has_value());
    BOOST_TEST((wrong.error().code() == Code::timed_out));
}

BOOST_AUTO_TEST_CASE(an_error_is_moved_not_copied) {
    const std::string text(100, 'x');
    Result<int, OpenError> r = OpenError{dewpond::Fault::full, text};
    const char* letters = r.error().text().data();
    Result<int, OpenError> moved = std::move(r);
    BOOST_TEST(moved.error().text().data() == letters);
    const OpenError out = std::move(moved).error();
    BOOST_TEST(out.text().data() == letters);
    BOOST_TEST((out.fault() == dewpond::Fault::full));
}

BOOST_AUTO_TEST_CASE(a_value_that_cannot_be_built_lets_its_exception_out) {
    BOOST_CHECK_THROW(static_cast<void>(Result<ThrowsFromInt>{1}), std::string);
}

BOOST_AUTO_TEST_CASE(a_move_only_pointer_goes_through) {
    Result<std::unique_ptr<int>> r = std::make_unique<int>(9);
    const std::unique_ptr<int> p = *std::move(r);
    BOOST_TEST(*p == 9);
    BOOST_TEST((*r == nullptr));
}

BOOST_AUTO_TEST_CASE(success_without_a_value) {
    Result<void> ok;
    BOOST_TEST(ok.has_value());
    ok.value();
    Result<void> wrong = PoolError{Code::server_down};
    BOOST_TEST(!static_cast<bool>(wrong));
    BOOST_TEST((thrown_by([&] { wrong.value(); }) == Code::server_down));
    ok = std::move(wrong);
    BOOST_TEST((ok.error().code() == Code::server_down));
    ok = Result<void>{};
    BOOST_TEST(ok.has_value());
    const Result<void> moved = std::move(ok);
    BOOST_TEST(moved.has_value());
    const PoolError e = Result<void>{PoolError{Code::closed}}.error();
    BOOST_TEST((e.code() == Code::closed));
}

BOOST_AUTO_TEST_SUITE_END()
