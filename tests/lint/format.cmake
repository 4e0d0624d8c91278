# cmake -DROOT=… -P format.cmake: fails when a tracked source is not formatted as .clang-format says.
# Another version of the tool formats differently, so without version 14 the check is skipped.
find_program(CLANG_FORMAT clang-format-14)
find_program(GIT git)
if(NOT CLANG_FORMAT OR NOT GIT)
    message("skipped: needs clang-format-14 and git")
    return()
endif()
execute_process(COMMAND ${GIT} -C ${ROOT} ls-files *.hpp *.cpp
    OUTPUT_VARIABLE files ERROR_QUIET RESULT_VARIABLE result OUTPUT_STRIP_TRAILING_WHITESPACE)
if(result OR files STREQUAL "")
    message("skipped: not a git work tree")
    return()
endif()
string(REPLACE "\n" ";" files "${files}")
execute_process(COMMAND ${CLANG_FORMAT} --dry-run -Werror ${files}
    WORKING_DIRECTORY ${ROOT} RESULT_VARIABLE result)
if(result)
    message(FATAL_ERROR "format with: clang-format-14 -i FILE")
endif()
