// SPDX-License-Identifier: BSL-1.0
// A plugin with what a header must not have: a variable of default visibility that every library shares.
namespace dewpond {
inline int& pinned_counter() {
    static int counter = 0;
    return counter;
}
}  // namespace dewpond

extern "C" int plugin_run() { return dewpond::pinned_counter()++; }
