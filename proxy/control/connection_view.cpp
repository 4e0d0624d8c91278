#include "proxy/control/connection_view.hpp"

#include "proxy/control/json_text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tandem::control {
namespace {

namespace json = boost::json;

constexpr std::size_t kColumns = 10;
constexpr std::size_t kFirstOnTheRight = 6;
using Row = std::array<std::string, kColumns>;

Row row_of(const json::value& connection) {
    return {text_of(connection, "id"),
            text_of(connection, "client"),
            text_of(connection, "vip"),
            text_of(connection, "source"),
            text_of(connection, "upstream"),
            text_of(connection, "phase"),
            duration_of(connection, "age_ms"),
            duration_of(connection, "idle_ms"),
            bytes_of(connection, "bytes_to_upstream"),
            bytes_of(connection, "bytes_to_client")};
}

std::string line_of(const Row& row, const std::array<std::size_t, kColumns>& widths) {
    std::string line;
    for (std::size_t column = 0; column < kColumns; ++column) {
        const std::string& cell = row.at(column);
        const std::size_t width = widths.at(column);
        line += column == 0 ? "" : "  ";
        line += column < kFirstOnTheRight ? left(cell, width) : right(cell, width);
    }
    return line + '\n';
}

}  // namespace

std::string render_connections(const json::value& body) {
    const json::array& connections = array_of(body, "connections");
    std::vector<Row> rows{{"id", "client", "vip", "source", "upstream", "phase", "age", "idle",
                           "to upstream", "to client"}};
    for (const json::value& connection : connections) {
        rows.push_back(row_of(connection));
    }
    std::array<std::size_t, kColumns> widths{};
    for (const Row& row : rows) {
        for (std::size_t column = 0; column < kColumns; ++column) {
            widths.at(column) = std::max(widths.at(column), row.at(column).size());
        }
    }
    std::string text;
    if (!connections.empty()) {
        for (const Row& row : rows) {
            text += line_of(row, widths);
        }
    }
    constexpr double kMost = 1e15;
    const auto total =
        static_cast<std::uint64_t>(std::clamp(number_of(body, "total").value_or(0.0), 0.0, kMost));
    if (total > connections.size()) {
        return text + "and " + std::to_string(total - connections.size()) + " more\n";
    }
    return connections.empty() ? "no connections\n" : text;
}

}  // namespace tandem::control
