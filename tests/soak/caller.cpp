// The rounds on pools whose callers open for themselves.
#include <soak/round.hpp>

soak::Outcome soak::play_caller(const Plan& plan, Team& team) {
    if (plan.pool == 0) return Round<dewpond::Pool<Driver>>{plan, team}.play();
    return Round<dewpond::Pool<Driver, dewpond::StrictFifo>>{plan, team}.play();
}
