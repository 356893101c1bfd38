# What <dewpond/pool.hpp> asks of a compiler: lines and memory, beyond <atomic>, <mutex> and <chrono>. Measured with g++ 12.2
# (26 375 lines, 60 MB; with one pool 81 MB), plus a tenth; clang 16.0 reads some hundred lines less. The recorder and the
# fuller stats were 900 lines and 6 MB of it.
function(dewpond_header_budget what lines kb)
    dewpond_add_test(
        codegen.header.${what}
        COMMAND bash ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/header.sh ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/header/${what}.cpp ${lines} ${kb}
                ${CMAKE_CXX_COMPILER} -std=c++20 -I ${PROJECT_SOURCE_DIR}/include
        PROPERTIES ${ARGN})
endfunction()
#                     what           lines     kB
dewpond_header_budget(pool           29000  67000)
dewpond_header_budget(one_pool       29000  91000)
dewpond_header_budget(control_lines  29000 400000 PASS_REGULAR_EXPRESSION "too many lines")
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    dewpond_header_budget(control_memory 29000 67000 PASS_REGULAR_EXPRESSION "too much memory")
endif()
