# cmake -DHEADERS=a|b -DMINES=mines.hpp -DOUTPUT=file.cpp -P minefield.cmake
# Writes a source that includes the foreign headers the given ones ask for, then the mines, then the given ones.
cmake_minimum_required(VERSION 3.25)

string(REPLACE "|" ";" headers "${HEADERS}")
set(foreign "")
set(own "")
foreach(header IN LISTS headers)
    string(APPEND own "#include \"${header}\"\n")
    file(STRINGS "${header}" includes REGEX "^ *# *include *<")
    list(APPEND foreign ${includes})
endforeach()
list(TRANSFORM foreign REPLACE "^[^<]*<([^>]+)>.*$" "\\1")
list(FILTER foreign EXCLUDE REGEX "^dewpond/")
list(REMOVE_DUPLICATES foreign)
list(SORT foreign)

set(text "")
foreach(name IN LISTS foreign)
    string(APPEND text "#if __has_include(<${name}>)\n#include <${name}>\n#endif\n")
endforeach()
file(WRITE "${OUTPUT}" "${text}\n#include \"${MINES}\"\n\n${own}")
