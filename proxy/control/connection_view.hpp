// The answer about connections as text for a terminal. Pure.
#pragma once

#include <string>

#include <boost/json/value.hpp>

namespace tandem::control {

/// One line per connection, columns as wide as they must be; behind them how many more there are.
std::string render_connections(const boost::json::value& body);

}  // namespace tandem::control
