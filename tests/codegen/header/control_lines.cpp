// SPDX-License-Identifier: BSL-1.0
// A header that brings another one of many lines: what header.sh must refuse.
#include <regex>

#include <dewpond/pool.hpp>
