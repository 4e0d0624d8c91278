// The pure half of load(): everything from outside comes through the environment.
#pragma once

#include "proxy/config/environment.hpp"
#include "proxy/config/load.hpp"

namespace tandem::config {

/// Never throws for any content; std::bad_alloc only. Not thread-safe only in that the
/// environment is used.
LoadResult load_from(const LoadOptions& options, Environment& environment);

}  // namespace tandem::config
