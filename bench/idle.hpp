// SPDX-License-Identifier: BSL-1.0
// The questions of the program `idle`, one source file each.
#pragma once

#include "report.hpp"

namespace bench {

void one_thread(const CommandLine& line, Report& report);
void sizes(const CommandLine& line, Report& report);
void many_pools(const CommandLine& line, Report& report);
void scaling(const CommandLine& line, Report& report);
void across(const CommandLine& line, Report& report);
void saturation(const CommandLine& line, Report& report);
void hand_off(const CommandLine& line, Report& report);

}  // namespace bench
