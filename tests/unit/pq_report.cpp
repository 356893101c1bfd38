// SPDX-License-Identifier: BSL-1.0
// What the answer to a statement means for its connection, as a table.
#include <string>

#include <boost/test/unit_test.hpp>

#include <dewpond/libpq.hpp>

namespace {

using dewpond::Fault;
using namespace dewpond::detail;

BOOST_AUTO_TEST_SUITE(pq_report)

BOOST_AUTO_TEST_CASE(an_answer_decides_about_its_connection) {
    constexpr auto stays = PqEffect::none, goes = PqEffect::one, all_go = PqEffect::all;
    const struct {
        const char *state, *severity;
        Fault fault;
        PqEffect effect;
    } table[] = {
        // The server ends the session.
        {"57P01", "FATAL", Fault::broken, goes},
        {"57P02", "FATAL", Fault::broken, goes},
        {"57P02", "WARNING", Fault::broken, goes},
        {"57P03", "FATAL", Fault::starting, goes},
        {"57P04", "FATAL", Fault::broken, goes},
        {"57P05", "FATAL", Fault::broken, goes},
        {"25P03", "FATAL", Fault::broken, goes},
        {"08P01", "FATAL", Fault::broken, goes},
        {"53300", "FATAL", Fault::full, goes},
        {"28P01", "FATAL", Fault::configuration, goes},
        {"3D000", "FATAL", Fault::configuration, goes},
        {"XX000", "PANIC", Fault::broken, goes},
        {"42601", "FATAL", Fault::broken, goes},
        // PgBouncer's, without a severity.
        {"08P01", "", Fault::broken, goes},
        {"57P01", "", Fault::broken, goes},
        {"53300", "", Fault::full, goes},
        {"28000", "", Fault::configuration, goes},
        {"42601", "", Fault::none, stays},
        // Libpq's own.
        {"", "", Fault::broken, goes},
        // The session goes on: it was about something else.
        {"08001", "ERROR", Fault::none, stays},
        {"08003", "ERROR", Fault::none, stays},
        {"08P01", "ERROR", Fault::none, stays},
        {"53300", "ERROR", Fault::full, stays},
        {"53100", "ERROR", Fault::other, stays},
        {"28000", "ERROR", Fault::configuration, stays},
        {"3D000", "ERROR", Fault::configuration, stays},
        {"57014", "ERROR", Fault::none, stays},
        {"40001", "ERROR", Fault::none, stays},
        {"40P01", "ERROR", Fault::none, stays},
        {"23505", "ERROR", Fault::none, stays},
        {"26000", "ERROR", Fault::none, stays},
        {"25P02", "ERROR", Fault::none, stays},
        {"57P01", "ERROR", Fault::broken, goes},
        // The server is not what it was.
        {"25006", "ERROR", Fault::wrong_role, all_go},
        {"25006", "", Fault::wrong_role, all_go},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.state << " " << row.severity) {
            const PqVerdict v = pq_verdict({.failed = true, .state = row.state, .severity = row.severity});
            BOOST_TEST((v.fault == row.fault));
            BOOST_TEST((v.effect == row.effect));
            const PqVerdict fine = pq_verdict({.failed = false, .state = row.state, .severity = row.severity});
            BOOST_TEST((fine.fault == Fault::none && fine.effect == stays));
            const PqVerdict lost =
                pq_verdict({.failed = true, .state = row.state, .severity = row.severity, .connected = false});
            BOOST_TEST((lost.fault != Fault::none && lost.effect != stays));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_read_only_transaction_on_a_server_that_takes_writes_concerns_one_connection) {
    const PqVerdict v = pq_verdict({.failed = true, .state = "25006", .severity = "ERROR", .takes_writes = true});
    BOOST_TEST((v.fault == Fault::wrong_role));
    BOOST_TEST((v.effect == PqEffect::one));
}

BOOST_AUTO_TEST_CASE(success_over_a_connection_that_was_lost_since_is_no_success) {
    const PqVerdict v = pq_verdict({.connected = false});
    BOOST_TEST((v.fault == Fault::broken));
    BOOST_TEST((v.effect == PqEffect::one));
}

BOOST_AUTO_TEST_CASE(parameters_become_text) {
    BOOST_TEST(PqParam{nullptr}.get() == nullptr);
    BOOST_TEST(PqParam{"a"}.get() == "a");
    BOOST_TEST(PqParam{std::string{"b"}}.get() == "b");
    BOOST_TEST(PqParam{std::string_view{"cde"}.substr(0, 2)}.get() == "cd");
    BOOST_TEST(PqParam{true}.get() == "t");
    BOOST_TEST(PqParam{false}.get() == "f");
    BOOST_TEST(PqParam{-7}.get() == "-7");
    BOOST_TEST(PqParam{18446744073709551615ULL}.get() == "18446744073709551615");
    static_assert(!std::is_constructible_v<PqParam, double> && !std::is_constructible_v<PqParam, char>);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
