// SPDX-License-Identifier: BSL-1.0
// What libpq and the server say while connecting, and what the pool is told.
#include <string>

#include <boost/test/unit_test.hpp>

#include <dewpond/detail/pq_fault.hpp>

namespace {

using dewpond::Fault;
using dewpond::OpenError;
using namespace dewpond::detail;

BOOST_AUTO_TEST_SUITE(pq_fault)

BOOST_AUTO_TEST_CASE(an_sqlstate_decides_between_waiting_and_giving_up) {
    const struct {
        const char* state;
        Fault fault;
    } table[] = {
        {"53300", Fault::full},          {"57P03", Fault::starting},      {"57P01", Fault::starting},
        {"57P02", Fault::starting},      {"28P01", Fault::configuration}, {"28000", Fault::configuration},
        {"3D000", Fault::configuration}, {"42501", Fault::configuration}, {"42704", Fault::configuration},
        {"53200", Fault::other},         {"08P01", Fault::other},         {"XX000", Fault::other},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.state) {
            const std::string message =
                std::string{"connection to server on socket \"/x/.s.PGSQL.1\" failed: FATAL:  "} + row.state + "\n";
            const OpenError e = pq_explain({.message = message, .phase = PqPhase::logging_in});
            BOOST_TEST((e.fault() == row.fault));
            BOOST_TEST(e.text().find(row.state) != std::string::npos);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_severity_may_be_in_any_language) {
    BOOST_TEST(pq_sqlstate_in("Verbindung fehlgeschlagen: SCHWERWIEGEND:  53300\n").view() == "53300");
    BOOST_TEST(pq_sqlstate_in("FATAL:  57P03").view() == "57P03");
}

BOOST_AUTO_TEST_CASE(what_only_looks_like_an_sqlstate_is_none) {
    for (const char* m : {"", ":  ", "FATAL:  5330", "FATAL:  533000\n", "FATAL:  sorry\n", "failed: 53300\n",
                          "FATAL:  too many clients\n"}) {
        BOOST_TEST_CONTEXT(m) { BOOST_TEST(!pq_sqlstate_in(m).known()); }
    }
}

BOOST_AUTO_TEST_CASE(of_several_addresses_the_last_sqlstate_counts_and_what_may_pass_wins) {
    BOOST_TEST(pq_sqlstate_in("a failed: FATAL:  28P01\nb failed: FATAL:  57P03\n").view() == "57P03");
    const OpenError e = pq_explain({.message = "a failed: FATAL:  28P01\nb failed: Connection refused\n"});
    BOOST_TEST((e.fault() == Fault::unreachable));
}

BOOST_AUTO_TEST_CASE(the_system_s_words_are_found_in_libpq_s_message) {
    const struct {
        int code;
        Fault fault;
    } table[] = {{ECONNREFUSED, Fault::unreachable}, {ENOENT, Fault::unreachable},     {ETIMEDOUT, Fault::unreachable},
                 {EHOSTUNREACH, Fault::unreachable}, {ECONNRESET, Fault::unreachable}, {EMFILE, Fault::other}};
    for (const auto& row : table) {
        const std::string words = std::generic_category().message(row.code);
        BOOST_TEST_CONTEXT(words) {
            const std::string message = "connection to server at \"10.0.0.1\", port 5432 failed: " + words +
                                        "\n\tIs the server running on that host and accepting TCP/IP connections?\n";
            const OpenError e = pq_explain({.message = message});
            BOOST_TEST((e.fault() == row.fault));
            BOOST_TEST(e.text().ends_with(words));
        }
    }
    const std::string unknown =
        std::string{"could not translate host name \"db\" to address: "} + gai_strerror(EAI_NONAME);
    const OpenError e = pq_explain({.message = unknown + "\n"});
    BOOST_TEST((e.fault() == Fault::unreachable));
    BOOST_TEST(e.text().starts_with("the host name cannot be resolved"));
}

BOOST_AUTO_TEST_CASE(without_any_of_these_the_phase_decides) {
    const auto verdict = [](PqPhase p, bool needs_password, bool role_asked) {
        return pq_explain(
                   {.message = "some text", .phase = p, .needs_password = needs_password, .role_asked = role_asked})
            .fault();
    };
    BOOST_TEST((verdict(PqPhase::options, false, false) == Fault::configuration));
    BOOST_TEST((verdict(PqPhase::reaching, false, false) == Fault::unreachable));
    BOOST_TEST((verdict(PqPhase::encrypting, false, false) == Fault::other));
    BOOST_TEST((verdict(PqPhase::logging_in, false, false) == Fault::other));
    BOOST_TEST((verdict(PqPhase::logging_in, true, false) == Fault::configuration));
    BOOST_TEST((verdict(PqPhase::checking_role, false, true) == Fault::wrong_role));
    BOOST_TEST((verdict(PqPhase::checking_role, false, false) == Fault::other));
}

BOOST_AUTO_TEST_CASE(nothing_of_libpq_s_message_is_passed_on) {
    for (const PqPhase p :
         {PqPhase::options, PqPhase::reaching, PqPhase::encrypting, PqPhase::logging_in, PqPhase::checking_role}) {
        for (const char* tail : {"", ": Connection refused\n", ": FATAL:  28P01\n", ": Name or service not known\n"}) {
            const std::string message = std::string{"could not translate host name \"s3cret@db\" to address"} + tail;
            BOOST_TEST(pq_explain({.message = message, .phase = p}).text().find("s3cret") == std::string::npos);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_note_becomes_an_error_with_its_sqlstate) {
    PqNote note{Fault::broken, "it ended", {}};
    BOOST_TEST(note.error().text() == "it ended");
    note.state.set("57P01");
    BOOST_TEST(note.error().text() == "it ended (SQLSTATE 57P01)");
    BOOST_TEST((note.error().fault() == Fault::broken));
    note.state.set("57p01");
    BOOST_TEST(!note.state.known());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
