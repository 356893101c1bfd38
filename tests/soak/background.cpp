// The rounds on pools whose own threads open.
#include <soak/round.hpp>

soak::Outcome soak::play_background(const Plan& plan, Team& team) {
    if (plan.pool == 2) return Round<dewpond::Pool<Driver, dewpond::OpenInBackground>>{plan, team}.play();
    return Round<dewpond::Pool<Driver, dewpond::OpenInBackground, dewpond::StrictFifo>>{plan, team}.play();
}
