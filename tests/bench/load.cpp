// The load generator of tests/bench: a server and clients in one program.
#include "tests/bench/client.hpp"
#include "tests/bench/server.hpp"
#include "tests/bench/socket.hpp"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using tandem::bench::ClientOptions;
using tandem::bench::Watched;
using tandem::bench::Workload;

constexpr const char* kUsage =
    "usage: tandem_bench_load serve ADDRESS PORT\n"
    "       tandem_bench_load connect|ping|upload|download|hold ADDRESS PORT [OPTION VALUE]...\n"
    "  --connections N   at the same time (1 to 100000; default 1)\n"
    "  --seconds S       length of the timed part, at most 600 (default 2); hold: bound for "
    "opening\n"
    "  --warmup S        before it (default 0.3)\n"
    "  --count N         so many operations (MiB of upload and download) instead of a time\n"
    "  --source ADDRESS  connect: from here, with the ports 20000 to 65000 in turn\n"
    "  --watch NAME=PID[,PID]...   report the processor time of these processes under NAME\n";

[[noreturn]] void usage_error(const std::string& what) {
    std::fprintf(stderr, "load: %s\n%s", what.c_str(), kUsage);
    std::exit(2);
}

std::uint64_t number(std::string_view text, std::uint64_t least, std::uint64_t most) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
        usage_error("not a number from " + std::to_string(least) + " to " + std::to_string(most) +
                    ": " + std::string(text));
    }
    return value;
}

std::chrono::nanoseconds seconds(const std::string& text) {
    constexpr double kMost = 600;
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (end != text.c_str() + text.size() || !(value >= 0 && value <= kMost)) {
        usage_error("not a time from 0 to 600 s: " + text);
    }
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(value));
}

Watched watched(std::string_view text) {
    constexpr std::uint64_t kMostPid = 1U << 22;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) {
        usage_error("--watch wants NAME=PID[,PID]...");
    }
    Watched result{std::string(text.substr(0, equals)), {}};
    for (std::string_view rest = text.substr(equals + 1); !rest.empty();) {
        const std::string_view word = rest.substr(0, rest.find(','));
        result.pids.push_back(static_cast<pid_t>(number(word, 1, kMostPid)));
        rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    }
    return result;
}

std::optional<Workload> workload(std::string_view name) {
    static const std::map<std::string_view, Workload> kWorkloads{{"connect", Workload::Connect},
                                                                 {"ping", Workload::Ping},
                                                                 {"upload", Workload::Upload},
                                                                 {"download", Workload::Download},
                                                                 {"hold", Workload::Hold}};
    const auto found = kWorkloads.find(name);
    return found == kWorkloads.end() ? std::nullopt : std::optional{found->second};
}

void set_option(ClientOptions& options, const std::string& name, const std::string& value) {
    if (name == "--connections") {
        options.connections = number(value, 1, 100'000);
    } else if (name == "--seconds") {
        options.duration = seconds(value);
    } else if (name == "--warmup") {
        options.warmup = seconds(value);
    } else if (name == "--count") {
        options.count = number(value, 1, 1'000'000'000);
    } else if (name == "--source") {
        options.source = tandem::bench::parse_endpoint(value, 0);
    } else if (name == "--watch") {
        options.watched.push_back(watched(value));
    } else {
        usage_error("unknown option " + name);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() < 3) {
        usage_error("too few arguments");
    }
    std::signal(SIGPIPE, SIG_IGN);
    const auto endpoint = tandem::bench::parse_endpoint(
        words[1], static_cast<std::uint16_t>(number(words[2], 1, 65'535)));
    if (words[0] == "serve" && words.size() == 3) {
        tandem::bench::serve(endpoint);
    }
    const auto chosen = workload(words[0]);
    if (!chosen || words.size() % 2 == 0) {
        usage_error("unknown workload, or an option without value");
    }
    ClientOptions options;
    options.workload = *chosen;
    options.target = endpoint;
    options.warmup = std::chrono::milliseconds{300};
    options.duration = std::chrono::seconds{2};
    for (std::size_t index = 3; index < words.size(); index += 2) {
        set_option(options, words[index], words[index + 1]);
    }
    return tandem::bench::run_client(options);
}
