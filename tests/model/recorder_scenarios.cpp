#include "model/recorder_scenarios.hpp"

#include "model/catalogue.hpp"

namespace model {

using namespace scenarios;

const std::vector<Scenario>& recorder_scenarios() {
    static const std::vector<Scenario> list{
        {"read_while_written", read_while_written<Recording<0>>, {.preemptions = 5, .stale = 3}},
        {"written_by_two", written_by_two<Recording<0>>, {.preemptions = 3}},
    };
    return list;
}

}  // namespace model
