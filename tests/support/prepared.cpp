// SPDX-License-Identifier: BSL-1.0
// Nothing: the precompiled header that the test programs share needs a target of its own.
