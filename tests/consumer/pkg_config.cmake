# cmake -DPKG_CONFIG=... -DPREFIX=... -DCOMPILER=... -DSOURCE=... -DPROGRAM=... -DVERSION=... -P pkg_config.cmake
# Compiles a program by what pkg-config says, and runs it.
cmake_minimum_required(VERSION 3.25)

file(GLOB_RECURSE pc "${PREFIX}/dewpond.pc")
cmake_path(GET pc PARENT_PATH folder)
set(ENV{PKG_CONFIG_PATH} "${folder}")
execute_process(COMMAND "${PKG_CONFIG}" --modversion dewpond OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT version STREQUAL VERSION)
    message(FATAL_ERROR "pkg-config says version '${version}'; it is ${VERSION}.")
endif()
execute_process(COMMAND "${PKG_CONFIG}" --cflags --libs dewpond OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${flags}")
execute_process(COMMAND "${COMPILER}" -std=c++20 "${SOURCE}" ${flags} -o "${PROGRAM}" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${PROGRAM}" COMMAND_ERROR_IS_FATAL ANY)
