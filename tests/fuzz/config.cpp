// Any bytes as a configuration, with a few files that it can include.
#include "proxy/config/load_from.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>

namespace {

using tandem::config::Environment;
using tandem::config::FileContent;

class FuzzEnvironment final : public Environment {
  public:
    explicit FuzzEnvironment(std::string main)
        : files_{{"/f/main.conf", std::move(main)},
                 {"/f/a.conf", "global_defs {\n router_id a\n}\ninclude b.conf\n"},
                 {"/f/b.conf", "$A=1\ninclude main.conf\n}\n"},
                 {"/f/c.inc", "198.51.100.1/24\n"}} {}

    FileContent read(const std::string& path) override {
        const auto found = files_.find(path);
        if (found == files_.end()) {
            return {std::nullopt, "not found", ""};
        }
        return {found->second, "", ""};
    }
    std::vector<std::string> match(const std::string& pattern) override {
        std::vector<std::string> result;
        for (const auto& [path, text] : files_) {
            if (path == pattern || pattern.find('*') != std::string::npos) {
                result.push_back(path);
            }
        }
        return result;
    }
    std::optional<std::string> variable(const std::string& name) override {
        return name == "A" ? std::optional<std::string>("x") : std::nullopt;
    }
    std::string host_name() override { return "fuzz"; }
    Interface interface(const std::string& name) override {
        return name == "eth0" ? Interface::Usable : Interface::Missing;
    }
    std::vector<tandem::config::HostAddress> addresses() override {
        return {{"eth0", boost::asio::ip::make_address("198.51.100.11"), 24}};
    }
    std::optional<tandem::config::Account> user(const std::string& name) override {
        return name == "root" ? std::optional(own_account()) : std::nullopt;
    }
    std::optional<unsigned> group(const std::string& name) override {
        return name == "root" ? std::optional(0U) : std::nullopt;
    }
    tandem::config::Account own_account() override { return {0, 0}; }
    std::optional<std::string> find_program(const std::string& name) override {
        return name == "a" ? std::nullopt : std::optional("/bin/" + name);
    }
    tandem::config::Program program(const std::string& path,
                                    const tandem::config::Account&) override {
        using State = tandem::config::Program::State;
        return {path == "/b" ? State::Missing : State::Usable, "", path == "/c" ? "open" : ""};
    }
    std::chrono::microseconds uptime() override { return std::chrono::seconds{20}; }

  private:
    std::map<std::string, std::string> files_;
};

}  // namespace

namespace {

/// What the rest of the program relies on.
bool is_sound(const tandem::config::InstanceSettings& instance) {
    const auto& election = instance.election;
    if (election.priority == 0 || election.advertisement_interval.count() <= 0 ||
        election.password.size() > 8 || election.addresses.size() > 255 ||
        election.startup_delay.count() < 0) {
        return false;
    }
    for (const auto& peer : election.unicast_peers) {
        if (peer.min_ttl > peer.max_ttl) {
            return false;
        }
    }
    for (const auto& tracked : instance.tracked) {
        if (tracked.weight < -254 || tracked.weight > 254) {
            return false;
        }
    }
    if (election.auth_hmac) {
        for (const auto& [id, key] : election.auth_hmac->keys) {
            if (id == 0 || key.size() < 32 || key.size() > 64) {
                return false;
            }
        }
        return election.auth_hmac->keys.contains(election.auth_hmac->active_key);
    }
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    FuzzEnvironment environment(std::string(reinterpret_cast<const char*>(data), size));
    tandem::config::LoadOptions options;
    options.path = "/f/main.conf";
    options.config_ids = {"tandem", "node1"};
    const auto result = tandem::config::load_from(options, environment);
    if (to_json(result.diagnostics).empty()) {
        std::abort();
    }
    for (const auto& instance : result.model.instances) {
        if (!is_sound(instance)) {
            std::abort();
        }
    }
    for (const auto& script : result.model.scripts) {
        if (script.command.arguments.empty() || script.timeout.count() <= 0) {
            std::abort();
        }
    }
    for (const auto& group : result.model.groups) {
        if (group.members.empty()) {
            std::abort();
        }
    }
    for (const auto& service : result.model.services) {
        if (service.listen.port() == 0) {
            std::abort();
        }
    }
    return 0;
}
