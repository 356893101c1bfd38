# cmake -DOBJDUMP=... -DOBJECT=file.o -DFIRST=symbol -DSECOND=symbol -P same_code.cmake
# Fails unless the two functions are the same instructions: their own names, the places they stand at, and the padding
# behind them do not count; what they call does.
cmake_minimum_required(VERSION 3.25)

function(code_of symbol result)
    execute_process(
        COMMAND "${OBJDUMP}" -d -r --no-show-raw-insn --no-addresses "--disassemble=${symbol}" "${OBJECT}"
        OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
    # Everything behind the line "<symbol>:" up to the next section, as no other function is printed.
    if(NOT text MATCHES "\n<${symbol}>:\n")
        message(FATAL_ERROR "no function ${symbol} in the object.")
    endif()
    string(REGEX REPLACE "^.*\n<${symbol}>:\n" "" text "${text}")
    string(REGEX REPLACE "\nDisassembly of section .*$" "\n" text "${text}")
    string(REGEX REPLACE "[ \t]+#[^\n]*" "" text "${text}")
    string(REGEX REPLACE "([<.])${symbol}([-+>.\n])" "\\1this\\2" text "${text}")
    string(REGEX REPLACE "(\n[ \t]*(data16 |cs )*(nop[wl]?|xchg[ \t]+%ax,%ax)[^\n]*)+\n*$" "\n" text "${text}")
    set(${result} "${text}" PARENT_SCOPE)
endfunction()

code_of(${FIRST} first)
code_of(${SECOND} second)
if(NOT first STREQUAL second)
    message(NOTICE "${FIRST}:\n${first}\n${SECOND}:\n${second}")
    message(FATAL_ERROR "not the same code.")
endif()
string(REGEX MATCHALL "\n" lines "${first}")
list(LENGTH lines count)
message(STATUS "the same ${count} lines of code.")
message(NOTICE "${first}")
