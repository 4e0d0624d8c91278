// Replays every rfc9568/*.trace through the elector and compares what it did, to the microsecond.
// UPDATE_TRACES=1 rewrites the expected lines: review the difference like code.
//
// A trace is a comment (what goes in and what must come out, with the RFC section), settings
// (`name value`), then lines `t=SECONDS EVENT` (input) and `t=SECONDS   ACTION` (expected output,
// indented by two more spaces). Timers fire by themselves between the inputs. With
// `addresses instant` (default) the address operations succeed at once; with `addresses manual` the
// trace says when (`acquired ok`, `acquired failed`, `released`). `sleep`: the process does not run
// until the next input line. `show` prints the observable state.
#include "tests/support/elector_text.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::vrrp {
namespace {

using std::chrono::duration_cast;

Duration parse_seconds(const std::string& text) {
    return Duration{static_cast<std::int64_t>(std::stod(text) * 1e6 + 0.5)};
}

std::string format_seconds(Duration value) {
    std::ostringstream out;
    out << value.count() / 1'000'000 << '.' << std::setw(6) << std::setfill('0')
        << value.count() % 1'000'000;
    return out.str();
}

std::string format_time(TimePoint at) {
    return "t=" + format_seconds(duration_cast<Duration>(at.time_since_epoch()));
}

struct Input {
    TimePoint at{};
    std::string verb;
    std::map<std::string, std::string> options;
    std::string argument;
};

/// A trace file: everything but the expected output is kept as it is when it is rewritten.
struct Trace {
    std::vector<std::string> preamble;
    std::vector<std::string> input_lines;
    std::vector<Input> inputs;
    std::map<std::string, std::string> settings;
    std::vector<std::string> body;
};

Input parse_input(const std::string& line) {
    std::istringstream words(line);
    Input input;
    std::string word;
    words >> word >> input.verb;
    input.at = TimePoint{parse_seconds(word.substr(2))};
    while (words >> word) {
        const auto equals = word.find('=');
        if (equals == std::string::npos) {
            input.argument = word;
        } else {
            input.options[word.substr(0, equals)] = word.substr(equals + 1);
        }
    }
    return input;
}

bool is_output(const std::string& line) {
    return line.find("   ") != std::string::npos;
}

Trace read_trace(const std::filesystem::path& path) {
    std::ifstream file(path);
    Trace trace;
    for (std::string line; std::getline(file, line);) {
        if (line.rfind("t=", 0) == 0) {
            trace.body.push_back(line);
            if (!is_output(line)) {
                trace.input_lines.push_back(line);
                trace.inputs.push_back(parse_input(line));
            }
            continue;
        }
        trace.preamble.push_back(line);
        if (!line.empty() && line[0] != '#') {
            const auto space = line.find(' ');
            trace.settings[line.substr(0, space)] = line.substr(space + 1);
        }
    }
    return trace;
}

InstanceConfig make_config(const Trace& trace) {
    InstanceConfig config;
    config.name = "trace";
    config.virtual_router_id = 51;
    config.source_address = boost::asio::ip::make_address("198.51.100.11");
    for (const auto& [name, value] : trace.settings) {
        if (name == "version") {
            config.version = value == "2" ? Version::V2 : Version::V3;
        } else if (name == "priority") {
            config.priority = static_cast<std::uint8_t>(std::stoi(value));
        } else if (name == "interval") {
            config.advertisement_interval = parse_seconds(value);
        } else if (name == "preempt") {
            config.preempt = value == "yes";
        } else if (name == "start-as-active") {
            config.start_as_active = value == "yes";
        } else if (name == "adverts") {
            config.down_timer_adverts = static_cast<unsigned>(std::stoi(value));
        } else if (name == "preempt-delay") {
            config.preempt_delay = parse_seconds(value);
        } else if (name == "startup-delay") {
            config.startup_delay = parse_seconds(value);
        } else if (name == "lower-priority-no-advert") {
            config.lower_priority_no_advert = value == "yes";
        } else if (name == "higher-priority-send-advert") {
            config.higher_priority_send_advert = value == "yes";
        } else if (name == "owner-ignores-adverts") {
            config.owner_ignores_adverts = value == "yes";
        } else if (name == "sync-group") {
            config.in_sync_group = value == "yes";
        } else if (name == "source") {
            config.source_address = boost::asio::ip::make_address(value);
        } else if (name != "addresses") {
            throw std::runtime_error("unknown setting " + name);
        }
    }
    return config;
}

class Replay {
  public:
    explicit Replay(const Trace& trace)
        : trace_(trace),
          config_(make_config(trace)),
          elector_(config_),
          instant_(trace.settings.count("addresses") == 0 ||
                   trace.settings.at("addresses") == "instant") {}

    std::vector<std::string> run() {
        for (std::size_t i = 0; i < trace_.inputs.size(); ++i) {
            const Input& input = trace_.inputs[i];
            if (!asleep_) {
                run_timers_until(input.at);
            }
            asleep_ = false;
            now_ = input.at;
            lines_.push_back(trace_.input_lines[i]);
            apply(input);
            if (!asleep_) {
                run_timers_until(now_);
            }
        }
        return lines_;
    }

