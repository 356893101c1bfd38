# cmake -DREADELF=... -DLIBRARY=plugin.so -P unique_symbols.cmake
# Fails if the library has symbols of namespace dewpond that the loader keeps unique: they pin it for good.
cmake_minimum_required(VERSION 3.25)

execute_process(COMMAND "${READELF}" --symbols --wide "${LIBRARY}" OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL " UNIQUE [^\n]*7dewpond[^\n]*" symbols "${text}")
if(symbols)
    list(JOIN symbols "\n" symbols)
    message(NOTICE "${symbols}")
    message(FATAL_ERROR "unique symbols of dewpond: ${symbols}")
endif()
message(STATUS "no unique symbol of dewpond")
