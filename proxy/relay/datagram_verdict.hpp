// What one datagram means for a check. Pure.
#pragma once

#include <string>
#include <utility>

namespace tandem::relay {

struct DatagramVerdict {
    enum class Kind {
        Foreign,  ///< no answer to what was asked: another one may follow
        Passed,
        Failed,
    } kind = Kind::Foreign;
    /// For people; empty when foreign.
    std::string text{};

    static DatagramVerdict foreign() { return {}; }
    static DatagramVerdict passed(std::string text) { return {Kind::Passed, std::move(text)}; }
    static DatagramVerdict failed(std::string text) { return {Kind::Failed, std::move(text)}; }
    bool operator==(const DatagramVerdict&) const = default;
};

}  // namespace tandem::relay
