# cmake -DPROJECT=... -DBUILD=... -DGENERATOR=... -DCOMPILER=... -DARGS=a|b -DREFUSED=regex -P consume.cmake
# Configures, builds and runs a project from nothing; or sees that configuring is refused, with this in the message.
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE "${BUILD}")
string(REPLACE "|" ";" arguments "${ARGS}")
execute_process(
    COMMAND "${CMAKE_COMMAND}" -S "${PROJECT}" -B "${BUILD}" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${COMPILER}" ${arguments}
    RESULT_VARIABLE status
    OUTPUT_VARIABLE output
    ERROR_VARIABLE output)
message(NOTICE "${output}")
if(REFUSED)
    # CMake breaks the lines of its messages where it likes.
    string(REGEX REPLACE "[ \n]+" " " output "${output}")
    if(status EQUAL 0 OR NOT output MATCHES "${REFUSED}")
        message(FATAL_ERROR "this had to be refused with: ${REFUSED}")
    endif()
    return()
endif()
if(NOT status EQUAL 0)
    message(FATAL_ERROR "the project cannot be configured.")
endif()
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${BUILD}" COMMAND_ERROR_IS_FATAL ANY)
file(GLOB programs "${BUILD}/program*")
if(NOT programs)
    message(FATAL_ERROR "nothing was built.")
endif()
foreach(program IN LISTS programs)
    execute_process(COMMAND "${program}" COMMAND_ERROR_IS_FATAL ANY)
endforeach()
