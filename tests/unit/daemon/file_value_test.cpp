#include "proxy/daemon/file_value.hpp"

#include <string>

#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

TEST(FileValue, ReadsWhatKeepalivedReads) {
    struct Case {
        std::string text;
        std::optional<int> value;
    };
    const Case cases[] = {
        {"0", 0},
        {"5\n", 5},
        {" \t\n 7 ", 7},
        {"-254\n", -254},
        {"+3", 3},
        {"12abc", 12},
        {"12 13", 12},
        {"1.5", 1},
        {"0x10", 16},
        {"010", 8},
        {"2147483647", 2147483647},
        {"-2147483648", -2147483648},
        {"2147483648", std::nullopt},
        {"-99999999999999999999999", std::nullopt},
        {"", std::nullopt},
        {"\n", std::nullopt},
        {"abc", std::nullopt},
        {"- 5", std::nullopt},
        {std::string("\0005", 2), std::nullopt},
        {std::string("4\0005", 3), 4},
        {std::string(1000, '1'), std::nullopt},
        {std::string(1000, ' ') + "1", std::nullopt},
    };
    for (const auto& test : cases) {
        EXPECT_EQ(parse_file_value(test.text), test.value) << '"' << test.text << '"';
    }
}

}  // namespace
}  // namespace tandem::daemon
