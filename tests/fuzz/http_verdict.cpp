// What a web server's answer means for its check: no body crashes it or takes it long, and an
// expression that must match and the same one that must not never agree.
//
// Input: a byte that chooses the expression, one of options, two of offsets, a status in two
// bytes, then the body.
#include "proxy/relay/http_verdict.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string_view>

namespace {

using namespace tandem::relay;

constexpr const char* kExpressions[] = {
    "ok",         "^ok$",           "a.b",        "(a+)+$",      "(?<=a)b\\b", "x*", "(.*)*x",
    "[^a]{3,7}z", "(?i)(a|b|c)\\1", "\\d+\\s\\w", "^(?!.*down)", "(?m)^up$"};
constexpr std::size_t kHeader = 6;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

UrlCheck check_of(const std::uint8_t* data) {
    const auto option = [data](unsigned bit) { return (data[1] >> bit & 1U) != 0; };
    UrlCheck check;
    check.statuses = {{100, 999}};
    check.regex.text = kExpressions[data[0] % std::size(kExpressions)];
    check.regex.ignores_case = option(0);
    check.regex.dot_matches_newline = option(1);
    check.regex.multiline = option(2);
    check.regex.extended = option(3);
    check.regex.dollar_end_only = option(4);
    check.regex.min_offset = option(5) ? data[2] : 0U;
    if (option(6)) {
        check.regex.max_offset = data[3];
    }
    return check;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < kHeader) {
        return 0;
    }
    const unsigned status = data[4] * 256U + data[5];
    const std::string_view body(reinterpret_cast<const char*>(data) + kHeader,
                                std::min(size - kHeader, kSearchedBody));
    UrlCheck check = check_of(data);
    const auto wanted = judge(check, status, "", body);
    check.regex.must_not_match = true;
    const auto unwanted = judge(check, status, "", body);
    if (status < 100 || status > 999) {
        require(wanted && wanted == unwanted);
        return 0;
    }
    // Both fail when the search takes too many steps.
    require(wanted || unwanted);
    require(!wanted || !unwanted || *wanted == *unwanted);
    return 0;
}
