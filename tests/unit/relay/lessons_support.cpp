#include "tests/unit/relay/lessons_support.hpp"

#include <algorithm>
#include <ctime>
#include <thread>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace tandem::relay::test {

std::string carrier_name(const testing::TestParamInfo<Carrier>& info) {
    return info.param == Carrier::Pipes ? "Pipes" : "Buffers";
}

bool send_range(Stream& stream, std::uint64_t seed, std::size_t begin, std::size_t end,
                std::size_t piece) {
    const PositionedBytes bytes{seed};
    while (begin < end) {
        const std::string_view part = bytes.at(begin, std::min(piece, end - begin));
        if (!stream.send(part)) {
            return false;
        }
        begin += part.size();
    }
    return true;
}

std::size_t receive_range(Stream& stream, std::uint64_t seed, std::size_t begin, std::size_t end) {
    constexpr std::size_t kMost = 200'000;
    const PositionedBytes bytes{seed};
    while (begin < end) {
        const std::size_t asked = std::min(kMost, end - begin);
        const std::string part = stream.receive(asked);
        if (!bytes.matches(begin, part)) {
            ADD_FAILURE() << "stream " << seed << " differs after byte " << begin;
            return begin;
        }
        begin += part.size();
        if (part.size() < asked) {
            break;
        }
    }
    return begin;
}

bool has_left(const Stream& stream) {
    int count = 0;
    EXPECT_EQ(::ioctl(stream.native(), SIOCOUTQ, &count), 0);
    return count == 0;
}

std::size_t send_until_full(Stream& stream, std::uint64_t seed) {
    const PositionedBytes bytes{seed};
    std::size_t sent = 0;
    auto last = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - last < std::chrono::milliseconds{60}) {
        const std::string_view part = bytes.at(sent, 100'000);
        const ssize_t count =
            ::send(stream.native(), part.data(), part.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count > 0) {
            sent += static_cast<std::size_t>(count);
            last = std::chrono::steady_clock::now();
        } else {
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        }
    }
    return sent;
}

namespace {

std::chrono::nanoseconds processor_time() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

}  // namespace

testing::AssertionResult is_quiet() {
    constexpr std::chrono::milliseconds kSpan{50};
    std::chrono::nanoseconds used{};
    for (int attempt = 0; attempt < 5; ++attempt) {
        const auto before = processor_time();
        std::this_thread::sleep_for(kSpan);
        used = processor_time() - before;
        // A thread that spins uses all of the span, or half of it beside others.
        if (used < kSpan / 10) {
            return testing::AssertionSuccess();
        }
    }
    return testing::AssertionFailure()
           << used.count() / 1000 << " us of processor time in 50 ms of quiet";
}

namespace {

ServiceConfig changed(ServiceConfig service, const std::function<void(ServiceConfig&)>& change) {
    if (change) {
        change(service);
    }
    return service;
}

}  // namespace

Lesson::Lesson(const std::function<void(ServiceConfig&)>& change)
    : relay(changed(Relay::service_to({upstream.endpoint()}), change)) {}

Pair Lesson::connect(Carrier carrier) {
    Pair pair;
    pair.client = relay.connect();
    pair.server = upstream.accept();
    EXPECT_TRUE(pair.client.is_open());
    EXPECT_TRUE(pair.server.is_open());
    if (carrier == Carrier::Pipes) {
        use_pipes(pair.client, pair.server);
        use_pipes(pair.server, pair.client);
    }
    return pair;
}

void Lesson::use_pipes(Stream& source, Stream& sink) {
    constexpr std::size_t kStep = 1'000'000;
    constexpr int kMostSteps = 100;
    const std::uint64_t before = relay.counters().bytes_spliced;
    for (int step = 0; step < kMostSteps; ++step) {
        std::thread sender{[&] { send_range(source, 0, 0, kStep); }};
        ASSERT_EQ(receive_range(sink, 0, 0, kStep), kStep);
        sender.join();
        if (relay.counters().bytes_spliced > before) {
            return;
        }
    }
    FAIL() << "no byte went through a pipe";
}

std::uint64_t Lesson::ended() const {
    const ServiceCounters counters = relay.counters();
    return counters.finished + counters.reset_by_client + counters.reset_by_upstream +
           counters.timed_out;
}

}  // namespace tandem::relay::test
