// What other processes choose: the text of a tracked file, and the name and command line of a
// process. First byte: how a process is compared; the rest is both file and command line.
#include "proxy/daemon/file_value.hpp"
#include "proxy/daemon/process_state.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace {

using namespace tandem;
using Settings = config::TrackedProcessSettings;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

void check_processes(std::uint8_t how, std::string_view bytes) {
    const auto words = daemon::parse_command_line(bytes);
    std::size_t size = 0;
    for (const auto& word : words) {
        size += word.size() + 1;
    }
    // Every byte is in a word or ends one; the last end may be missing.
    require(size == bytes.size() || size == bytes.size() + 1);

    Settings settings;
    settings.match = static_cast<Settings::Match>(how % 4);
    settings.full_command = (how & 4U) != 0;
    settings.command = {"nginx", "-g", "daemon"};
    settings.command.resize(how >> 4U > 3 ? 3 : how >> 4U);
    const std::string_view name = bytes.substr(0, bytes.find('\n'));
    daemon::matches(settings, name, words);
    daemon::needs_command_line(settings, name);

    // Whatever it is called: it is itself.
    settings.command = words;
    settings.full_command = true;
    require(words.empty() || daemon::matches(settings, name, words));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
    daemon::parse_file_value(bytes);
    check_processes(data[0], bytes);
    return 0;
}
