#include "tests/bench/measured_interval.hpp"

#include "tests/bench/socket.hpp"

#include <cerrno>
#include <ctime>

namespace tandem::bench {

ProcessorClocks::ProcessorClocks(const std::vector<Watched>& watched) {
    for (const Watched& each : watched) {
        std::vector<clockid_t> ids;
        for (const pid_t pid : each.pids) {
            errno = clock_getcpuclockid(pid, &ids.emplace_back());
            if (errno != 0) {
                fail("no process " + std::to_string(pid));
            }
        }
        clocks_.emplace_back(each.name, std::move(ids));
    }
    clocks_.emplace_back("load", std::vector<clockid_t>{CLOCK_PROCESS_CPUTIME_ID});
}

std::vector<std::pair<std::string, double>> ProcessorClocks::read() const {
    std::vector<std::pair<std::string, double>> result;
    for (const auto& [name, ids] : clocks_) {
        double seconds = 0;
        for (const clockid_t id : ids) {
            timespec time{};
            if (clock_gettime(id, &time) == -1) {
                fail("processor time of " + name);
            }
            seconds += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
        }
        result.emplace_back(name, seconds);
    }
    return result;
}

void MeasuredInterval::begin(Clock::time_point now) {
    at_begin_ = clocks_.read();
    begin_ = now;
    running_ = true;
}

void MeasuredInterval::end(Clock::time_point now) {
    at_end_ = clocks_.read();
    end_ = now;
    running_ = false;
}

std::vector<std::pair<std::string, double>> MeasuredInterval::processor_time() const {
    std::vector<std::pair<std::string, double>> result = at_end_;
    for (std::size_t index = 0; index < result.size() && index < at_begin_.size(); ++index) {
        result[index].second -= at_begin_[index].second;
    }
    return result;
}

}  // namespace tandem::bench
