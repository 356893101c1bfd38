// SPDX-License-Identifier: BSL-1.0
// Does this server suit this pool? Prints the answer, line by line, for a deployment's check or a person.
//
//     DEWPOND_PG_CONNINFO='host=db dbname=app' APP_POOL_MAX_SIZE=10 REPLICAS=8 ./preflight
//
// The connection string comes from DEWPOND_PG_CONNINFO, else from libpq's own variables; the pool's options from
// APP_POOL_*. Ends with 0 if all is ok, 1 if something is to be warned of, 2 if something will not work.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <dewpond/env.hpp>
#include <dewpond/libpq.hpp>
#include <dewpond/pool.hpp>
#include <dewpond/preflight.hpp>

namespace {

std::uint32_t number(const char* name, std::uint32_t otherwise) {
    const char* value = std::getenv(name);
    return value != nullptr ? static_cast<std::uint32_t>(std::strtoul(value, nullptr, 10)) : otherwise;
}

}  // namespace

int main() try {
    const char* conninfo = std::getenv("DEWPOND_PG_CONNINFO");
    dewpond::Pool db{dewpond::PqDriver{conninfo != nullptr ? conninfo : ""},
                     dewpond::Options::from_env("APP_POOL_", {.name = "preflight", .max_size = 10, .min_idle = 0}),
                     dewpond::lifetime_from_env("APP_POOL_")};
    const dewpond::PreflightReport report =
        dewpond::preflight(db, {.replicas = number("REPLICAS", 1), .surge = number("SURGE", 0), .other = number("OTHER", 0)});
    std::fputs(report.text().c_str(), stdout);
    return static_cast<int>(report.verdict());
} catch (const dewpond::PoolError& error) {
    std::fprintf(stderr, "%s\n", error.what());  // an option that cannot work
    return 2;
}
