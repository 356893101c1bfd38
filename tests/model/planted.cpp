// The planted bugs, each with the scenario that finds it and how many schedules that may take.
#include "model/planted.hpp"

#include "model/basin_scenarios.hpp"
#include "model/catalogue.hpp"
#include "model/recorder_scenarios.hpp"

namespace model {

using namespace scenarios;

const std::vector<Planted>& planted() {
    constexpr Bounds timed{.timeouts = 1};
    constexpr Bounds failing{.faults = 2};
    constexpr Bounds calm{.faults = 0};
    static const std::vector<Planted> list{
        {"returns_stay_away", {"share", share<Sync<returns_stay_away>, 2, 1, 1>, {}}, 200},
        {"returns_touch_after", {"leases_outlive", leases_outlive<Sync<returns_touch_after>, 2>, {}}, 200},
        {"returns_relaxed", {"share", share<Sync<returns_relaxed>, 2, 1, 1>, {}}, 50},
        {"takes_relaxed", {"share", share<Sync<takes_relaxed>, 2, 1, 1>, {}}, 50},
        {"takes_in_two_steps", {"share", share<Sync<takes_in_two_steps>, 2, 1, 1>, {}}, 200},
        {"keeper_takes_blindly", {"claimed_by_the_keeper", claimed_by_the_keeper<Sync<keeper_takes_blindly>>, {}}, 500},
        {"sleeps_without_looking", {"share", share<Sync<sleeps_without_looking>, 2, 1, 1>, {}}, 500},
        {"miss_is_final", {"share", share<Sync<miss_is_final>, 3, 1, 2>, {}}, 5'000},
        {"leaves_silently", {"share", share<Sync<leaves_silently>, 3, 1, 1>, {}}, 2'000},
        {"late_one_swallows", {"one_is_late", one_is_late<Sync<late_one_swallows>, 1>, timed}, 20'000},
        {"late_one_drops_its_grant", {"one_is_late", one_is_late<Sync<late_one_drops_its_grant>, 1>, timed}, 20'000},
        {"cancels_the_served", {"called_off", called_off<Sync<cancels_the_served>>, {}}, 5'000},
        {"grants_relaxed", {"share", share<Sync<grants_relaxed>, 2, 1, 1>, {}}, 500},
        {"grants_and_looks_back", {"share", share<Sync<grants_and_looks_back>, 2, 1, 1>, {}}, 5'000},
        {"grants_silently", {"share", share<Sync<grants_silently>, 2, 1, 1>, {}}, 200},
        {"notifies_silently", {"share", share<Sync<notifies_silently>, 2, 1, 1>, {}}, 200},
        {"grants_and_publishes", {"share", share<Sync<grants_and_publishes>, 3, 1, 1>, {}}, 500},
        {"vacates_silently", {"discarded", discarded<Sync<vacates_silently>>, {}}, 500},
        {"failed_opening_is_silent", {"opener_is_late", opener_is_late<Sync<failed_opening_is_silent>>, {}}, 500},
        {"failed_opening_keeps_slot", {"opening_fails", opening_fails<Sync<failed_opening_keeps_slot>>, failing}, 200},
        {"shrinks_silently", {"shrinks", shrinks<Sync<shrinks_silently>>, {}}, 500},
        {"revives_silently", {"shrinks_under_a_reset", shrinks_under_a_reset<Sync<revives_silently>>, {}}, 200},
        {"sheds_too_many", {"shrinks_by_one", shrinks_by_one<Sync<sheds_too_many>>, {}}, 500},
        {"grows_silently", {"grows", grows<Sync<grows_silently>>, {}}, 200},
        {"closes_for_one", {"closed_under_waiters", closed_under_waiters<Sync<closes_for_one>, 2>, {}}, 5'000},
        {"closes_too_late", {"closed_under_waiters", closed_under_waiters<Sync<closes_too_late>, 2>, {}}, 5'000},
        {"frees_under_visitors", {"refused_while_it_goes", refused_while_it_goes<Sync<frees_under_visitors>>, {}}, 5'000},
        {"drains_deaf", {"drained", drained<Sync<drains_deaf>>, {}}, 5'000},
        {"withdraws_the_served", {"callback_withdrawn", callback_withdrawn<Sync<withdraws_the_served>>, {}}, 500},
        {"rests_without_looking", {"reset_by_the_crew", reset_by_the_crew<Sync<rests_without_looking>, 1>, {}}, 5'000},
        {"posts_silently", {"reset_by_the_crew", reset_by_the_crew<Sync<posts_silently>, 1>, {}}, 500},
        {"deadlines_unwatched", {"crew_watches_deadlines", crew_watches_deadlines<Sync<deadlines_unwatched>>, {}}, 200},
        {"turns_down_silently", {"turned_down_and_noticed", turned_down_and_noticed<Sync<turns_down_silently>>, calm}, 200},
        {"ticks_silently", {"ticked_by_a_stranger", ticked_by_a_stranger<Sync<ticks_silently>>, {}}, 500},
        {"bell_stuck", {"reset_by_the_crew", reset_by_the_crew<Sync<bell_stuck>, 1>, {}}, 5'000},
        {"recalls_without_barrier", {"cell_and_a_stranger", cell_and_a_stranger<Sync<recalls_without_barrier>>, calm}, 20'000},
        {"recalls_without_epoch", {"cell_and_a_stranger", cell_and_a_stranger<Sync<recalls_without_epoch>>, calm}, 5'000},
        {"queues_beside_cells", {"cell_under_close", cell_under_close<Sync<queues_beside_cells>>, calm}, 500},
        {"opens_while_shut", {"cells_share_one", cells_share<Sync<opens_while_shut>, 2, 1, 3>, calm}, 5'000},
        {"keeps_without_looking", {"cell_and_a_stranger", cell_and_a_stranger<Sync<keeps_without_looking>>, calm}, 20'000},
        {"takes_without_looking", {"cell_and_a_stranger", cell_and_a_stranger<Sync<takes_without_looking>>, calm}, 20'000},
        {"thinks_it_lost", {"cell_and_a_stranger", cell_and_a_stranger<Sync<thinks_it_lost>>, calm}, 5'000},
        {"thinks_it_won", {"cell_and_a_stranger", cell_and_a_stranger<Sync<thinks_it_won>>, calm}, 5'000},
        {"keeps_relaxed", {"cell_and_a_stranger", cell_and_a_stranger<Sync<keeps_relaxed>>, calm}, 5'000},
        {"ends_with_its_cell", {"cell_of_a_thread_that_ends", cell_of_a_thread_that_ends<Sync<ends_with_its_cell>>, calm}, 50},
        {"queue_looks_before_cells", {"cells_share_two", cells_share<Sync<queue_looks_before_cells>, 3, 1, 3>, calm}, 20'000},
        {"hastens_in_vain", {"tick_is_hastened_during_one", tick_is_hastened_during_one<Sync<hastens_in_vain>, false>, {}}, 200},
        {"records_relaxed", {"read_while_written", read_while_written<Recording<records_relaxed>>, {}}, 5'000},
        {"records_unclaimed", {"written_by_two", written_by_two<Recording<records_unclaimed>>, {}}, 500},
    };
    return list;
}

}  // namespace model
