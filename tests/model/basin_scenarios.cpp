#include "model/basin_scenarios.hpp"

#include "model/catalogue.hpp"

namespace model {

using namespace scenarios;
using S = Sync<0>;

const std::vector<Scenario>& basin_scenarios() {
    static const std::vector<Scenario> list{
        {"two_share_one", share<S, 2, 1, 1>, {.preemptions = 4}},
        {"two_share_one_twice", share<S, 2, 1, 2>, {.preemptions = 3, .stale = 1}},
        {"three_share_one", share<S, 3, 1, 1>, {}},
        {"three_share_two", share<S, 3, 2, 1>, {}},
        {"two_open_one", share<S, 2, 1, 1, 0>, {.preemptions = 3, .stale = 1}},
        {"three_open_two", share<S, 3, 2, 1, 0>, {.stale = 0}, false},
        {"opening_fails", opening_fails<S>, {.faults = 2}},
        {"opener_is_late", opener_is_late<S>, {}},
        {"opening_is_misconfigured", opening_is_misconfigured<S>, {.faults = 2}},
        {"down_and_up", down_and_up<S>, {.faults = 2}},
        {"claimed_dead", claimed_dead<S>, {.stale = 1}},
        {"one_is_late", one_is_late<S, 1>, {.timeouts = 1}},
        {"all_are_late", all_are_late<S>, {.stale = 0, .timeouts = 2}},
        {"called_off", called_off<S>, {.stale = 0}},
        {"discarded", discarded<S>, {}},
        {"closed_under_waiters", closed_under_waiters<S, 1>, {}},
        {"leases_outlive", leases_outlive<S, 2>, {.preemptions = 3}},
        {"refused_while_it_goes", refused_while_it_goes<S>, {}},
        {"drained", drained<S>, {}},
        {"impatient", impatient<S>, {}},
        {"queue_is_full", queue_is_full<S>, {}},
        {"shrinks", shrinks<S>, {}},
        {"shrinks_under_waiters", shrinks_under_waiters<S>, {.stale = 0}, false},
        {"shrinks_by_one", shrinks_by_one<S>, {}},
        {"grows", grows<S>, {.stale = 1}},
        {"shrinks_and_grows", shrinks_and_grows<S>, {.stale = 0}, false},
        {"strictly_in_order", strictly_in_order<S>, {}},
        {"callback_is_not_overtaken", callback_is_not_overtaken<S>, {.preemptions = 3}},
        {"callbacks_late_at_once", callbacks_late_at_once<S>, {}},
        {"crew_rests", crew_rests<S>, {.stale = 1}, false},
        {"drained_of_an_opening", drained_of_an_opening<S>, {}},
        {"gate_comes_near", gate_comes_near<S>, {}},
        {"called_off_alone", called_off_alone<S>, {}},
        {"young_head_is_woken", young_head_is_woken<S>, {}},
        {"opening_fails_beside_a_return", opening_fails_beside_a_return<S>, {.stale = 0}, false},
        {"seen_idle_again", seen_idle_again<S>, {.preemptions = 3}},
        {"callback_beside_a_thread", callback_beside_threads<S, 1>, {.preemptions = 3}},
        {"callback_beside_threads", callback_beside_threads<S, 2>, {}},
        {"callback_withdrawn", callback_withdrawn<S>, {}},
        {"callback_is_late", callback_is_late<S>, {.timeouts = 1}},
        {"callbacks_and_close", callbacks_and_close<S>, {.preemptions = 3}},
        {"opened_in_background", opened_in_background<S, 1, 2, 1>, {.stale = 1}},
        {"reset_by_the_crew", reset_by_the_crew<S, 1>, {.stale = 0}},
        {"crew_watches_deadlines", crew_watches_deadlines<S>, {.preemptions = 3}},
        {"ticks_are_kept", ticks_are_kept<S>, {.stale = 0}},
        {"tick_is_hastened", tick_is_hastened<S>, {.stale = 1}},
        {"closed_under_ticks", closed_under_ticks<S>, {.stale = 1}},
        {"crew_rests_until_then", crew_rests_until_then<S>, {.stale = 0}},
        {"side_by_side", side_by_side<S>, {.stale = 0, .faults = 0}},
        {"opening_is_told", opening_is_told<S>, {.faults = 0}},
        {"opening_is_told_of_callbacks", opening_is_told_of_callbacks<S>, {.faults = 0}},
        {"opened_as_wanted", opened_as_wanted<S>, {.stale = 0, .faults = 0}},
        {"under_the_mutex", under_the_mutex<S>, {}},
        {"drained_in_vain", drained_in_vain<S>, {}},
        {"resized_under_close", resized_under_close<S>, {.stale = 1}},
        {"out_of_step", out_of_step<S>, {}},
        {"drawn", drawn<S>, {}},
        {"opened_in_vain", opened_in_vain<S>, {.faults = 0}},
        {"waited_for", waited_for<S>, {}},
        {"refused_and_noticed", refused_and_noticed<S>, {.stale = 0, .faults = 0}},
        {"gate_comes_near_for_nobody", gate_comes_near_for_nobody<S>, {.stale = 0, .faults = 0}},
        {"at_the_gate", at_the_gate<S>, {.stale = 0, .faults = 0}},
        {"vacancy_beside_a_return", vacancy_beside_a_return<S>, {.stale = 0, .faults = 0}},
        {"claimed_by_the_keeper", claimed_by_the_keeper<S>, {}},
    };
    return list;
}

}  // namespace model
