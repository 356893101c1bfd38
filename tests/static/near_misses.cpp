// SPDX-License-Identifier: BSL-1.0
// A member that has an ability's name but not its shape is an error, never an absence: every ability, wrong in every
// way that people get it wrong, in plain, final and inherited form. And the forms that are right.
#include <string>

#include <dewpond/pool.hpp>

namespace {

using dewpond::Deadline;
using dewpond::OpenError;
using dewpond::ResetResult;

struct Sound {
    using resource = int;
    int open();
    void close(int&) noexcept;
};
/// What no ability answers, asks for or is.
struct Odd {};

template <class D>
concept right = dewpond::Driver<D> && dewpond::detail::sound_driver<D>;
/// A driver all the same: the ability alone is what is wrong.
template <class D>
concept wrong = dewpond::Driver<D> && !dewpond::detail::sound_driver<D>;

// One driver with the given members, as a class, as a final class, and as what another class derives from.
#define DRIVERS(name, ...)                                                                                             \
    struct name : Sound {                                                                                              \
        __VA_ARGS__                                                                                                    \
    };                                                                                                                 \
    struct name##_final final : Sound {                                                                                \
        __VA_ARGS__                                                                                                    \
    };                                                                                                                 \
    struct name##_derived : name {};
#define ARE(what, name) static_assert(what<name> && what<name##_final> && what<name##_derived>, #name)
#define RIGHT(name, ...)                                                                                               \
    DRIVERS(name, __VA_ARGS__)                                                                                         \
    ARE(right, name);
#define WRONG(name, ...)                                                                                               \
    DRIVERS(name, __VA_ARGS__)                                                                                         \
    ARE(wrong, name);

// An ability asked for one resource.
#define ABILITY(name, Answer)                                                                                          \
    namespace name##_of {                                                                                              \
        RIGHT(exact, Answer name(int&) noexcept;)                                                                      \
        RIGHT(looks_only, Answer name(const int&) const noexcept;)                                                     \
        RIGHT(by_value, Answer name(int) noexcept;)                                                                    \
        RIGHT(without_state, static Answer name(int&) noexcept;)                                                       \
        RIGHT(overloaded, Answer name(int&) noexcept; Odd name(Odd);)                                                  \
        RIGHT(for_lvalues, Answer name(int&) & noexcept;)                                                              \
        WRONG(another_answer, Odd name(int&) noexcept;)                                                                \
        WRONG(for_another, Answer name(Odd&) noexcept;)                                                                \
        WRONG(by_address, Answer name(int*) noexcept;)                                                                 \
        WRONG(without_resource, Answer name() noexcept;)                                                               \
        WRONG(asks_for_more, Answer name(int&, int) noexcept;)                                                         \
        WRONG(asks_for_time, Answer name(int&, Deadline) noexcept;)                                                    \
        WRONG(for_rvalues, Answer name(int&) && noexcept;)                                                             \
        WRONG(data, int name = 0;)                                                                                     \
        WRONG(shared_data, static constexpr int name = 0;)                                                                           \
        WRONG(overloaded_all_wrong, Odd name(int&) noexcept; Answer name(Odd);)                                        \
    }
// The same where it must not throw.
#define NOEXCEPT_ABILITY(name, Answer)                                                                                 \
    ABILITY(name, Answer)                                                                                              \
    namespace name##_of {                                                                                              \
        WRONG(may_throw, Answer name(int&);)                                                                           \
        WRONG(looks_only_and_may_throw, Answer name(const int&) const;)                                                \
        WRONG(without_state_may_throw, static Answer name(int&);)                                                      \
        WRONG(overloaded_and_may_throw, Answer name(int&); Answer name(int&, int) noexcept;)                           \
    }
NOEXCEPT_ABILITY(status_ok, bool)
NOEXCEPT_ABILITY(probe, bool)
NOEXCEPT_ABILITY(dirty, bool)
NOEXCEPT_ABILITY(poll_handle, int)
NOEXCEPT_ABILITY(interrupt, void)
NOEXCEPT_ABILITY(abandon, void)
NOEXCEPT_ABILITY(last_fault, OpenError)
ABILITY(label, std::string)

// An ability asked for one resource, and that has to keep a deadline.
#define TIMED_ABILITY(name, Answer)                                                                                    \
    namespace name##_of {                                                                                              \
        RIGHT(exact, Answer name(int&, Deadline) noexcept;)                                                            \
        RIGHT(looks_only, Answer name(const int&, const Deadline&) const noexcept;)                                    \
        RIGHT(without_state, static Answer name(int&, Deadline) noexcept;)                                             \
        RIGHT(overloaded, Answer name(int&, Deadline) noexcept; Answer name(int&);)                                    \
        WRONG(another_answer, Odd name(int&, Deadline) noexcept;)                                                      \
        WRONG(without_deadline, Answer name(int&) noexcept;)                                                           \
        WRONG(deadline_first, Answer name(Deadline, int&) noexcept;)                                                   \
        WRONG(without_resource, Answer name(Deadline) noexcept;)                                                       \
        WRONG(asks_for_a_span, Answer name(int&, dewpond::Duration) noexcept;)                                         \
        WRONG(may_throw, Answer name(int&, Deadline);)                                                                 \
        WRONG(changes_the_deadline, Answer name(int&, Deadline*) noexcept;)                                            \
        WRONG(data, int name = 0;)                                                                                     \
        WRONG(overloaded_all_wrong, Answer name(int&) noexcept; Answer name(int&, Deadline);)                          \
    }
TIMED_ABILITY(ping, bool)
TIMED_ABILITY(reset, ResetResult)

// A member template answers for whatever it is called with.
#define TEMPLATES(name, Answer)                                                                                        \
    namespace name##_of {                                                                                              \
        RIGHT(for_any, template <class... Asked> Answer name(Asked&...) noexcept;)                                     \
        WRONG(for_any_and_may_throw, template <class... Asked> Answer name(Asked&...);)                                \
    }
TEMPLATES(status_ok, bool)
TEMPLATES(probe, bool)
TEMPLATES(dirty, bool)
TEMPLATES(ping, bool)
TEMPLATES(reset, ResetResult)
TEMPLATES(poll_handle, int)
TEMPLATES(interrupt, void)
TEMPLATES(abandon, void)
TEMPLATES(last_fault, OpenError)

// What an int can be turned into is not the answer that was asked for.
WRONG(truth_as_a_number, int probe(int&) noexcept;)
WRONG(reset_by_truth, bool reset(int&, Deadline) noexcept;)
WRONG(a_handle_as_a_long, long poll_handle(int&) noexcept;)
WRONG(fault_without_a_text, dewpond::Fault last_fault(int&) noexcept;)
// A label is anything that can become a text, and may throw.
RIGHT(label_as_literal, const char* label(int&);)
RIGHT(label_by_reference, const std::string& label(int&) const;)
WRONG(label_as_a_number, int label(int&);)

}  // namespace
