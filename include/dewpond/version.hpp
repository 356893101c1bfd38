// SPDX-License-Identifier: BSL-1.0
// The version of dewpond, in one place: CMake reads these lines.
#pragma once

#define DEWPOND_VERSION_MAJOR 0
#define DEWPOND_VERSION_MINOR 1
#define DEWPOND_VERSION_PATCH 0
