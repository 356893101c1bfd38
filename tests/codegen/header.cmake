# What <dewpond/pool.hpp> asks of a compiler: lines and memory, beyond <atomic>, <mutex> and <chrono>. Measured with g++ 12.2
# (25 464 lines, 54 MB; with one pool 73 MB) and clang 16.0 (25 094 lines), plus a tenth.
function(dewpond_header_budget what lines kb)
    dewpond_add_test(
        codegen.header.${what}
        COMMAND bash ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/header.sh ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/header/${what}.cpp ${lines} ${kb}
                ${CMAKE_CXX_COMPILER} -std=c++20 -I ${PROJECT_SOURCE_DIR}/include
        PROPERTIES ${ARGN})
endfunction()
#                     what           lines     kB
dewpond_header_budget(pool           28000  61000)
dewpond_header_budget(one_pool       28000  82000)
dewpond_header_budget(control_lines  28000 400000 PASS_REGULAR_EXPRESSION "too many lines")
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    dewpond_header_budget(control_memory 28000 61000 PASS_REGULAR_EXPRESSION "too much memory")
endif()
