// SPDX-License-Identifier: BSL-1.0
// Names only: for drivers that suggest policies and for code that mentions a pool without using it.
#pragma once

#include <dewpond/config.hpp>

namespace dewpond::inline v0 {

class Deadline;
class Duration;
class Limit;
struct PlaceName;
class Place;
class PoolError;
class OpenError;
struct Options;
struct Stats;
struct Settings;
struct Event;
template <class T, class E>
class Result;
template <class... Policies>
struct Suggest;

// liveness
struct NoCheck;
struct StatusAlways;
struct ProbeAlways;
struct PingAfterIdle;
struct PingAlways;
// reset
struct NoReset;
struct ResetIfDirty;
struct ResetAlways;
// lifetime
struct NoExpiry;
struct Lifetime;
// metrics
struct NoMetrics;
class Counters;
class Timings;
class ExactTimings;
// waiting
struct Adaptive;
struct StrictFifo;
// opening
struct OpenInCaller;
struct OpenInBackground;
// watch
struct NoHolders;
struct Holders;
class WarnAfter;
// cells
struct NoCells;
struct ThreadCells;

template <class D, class... Policies>
class Pool;

}  // namespace dewpond::inline v0
