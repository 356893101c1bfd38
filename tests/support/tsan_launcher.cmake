# ThreadSanitizer maps fixed places of the address space; kernels that shuffle it too well make a program built by an
# older compiler stop at its first instruction. Then it is run without the shuffling.
if(DEWPOND_SANITIZERS AND NOT DEFINED DEWPOND_TSAN_LAUNCHER)
    set(probe ${CMAKE_CURRENT_BINARY_DIR}/tsan_probe)
    file(WRITE ${probe}.cpp "int main() {}\n")
    execute_process(
        COMMAND ${CMAKE_CXX_COMPILER} -fsanitize=thread -o ${probe} ${probe}.cpp
        RESULT_VARIABLE status ERROR_VARIABLE output)
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "the compiler cannot build with -fsanitize=thread (DEWPOND_SANITIZERS=OFF does without):\n${output}")
    endif()
    set(launcher "")
    # Shuffling is luck: one good run proves nothing.
    foreach(round RANGE 1 20)
        execute_process(COMMAND ${probe} RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
        if(NOT status EQUAL 0)
            set(launcher setarch -R)
        endif()
    endforeach()
    set(DEWPOND_TSAN_LAUNCHER "${launcher}" CACHE STRING "What programs with ThreadSanitizer are run by")
endif()
