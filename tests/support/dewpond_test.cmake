# What the test areas are written with. Every test is called <leg>.<name> and carries the labels <leg> and <area>,
# the area being the folder under tests/ that registers it.

set(DEWPOND_LEG gcc CACHE STRING "The name of this build in the test names: one per compiler")
set(DEWPOND_SANITIZERS ON CACHE BOOL "Build the thread- and address-sanitizer variants of the tests that ask for them")
set(DEWPOND_DEEP OFF CACHE BOOL "Tests take the long road: they find DEWPOND_DEEP=1 in the environment, and time for it")
set(DEWPOND_TEST_FLAGS -O1 -g1 -UNDEBUG CACHE STRING "Optimisation of the plain variant of the tests")
set(dewpond_warnings -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Werror)
set(dewpond_sanitizer_thread tsan -O1 -fsanitize=thread)
# Unoptimised: what these two check for makes the optimiser take 2.6 times as long, half the time of the whole build.
# Without the checks of every pointer that is followed, which are half as much again (21.5 s and 13.4 s of CPU for one
# source of tests/integration): a null pointer ends the test in any case, and the processor takes any alignment.
set(dewpond_sanitizer_address asan -O0 -fsanitize=address,undefined -fno-sanitize=null,alignment,vptr,object-size -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
set(dewpond_proof_dir ${PROJECT_BINARY_DIR}/proof)  # tests/run sums up what is written there
file(MAKE_DIRECTORY ${dewpond_proof_dir})
set(dewpond_with_postgres ${CMAKE_CURRENT_LIST_DIR}/with_postgres.sh)
set(dewpond_with_standby ${CMAKE_CURRENT_LIST_DIR}/with_standby.sh)

# dewpond_add_test(<name> <area> COMMAND ... [LABELS ...] [TIMEOUT <seconds>] [POSTGRES [STANDBY]] [<test property> <value>]...)
# The one place that registers tests. POSTGRES: the command runs beside a private server, labelled integration, alone;
# with STANDBY beside a standby of it as well.
function(dewpond_add_test name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "POSTGRES;STANDBY" "TIMEOUT" "COMMAND;LABELS;PROPERTIES;ENVIRONMENT")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    if(DEWPOND_DEEP)
        math(EXPR arg_TIMEOUT "10 * ${arg_TIMEOUT}")
        list(APPEND arg_ENVIRONMENT DEWPOND_DEEP=1)
    endif()
    if(arg_STANDBY)
        list(PREPEND arg_COMMAND ${dewpond_with_standby})
    endif()
    if(arg_POSTGRES)
        list(PREPEND arg_COMMAND ${dewpond_with_postgres} --)
        list(APPEND arg_LABELS integration)
        list(APPEND arg_PROPERTIES RUN_SERIAL ON)
    endif()
    cmake_path(GET CMAKE_CURRENT_SOURCE_DIR FILENAME area)
    list(APPEND arg_LABELS ${DEWPOND_LEG} ${area})
    list(REMOVE_DUPLICATES arg_LABELS)
    set(test ${DEWPOND_LEG}.${name})
    add_test(NAME ${test} COMMAND ${arg_COMMAND})
    set_tests_properties(
        ${test} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "${arg_ENVIRONMENT}" ${arg_PROPERTIES})
endfunction()

# dewpond_test(NAME <name> SOURCES <file>... [LABELS ...] [LIBS <target>...] [POSTGRES [STANDBY]] [PROOF]
#              [SANITIZERS thread address] [TIMEOUT <seconds>] [PREPARED <header>])
# One Boost.Test program (target test_<name>) and its test <leg>.<name>; for each sanitizer the same sources once more
# as <leg>.<name>.tsan or .asan, with three times the time. PROOF: labelled so, and the plain variant writes what it
# counted into the file named by DEWPOND_PROOF_FILE, a line each: KEY VALUE. A table that tests/run should show at its end
# goes into the file named by DEWPOND_TABLE_FILE. PREPARED: a header that every source includes, read once; without it the
# program shares one with the others.
function(dewpond_test)
    cmake_parse_arguments(PARSE_ARGV 0 arg "POSTGRES;STANDBY;PROOF" "NAME;TIMEOUT;PREPARED" "SOURCES;LABELS;LIBS;SANITIZERS")
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "dewpond_test(${arg_NAME}): what is '${arg_UNPARSED_ARGUMENTS}'?")
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 120)
    endif()
    set(postgres "")
    if(arg_POSTGRES)
        set(postgres POSTGRES)
    endif()
    if(arg_STANDBY)
        list(APPEND postgres STANDBY)
    endif()

    set(counts DEWPOND_TABLE_FILE=${dewpond_proof_dir}/${arg_NAME}.table)
    if(arg_PROOF)
        list(APPEND arg_LABELS proof)
        list(APPEND counts DEWPOND_PROOF_FILE=${dewpond_proof_dir}/${arg_NAME}.txt)
    endif()

    dewpond_test_program(test_${arg_NAME} VARIANT plain FLAGS ${DEWPOND_TEST_FLAGS} SOURCES ${arg_SOURCES} LIBS ${arg_LIBS} PREPARED "${arg_PREPARED}")
    dewpond_add_test(${arg_NAME} COMMAND $<TARGET_FILE:test_${arg_NAME}> LABELS ${arg_LABELS} TIMEOUT ${arg_TIMEOUT} ENVIRONMENT ${counts} ${postgres})

    if(NOT DEWPOND_SANITIZERS)
        return()
    endif()
    math(EXPR arg_TIMEOUT "3 * ${arg_TIMEOUT}")
    foreach(sanitizer IN LISTS arg_SANITIZERS)
        set(flags ${dewpond_sanitizer_${sanitizer}})
        if(NOT flags)
            message(FATAL_ERROR "dewpond_test(${arg_NAME}): no sanitizer is called '${sanitizer}'.")
        endif()
        list(POP_FRONT flags short)
        set(program test_${arg_NAME}.${short})
        dewpond_test_program(${program} VARIANT ${short} FLAGS -g1 -UNDEBUG ${flags} LINK_FLAGS ${flags} SOURCES ${arg_SOURCES} LIBS ${arg_LIBS} PREPARED "${arg_PREPARED}")
        set(launcher "")
        if(sanitizer STREQUAL thread)
            set(launcher ${DEWPOND_TSAN_LAUNCHER})
        endif()
        dewpond_add_test(
            ${arg_NAME}.${short}
            COMMAND ${launcher} $<TARGET_FILE:${program}>
            LABELS ${arg_LABELS} ${short}
            TIMEOUT ${arg_TIMEOUT}
            ENVIRONMENT TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 ASAN_OPTIONS=detect_leaks=1
            ${postgres})
    endforeach()
