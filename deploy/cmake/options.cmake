# Compiler settings shared by every target of the project: link tandem_options (PUBLIC or PRIVATE).
add_library(tandem_options INTERFACE)
target_include_directories(tandem_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(tandem_options INTERFACE _GLIBCXX_ASSERTIONS
    TANDEM_VERSION="${PROJECT_VERSION}")

set(warnings -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast -Wswitch-enum)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND warnings -Wduplicated-cond -Wlogical-op)
endif()
if(TANDEM_WERROR)
    list(APPEND warnings -Werror)
endif()
target_compile_options(tandem_options INTERFACE ${warnings})

# Line tables are enough for backtraces, and full debug information doubles the time of a build.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")

if(TANDEM_SANITIZE)
    add_compile_options(-fsanitize=${TANDEM_SANITIZE} -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${TANDEM_SANITIZE})
    if(TANDEM_SANITIZE MATCHES "undefined")
        add_compile_options(-fno-sanitize-recover=all)
    endif()
endif()
if(TANDEM_FUZZ)
    # Clang takes twice as long for -O2 with all this instrumentation, and finds nothing more.
    set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g1 -DNDEBUG")
    # Coverage instrumentation for everything; only the fuzz targets link the driver.
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
