// SPDX-License-Identifier: BSL-1.0
// Drivers that keep the contract pass, and every sentence of the suite is tried.
#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <dewpond/fd.hpp>
#include <dewpond/testing/archetype.hpp>
#include <dewpond/testing/conformance.hpp>
#include <dewpond/testing/scripted_driver.hpp>

#include "report.hpp"

using namespace dewpond::testing;
using dewpond::Deadline;
using dewpond::FdDriver;

namespace {

void check(bool ok, const char* sentence) { BOOST_CHECK_MESSAGE(ok, sentence); }
void shut_down(int& fd) { ::shutdown(fd, SHUT_RDWR); }
/// A regular file cannot die: in its place comes a pipe whose other end is closed.
void cut_off(int& fd) {
    int ends[2];
    BOOST_TEST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    ::close(ends[1]);
    ::dup2(ends[0], fd);
    ::close(ends[0]);
}

/// One end of a socket pair whose other end stays open for as long as the process lives.
int open_socket(Deadline) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return -1;
    return ends[0];
}

std::size_t open_descriptors() {
    std::size_t n = 0;
    for (int fd = 0; fd < 1024; ++fd) n += ::fcntl(fd, F_GETFD) != -1 ? 1 : 0;
    return n;
}

template <class D>
void scripted_conforms(const Script& script = {}) {
    ConformanceOptions<D> options;
    if constexpr (dewpond::Resets<D>) options.dirty = [](ScriptedResource& r) { r.make_dirty(); };
    D driver{script};
    BOOST_TEST(conformance(driver, check, [](ScriptedResource& r) { r.break_it(); }, options) == 0u);
    for (const std::string& v : script.violations()) BOOST_ERROR("the suite itself broke the contract: " + v);
    BOOST_TEST(script.live() == 0u);
    BOOST_TEST(script.max_live() <= 5u);
    BOOST_TEST(script.count(Hook::open) > 5u);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(conforming, *boost::unit_test::timeout(60))

BOOST_AUTO_TEST_CASE(the_fd_driver_over_a_file_conforms_and_leaks_nothing) {
    const std::size_t before = open_descriptors();
    FdDriver driver{"/dev/null", O_RDWR};
    BOOST_TEST(conformance(driver, check, &cut_off) == 0u);
    BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(the_fd_driver_over_sockets_conforms) {
    BOOST_TEST(conformance([] { return FdDriver{open_socket, "pair"}; }, check, &shut_down) == 0u);
}

BOOST_AUTO_TEST_CASE(a_path_that_cannot_be_opened_says_why_and_is_a_matter_of_configuration) {
    FdDriver driver{"/nonexistent/file"};
    const auto r = driver.open({});
    BOOST_TEST_REQUIRE(!r);
    BOOST_TEST((r.error().fault() == dewpond::Fault::configuration));
    BOOST_TEST(r.error().text() == "/nonexistent/file: No such file or directory");
}

BOOST_AUTO_TEST_CASE(an_opener_that_fails_is_named_and_its_errno_told) {
    FdDriver driver{[](Deadline) { return errno = ECONNREFUSED, -1; }, "peer"};
    const auto r = driver.open({});
    BOOST_TEST_REQUIRE(!r);
    BOOST_TEST((r.error().fault() == dewpond::Fault::unreachable));
    BOOST_TEST(r.error().text() == "peer: Connection refused");
}

BOOST_AUTO_TEST_CASE(an_opener_that_is_interrupted_is_called_again_until_the_deadline) {
    int calls = 0;
    const auto open = [&calls](Deadline) {
        errno = EINTR;
        return ++calls < 3 ? -1 : ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    };
    FdDriver driver{open, "slow"};
    auto r = driver.open({});
    BOOST_TEST_REQUIRE(r.has_value());
    driver.close(*r);
    calls = -1000;
    BOOST_TEST(!driver.open(Deadline{dewpond::TimePoint{}}).has_value());
    BOOST_TEST(calls == -999);
}

BOOST_AUTO_TEST_CASE(the_fd_driver_sets_close_on_exec_and_says_what_is_wrong) {
    FdDriver driver{"/dev/null"};
    auto r = driver.open({});
    BOOST_TEST_REQUIRE(r.has_value());
    BOOST_TEST((::fcntl(*r, F_GETFD) & FD_CLOEXEC) != 0);
    BOOST_TEST(driver.label(*r) == "fd " + std::to_string(*r));
    BOOST_TEST((driver.last_fault(*r).fault() == dewpond::Fault::none));
    cut_off(*r);
    BOOST_TEST(driver.last_fault(*r).text() == "the other end has hung up");
    driver.close(*r);
    BOOST_TEST(!driver.probe(*r));
    BOOST_TEST(driver.last_fault(*r).text() == "the descriptor is not open");
}

BOOST_AUTO_TEST_CASE(the_scripted_drivers_conform) {
    scripted_conforms<ScriptedDriver>();
    scripted_conforms<ProbeScripted>();
    scripted_conforms<BlindResetScripted>();
}

BOOST_AUTO_TEST_CASE(a_scripted_driver_that_needs_several_resets_conforms) {
    const Script script;
    script.on(Hook::reset, {unfinished().times(3), succeed()});
    scripted_conforms<ScriptedDriver>(script);
}

BOOST_AUTO_TEST_CASE(the_archetype_conforms_so_the_suite_asks_for_no_more_than_the_contract) {
    PlainCounts counts;
    MinimalDriver driver{counts};
    BOOST_TEST(conformance(driver, check, [](MinimalResource&) {}) == 0u);
    BOOST_TEST(counts.live() == 0);
    BOOST_TEST(counts.opened.load() > 5);
}

BOOST_AUTO_TEST_CASE(the_plain_driver_conforms_and_closes_what_it_opens) {
    PlainCounts counts;
    PlainDriver driver{counts};
    BOOST_TEST(conformance(driver, check, [](int&) {}) == 0u);
    BOOST_TEST(counts.live() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
