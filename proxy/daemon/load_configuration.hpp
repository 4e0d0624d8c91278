// Reads the configuration as the daemon does at its start, at a reload and for a check. Shell.
#pragma once

#include "proxy/config/load.hpp"

#include <string>

namespace tandem::daemon {

/// @param config_id of this host, for its `@id` lines; those of "tandem" are kept everywhere.
config::LoadResult load_configuration(const std::string& path, const std::string& config_id);

}  // namespace tandem::daemon
