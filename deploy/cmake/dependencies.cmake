# Everything comes from Debian 12; nothing is downloaded at build time.
set(BOOST_INCLUDEDIR /usr/include)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json program_options)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto SSL)
find_package(spdlog REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(libmnl REQUIRED IMPORTED_TARGET libmnl)

# Asio and Beast are compiled once here instead of in every file that includes them.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/asio.cpp
    CONTENT "#include <boost/asio/impl/src.hpp>\n")
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/beast.cpp
    CONTENT "#include <boost/beast/src.hpp>\n")

add_library(tandem_asio STATIC ${CMAKE_BINARY_DIR}/generated/asio.cpp)
target_compile_definitions(tandem_asio PUBLIC
    BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED BOOST_ERROR_CODE_HEADER_ONLY)
target_link_libraries(tandem_asio PUBLIC Boost::headers Threads::Threads)
target_compile_features(tandem_asio PUBLIC cxx_std_20)
if(TANDEM_SANITIZE STREQUAL "thread")
    # gcc 12 warns of the fences in Asio's headers, which ThreadSanitizer does not model.
    target_compile_options(tandem_asio PUBLIC -Wno-tsan)
endif()

file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/asio_ssl.cpp
    CONTENT "#include <boost/asio/ssl/impl/src.hpp>\n")
add_library(tandem_asio_ssl STATIC ${CMAKE_BINARY_DIR}/generated/asio_ssl.cpp)
target_link_libraries(tandem_asio_ssl PUBLIC tandem_asio OpenSSL::SSL)

add_library(tandem_beast STATIC ${CMAKE_BINARY_DIR}/generated/beast.cpp)
target_compile_definitions(tandem_beast PUBLIC BOOST_BEAST_SEPARATE_COMPILATION)
target_link_libraries(tandem_beast PUBLIC tandem_asio)