endfunction()

# VARIANT: what FLAGS are called; programs of one variant share what nearly every test includes, read once.
function(dewpond_test_program target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "VARIANT;PREPARED" "FLAGS;LINK_FLAGS;SOURCES;LIBS")
    add_executable(${target} ${arg_SOURCES})
    target_link_libraries(${target} PRIVATE dewpond_test_main dewpond::dewpond ${arg_LIBS})
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
    target_compile_options(${target} PRIVATE ${dewpond_warnings} ${arg_FLAGS})
    target_link_options(${target} PRIVATE ${arg_LINK_FLAGS})
    if(arg_PREPARED)
        target_precompile_headers(${target} PRIVATE ${arg_PREPARED})
        return()
    endif()
    set(shared dewpond_prepared_${arg_VARIANT})
    if(NOT TARGET ${shared})
        add_library(${shared} OBJECT EXCLUDE_FROM_ALL ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/prepared.cpp)
        target_link_libraries(${shared} PRIVATE dewpond_test_main dewpond::dewpond)
        target_compile_options(${shared} PRIVATE ${dewpond_warnings} ${arg_FLAGS})
        target_precompile_headers(${shared} PRIVATE <boost/test/unit_test.hpp> <dewpond/pool.hpp>)
    endif()
    target_precompile_headers(${target} REUSE_FROM ${shared})
endfunction()

# dewpond_compile_fail(<dir>)
# Every <dir>/*.cpp must be refused by the compiler with exactly one error, saying what the first line of the file expects.
function(dewpond_compile_fail dir)
    cmake_path(ABSOLUTE_PATH dir)
    file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cpp)
    foreach(source IN LISTS sources)
        cmake_path(GET source STEM name)
        dewpond_add_test(compile_fail.${name} COMMAND ${dewpond_expect_error} -DSOURCE=${source} -P ${dewpond_expect_error_script})
    endforeach()
endfunction()

set(dewpond_expect_error_script ${CMAKE_CURRENT_LIST_DIR}/expect_error.cmake)
set(dewpond_include_roots ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/tests)
foreach(driver IN LISTS dewpond_usable_drivers)
    list(APPEND dewpond_include_roots ${PROJECT_SOURCE_DIR}/drivers/${driver})
endforeach()
if(TARGET PostgreSQL::PostgreSQL)
    get_target_property(libpq_includes PostgreSQL::PostgreSQL INTERFACE_INCLUDE_DIRECTORIES)
    list(APPEND dewpond_include_roots ${libpq_includes})
endif()
list(JOIN dewpond_include_roots "|" dewpond_include_roots)
set(dewpond_expect_error ${CMAKE_COMMAND} -DCOMPILER=${CMAKE_CXX_COMPILER} "-DINCLUDES=${dewpond_include_roots}")

# dewpond_same_code(<object library of one source> <function> <function> [NAME <name>])
# The two extern "C" functions must be the same instructions.
function(dewpond_same_code target first second)
    cmake_parse_arguments(PARSE_ARGV 3 arg "" "NAME" "")
    if(NOT arg_NAME)
        set(arg_NAME codegen.${first})
    endif()
    dewpond_add_test(
        ${arg_NAME} COMMAND ${CMAKE_COMMAND} -DOBJDUMP=${DEWPOND_OBJDUMP} "-DOBJECT=$<TARGET_OBJECTS:${target}>" -DFIRST=${first}
                            -DSECOND=${second} -P ${dewpond_same_code_script})
endfunction()
# Of binutils, with every compiler: the comparison reads its form.
find_program(DEWPOND_OBJDUMP objdump REQUIRED)
set(dewpond_same_code_script ${CMAKE_CURRENT_LIST_DIR}/same_code.cmake)