  private:
    void run_timers_until(TimePoint end) {
        for (auto next = elector_.next_deadline(); next && *next <= end;
             next = elector_.next_deadline()) {
            now_ = std::max(now_, *next);
            execute(elector_.on_deadline(now_));
        }
    }

    void apply(const Input& input) {
        const auto option = [&input](const std::string& name) -> std::optional<std::string> {
            const auto found = input.options.find(name);
            return found == input.options.end() ? std::nullopt : std::optional{found->second};
        };
        if (input.verb == "start") {
            execute(elector_.on_startup(now_));
        } else if (input.verb == "stop") {
            execute(elector_.on_shutdown(now_));
        } else if (input.verb == "rx") {
            ReceivedAdvertisement advert;
            advert.priority = static_cast<std::uint8_t>(std::stoi(input.options.at("prio")));
            advert.source = boost::asio::ip::make_address(option("src").value_or("198.51.100.12"));
            const auto interval = option("interval");
            advert.interval = interval ? parse_seconds(*interval) : config_.advertisement_interval;
            execute(elector_.on_advertisement(advert, now_));
        } else if (input.verb == "acquired") {
            execute(elector_.on_addresses_acquired(input.argument == "ok", now_));
        } else if (input.verb == "released") {
            execute(elector_.on_addresses_released(now_));
        } else if (input.verb == "fault") {
            execute(elector_.on_fault(input.argument == "on", now_));
        } else if (input.verb == "failover") {
            const auto until = option("until");
            execute(elector_.on_failover(
                until ? std::optional{TimePoint{parse_seconds(*until)}} : std::nullopt, now_));
        } else if (input.verb == "resume") {
            execute(elector_.on_resume(now_));
        } else if (input.verb == "take-back") {
            execute(elector_.on_take_back(now_));
        } else if (input.verb == "priority") {
            const auto priority = static_cast<std::uint8_t>(std::stoi(input.argument));
            execute(elector_.on_priority(priority, now_));
        } else if (input.verb == "group-claim") {
            execute(elector_.on_group_claim(now_));
        } else if (input.verb == "group-release") {
            execute(elector_.on_group_release(now_));
        } else if (input.verb == "show") {
            show();
        } else if (input.verb == "sleep") {
            asleep_ = true;
        } else if (input.verb != "end") {
            throw std::runtime_error("unknown event " + input.verb);
        }
    }

    void execute(const Actions& actions) {
        for (const Action& action : actions) {
            print(test::describe(action));
            if (instant_ && std::holds_alternative<AcquireAddresses>(action)) {
                execute(elector_.on_addresses_acquired(true, now_));
            } else if (instant_ && std::holds_alternative<ReleaseAddresses>(action)) {
                execute(elector_.on_addresses_released(now_));
            }
        }
    }

    void show() {
        const auto next = elector_.next_deadline();
        print(std::string(to_string(elector_.state())) + (elector_.holding() ? " holding" : "") +
              (elector_.releasing() ? " releasing" : "") +
              (elector_.wants_active() ? " wanting" : "") +
              " down=" + format_seconds(elector_.active_down_interval()) +
              " skew=" + format_seconds(elector_.skew_time()) +
              " next=" + (next ? format_time(*next).substr(2) : "none"));
    }

    void print(const std::string& text) { lines_.push_back(format_time(now_) + "   " + text); }

    const Trace& trace_;
    InstanceConfig config_;
    Elector elector_;
    bool instant_;
    bool asleep_ = false;
    TimePoint now_{};
    std::vector<std::string> lines_;
};

std::vector<std::filesystem::path> trace_files() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(TANDEM_TRACE_DIRECTORY)) {
        if (entry.path().extension() == ".trace") {
            files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

class Conformance : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Conformance, Replays) {
    const Trace trace = read_trace(GetParam());
    ASSERT_FALSE(trace.inputs.empty());
    const std::vector<std::string> lines = Replay(trace).run();
    if (const char* update = std::getenv("UPDATE_TRACES"); update && std::string(update) == "1") {
        std::ofstream file(GetParam());
        for (const auto* part : {&trace.preamble, &lines}) {
            for (const std::string& line : *part) {
                file << line << '\n';
            }
        }
        return;
    }
    EXPECT_EQ(trace.body, lines) << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Rfc9568, Conformance, testing::ValuesIn(trace_files()),
                         [](const auto& trace) {
                             std::string name = trace.param.stem().string();
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

TEST(ConformanceFiles, EveryRuleHasATrace) {
    std::string names;
    for (const auto& path : trace_files()) {
        names += path.stem().string() + " ";
    }
    // T01 to T03 are arithmetic: timing_test.cpp.
    for (const auto& [letter, first, last] : {std::tuple{"S", 1, 18}, {"T", 4, 9}, {"V", 7, 7}}) {
        for (int rule = first; rule <= last; ++rule) {
            const std::string id =
                letter + std::string(rule < 10 ? "0" : "") + std::to_string(rule);
            EXPECT_NE(names.find(id + "-"), std::string::npos) << id;
        }
    }
}

}  // namespace
}  // namespace tandem::vrrp
