#include "proxy/daemon/load_configuration.hpp"

namespace tandem::daemon {

config::LoadResult load_configuration(const std::string& path, const std::string& config_id) {
    config::LoadOptions options;
    options.path = path;
    options.config_ids = {"tandem", config_id};
    return config::load(options);
}

}  // namespace tandem::daemon
