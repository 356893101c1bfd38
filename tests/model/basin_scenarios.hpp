// Scenarios of the exchange: who waits, gives, opens, closes. Templates on the seam, so that each runs over a broken
// twin of the code as well.
#pragma once

#include "model/basin_callbacks.hpp"
#include "model/basin_cells.hpp"
#include "model/basin_closing.hpp"
#include "model/basin_crew.hpp"
#include "model/basin_outage.hpp"
#include "model/basin_size.hpp"
#include "model/basin_waiting.hpp"
