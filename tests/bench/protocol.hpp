// What clients and the server of the load generator agree on: the first byte of a connection says
// what it is for.
#pragma once

#include <cstddef>

namespace tandem::bench {

/// Every message comes back as it is.
constexpr char kEcho = 'E';
/// The server reads and discards.
constexpr char kSink = 'S';
/// The server sends without end.
constexpr char kSource = 'D';

/// Size of a question, of its answer, and of the message that begins a connection.
constexpr std::size_t kMessageSize = 64;
/// What one call sends or discards on a bulk connection.
constexpr std::size_t kBulkSize = std::size_t{256} << 10;

}  // namespace tandem::bench
