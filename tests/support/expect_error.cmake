# cmake -DCOMPILER=... -DINCLUDES=dir|dir [-DPREPARED=header] -DSOURCE=file.cpp -P expect_error.cmake
# The first line of the file says "// expect: <sentence>". The compiler must refuse the file, with exactly one error, and
# what it prints must contain the sentence. A failing compiler alone proves nothing: a mistyped include fails too.
# A sentence of dewpond's own ("dewpond: ...") must be what the error begins with: nothing of the inside before it.
# PREPARED: a header to include first, which may be precompiled.
cmake_minimum_required(VERSION 3.25)

file(STRINGS "${SOURCE}" first_line LIMIT_COUNT 1)
if(NOT first_line MATCHES "^// expect: (.+)$")
    message(FATAL_ERROR "no sentence: the first line of ${SOURCE} must be '// expect: <sentence>'.")
endif()
string(REPLACE "\\;" ";" sentence "${CMAKE_MATCH_1}") # file(STRINGS) hands semicolons over escaped

string(REPLACE "|" ";" includes "${INCLUDES}")
list(TRANSFORM includes PREPEND "-I")
if(PREPARED)
    list(PREPEND includes -include "${PREPARED}")
endif()
set(ENV{LC_ALL} C)
execute_process(
    COMMAND "${COMPILER}" -std=c++20 -fsyntax-only -fdiagnostics-color=never -Wall -Wextra ${includes} "${SOURCE}"
    RESULT_VARIABLE status
    OUTPUT_VARIABLE output
    ERROR_VARIABLE output)

string(REGEX MATCHALL ":[0-9]+: (fatal )?error: " errors "${output}")
list(LENGTH errors count)
if(status EQUAL 0)
    message(NOTICE "${output}")
    message(FATAL_ERROR "it compiled: ${SOURCE} must be refused.")
elseif(NOT count EQUAL 1)
    message(NOTICE "${output}")
    message(FATAL_ERROR "${count} errors where one is wanted.")
endif()
if(sentence MATCHES "^dewpond: ")
    set(beginning "error: static assertion failed: ")
endif()
string(FIND "${output}" "${beginning}${sentence}" place)
if(place EQUAL -1)
    message(NOTICE "${output}")
    message(FATAL_ERROR "the sentence is missing: ${sentence}")
endif()
message(STATUS "refused with one error: ${sentence}")
