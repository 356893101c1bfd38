# The hit path, read and counted. The scripts say what they demand; the controls are what they must refuse.
set(hot_code bash ${CMAKE_CURRENT_LIST_DIR}/hot_code.sh ${DEWPOND_OBJDUMP})
set(one_by_one $<$<CXX_COMPILER_ID:GNU>:-fno-ipa-icf>)
dewpond_codegen_object(dewpond_hot hot.cpp ${one_by_one})
dewpond_codegen_object(dewpond_hot_control hot_control.cpp ${one_by_one})

# Nothing but cold functions is called, with any pack whose answers ask for no more; of cells, what is out of line and not cold
# (DEWPOND_OUTLINE says why).
# Four locked instructions stand there, of which a pair executes two: each of the two CAS has its code for pools of one word
# and for pools of more. Where threads keep their own, they stand in what is called when a thread keeps nothing, and a fifth where
# a thread was recalled and asks under a mutex who has the slot.
set(hit_paths bare_ab default counted watched ageing limit strict background probe status_and_dirty bare_cells default_cells)
foreach(pool IN LISTS hit_paths)
    dewpond_add_test(codegen.calls.${pool} COMMAND ${hot_code} $<TARGET_OBJECTS:dewpond_hot> calls checkout_return_${pool}
                     "5CellsI.*(4join|10still_mine|4open|10open_later)E|(11take_shared|10put_shared)E")
    if(pool MATCHES "cells$")
        set(locked 5)
    else()
        set(locked 4)
    endif()
    dewpond_add_test(codegen.counts.${pool} COMMAND ${hot_code} $<TARGET_OBJECTS:dewpond_hot> counts checkout_return_${pool} ${locked} 0)
endforeach()
foreach(control IN ITEMS reads_the_clock counts_cycles)
    dewpond_add_test(
        codegen.counts.control.${control}
        COMMAND ${hot_code} $<TARGET_OBJECTS:dewpond_hot_control> counts control_${control} 4 0
        PROPERTIES PASS_REGULAR_EXPRESSION "not the readings of a clock")
endforeach()
dewpond_add_test(
    codegen.counts.control.exchanges
    COMMAND ${hot_code} $<TARGET_OBJECTS:dewpond_hot_control> counts control_exchanges 4 0
    PROPERTIES PASS_REGULAR_EXPRESSION "too many locked instructions")
foreach(control IN ITEMS reads_the_clock allocates calls_whom_it_is_told)
    dewpond_add_test(
        codegen.calls.control.${control} COMMAND ${hot_code} $<TARGET_OBJECTS:dewpond_hot_control> calls control_${control}
        PROPERTIES PASS_REGULAR_EXPRESSION "calls what is not cold")
endforeach()

# The order of a pack is nothing, and neither is saying what is there by default, or asking for what the keeper does.
foreach(pair IN ITEMS "bare_ab bare_ba" "bare_ab bare_unsaid" "default default_said" "default warned" "default no_cells")
    separate_arguments(pair)
    list(GET pair 0 first)
    list(GET pair 1 second)
    dewpond_add_test(
        codegen.order.${second}
        COMMAND ${hot_code} $<TARGET_OBJECTS:dewpond_hot> same checkout_return_${first} checkout_return_${second})
endforeach()
dewpond_add_test(
    codegen.order.control.another_pack
    COMMAND ${hot_code} $<TARGET_OBJECTS:dewpond_hot> same checkout_return_bare_ab checkout_return_counted
    PROPERTIES PASS_REGULAR_EXPRESSION "not the same code")
dewpond_add_test(
    codegen.order.control.twice
    COMMAND ${hot_code} $<TARGET_OBJECTS:dewpond_hot_control> same control_bare control_twice
    PROPERTIES PASS_REGULAR_EXPRESSION "not the same code")

# What a pair executes: instructions, of them locked, and none elsewhere. Measured with g++ 12.2 and clang 16.0, plus
# a tenth. A budget is raised with a reason, and lowered when the code has become better.
find_program(DEWPOND_VALGRIND valgrind REQUIRED)
add_executable(dewpond_pairs pairs.cpp)
target_link_libraries(dewpond_pairs PRIVATE dewpond::dewpond)
# At fixed addresses, as the disassembly is compared with what was executed.
target_compile_options(dewpond_pairs PRIVATE ${dewpond_warnings} -O2 -g0 -DNDEBUG -fno-pie)
target_link_options(dewpond_pairs PRIVATE -no-pie)
# dewpond_budget(<what> <most with g++> <most with clang> [CLOCKS <readings>] [LOCKED <instructions>] [<test property> <value>]...)
function(dewpond_budget what gcc clang)
    cmake_parse_arguments(PARSE_ARGV 3 arg "" "CLOCKS;LOCKED" "")
    if(NOT DEFINED arg_LOCKED)
        set(arg_LOCKED 2)
    endif()
    set(most ${gcc})
    if(NOT CMAKE_CXX_COMPILER_ID STREQUAL GNU)
        set(most ${clang})
    endif()
    dewpond_add_test(
        codegen.budget.${what}
        COMMAND bash ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/count.sh ${DEWPOND_VALGRIND} ${DEWPOND_OBJDUMP}
                $<TARGET_FILE:dewpond_pairs> ${what} ${most} ${arg_LOCKED} ${arg_CLOCKS}
        PROPERTIES ${arg_UNPARSED_ARGUMENTS})
endfunction()
#              what                    g++ clang
dewpond_budget(by_hand                  14   16)
dewpond_budget(bare                     40   48)
dewpond_budget(default                  52   70)
dewpond_budget(default_try              64   88)
dewpond_budget(default_ageing           55   58)
dewpond_budget(default_status_and_dirty 55   60)
dewpond_budget(default_limit            54   72)
dewpond_budget(counted                  43   44)
dewpond_budget(watched                  52   54)
dewpond_budget(strict                   52   54)
dewpond_budget(background               52   54)
dewpond_budget(probe                    55   60)
dewpond_budget(ping_after_idle          90  105)
dewpond_budget(many_words               52   54)
dewpond_budget(bare_cells               50   66 LOCKED 0)
dewpond_budget(default_cells            66   73 LOCKED 0)
dewpond_budget(default_cells_status_and_dirty 71 77 LOCKED 0)
dewpond_budget(default_cells_ageing     71   80 LOCKED 0)
dewpond_budget(hooks                   192  161 CLOCKS 2)
dewpond_budget(everything              247  241 CLOCKS 2)
dewpond_budget(nothing                 100  100 PASS_REGULAR_EXPRESSION "nothing was counted")
dewpond_budget(counts_in_common        100  100 PASS_REGULAR_EXPRESSION "not the locked instructions")
dewpond_budget(shares                  400  400 LOCKED 0 PASS_REGULAR_EXPRESSION "not the locked instructions")
dewpond_budget(exchanges               100  100 PASS_REGULAR_EXPRESSION "not the locked instructions")
dewpond_budget(reads_the_clock         100  100 PASS_REGULAR_EXPRESSION "not the readings of a clock")
dewpond_budget(looks_outside         10000 10000 PASS_REGULAR_EXPRESSION "outside the program is called")
dewpond_budget(locks                    60   60 PASS_REGULAR_EXPRESSION "too many instructions")
