// Listening and accepting: limits, shortages, addresses that do not exist yet.
#include "tests/unit/relay/support.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tandem::relay::test {
namespace {

TEST(Accept, AnotherListenerOnTheSameAddressIsAnError) {
    Upstream other;
    auto service = Relay::service_to({other.endpoint()});
    service.listen = other.endpoint();
    RecordingObserver observer;
    Engine engine{EngineConfig{.services = {service}, .workers = 2}, observer};
    const auto errors = engine.start();
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_NE(errors[0].find("service: cannot listen on 127.0.0.1:"), std::string::npos);
    EXPECT_NE(errors[0].find("Address already in use"), std::string::npos) << errors[0];
}

TEST(Accept, ListensBeforeTheAddressExists) {
    for (const char* address : {"198.51.100.100", "2001:db8::100"}) {
        auto service = Relay::service_to({});
        service.listen = loopback(0, address);
        Relay relay{service, 2};
        EXPECT_NE(relay.endpoint().port(), 0) << address;
        EXPECT_TRUE(relay.status().accepting);
    }
}

TEST(Accept, EveryWorkerGetsConnections) {
    Upstream upstream;
    Relay relay{Relay::service_to({upstream.endpoint()}), 2};
    std::vector<Stream> clients;
    for (int count = 0; count < 100; ++count) {
        clients.push_back(relay.connect());
        ASSERT_TRUE(upstream.accept().is_open());
    }
    EXPECT_EQ(relay.counters().accepted, 100U);
}

class AcceptLimit : public testing::TestWithParam<bool> {};

TEST_P(AcceptLimit, T5_IsExactOverAllWorkersAndCountersReturnToZero) {
    const bool process_wide = GetParam();
    constexpr std::uint64_t kLimit = 4;
    Upstream upstream;
    auto service = Relay::service_to({upstream.endpoint()});
    service.max_connections = process_wide ? 0 : kLimit;
    Relay relay{service, 3, process_wide ? static_cast<unsigned>(kLimit) : 0};
    std::atomic<bool> stop{false};
    // Held by clients at one moment. (A sum over the workers' counters is no snapshot.)
    std::atomic<std::uint64_t> inside{0};
    std::atomic<bool> exceeded{false};
    std::thread server{[&] {
        while (!stop) {
            Stream stream = upstream.accept(std::chrono::milliseconds{20});
            if (stream.is_open()) {
                static_cast<void>(stream.send("x"));
            }
        }
    }};
    std::vector<std::thread> clients;
    std::atomic<int> served{0};
    for (int number = 0; number < 16; ++number) {
        clients.emplace_back([&] {
            for (int round = 0; round < 20; ++round) {
                Stream client = relay.connect();
                served += client.receive(1) == "x" ? 1 : 0;
                if (++inside > kLimit) {
                    exceeded = true;
                }
                std::this_thread::yield();
                --inside;
                client.finish();
                client.receive_all();
            }
        });
    }
    for (std::thread& client : clients) {
        client.join();
    }
    stop = true;
    server.join();
    EXPECT_EQ(served, 16 * 20) << "a paused listener was not woken";
    EXPECT_FALSE(exceeded);
    EXPECT_TRUE(eventually([&] { return relay.counters().active == 0; }));
}

INSTANTIATE_TEST_SUITE_P(Limits, AcceptLimit, testing::Bool(), [](const auto& test) {
    return test.param ? "ProcessWide" : "PerService";
});

TEST(Accept, LimitHoldsTheNextBackUntilAPlaceIsFree) {
    Upstream upstream;
    auto service = Relay::service_to({upstream.endpoint()});
    service.max_connections = 1;
    Relay relay{service};
    Stream first = relay.connect();
    Stream first_server = upstream.accept();
    Stream second = relay.connect();
    EXPECT_FALSE(upstream.accept(std::chrono::milliseconds{50}).is_open());
    EXPECT_EQ(relay.counters().accepted, 1U);
    EXPECT_EQ(relay.notices(),
              std::vector<std::string>{"paused service: connection limit of the service (1)"});
    first.reset();
    EXPECT_TRUE(upstream.accept().is_open());
    EXPECT_EQ(relay.counters().accepted, 2U);
}

std::chrono::microseconds cpu_time() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return std::chrono::seconds{usage.ru_utime.tv_sec + usage.ru_stime.tv_sec} +
           std::chrono::microseconds{usage.ru_utime.tv_usec + usage.ru_stime.tv_usec};
}

struct FullCase {
    bool process_wide;
    unsigned workers;
    unsigned queued;
};

class AtTheLimit : public testing::TestWithParam<FullCase> {};

TEST_P(AtTheLimit, T30_NothingSpins) {
    const FullCase full = GetParam();
    constexpr unsigned kLimit = 4;
    Upstream upstream;
    auto service = Relay::service_to({upstream.endpoint()});
    service.max_connections = full.process_wide ? 0 : kLimit;
    Relay relay{service, full.workers, full.process_wide ? kLimit : 1000};
    std::vector<Stream> clients;
    for (unsigned count = 0; count < kLimit + full.queued; ++count) {
        clients.push_back(relay.connect());
        ASSERT_TRUE(clients.back().is_open());
    }
    ASSERT_TRUE(eventually([&] { return relay.status().upstreams[0].connected == kLimit; }));
    const auto before = cpu_time();
    std::this_thread::sleep_for(std::chrono::milliseconds{300});
    EXPECT_LT(cpu_time() - before, std::chrono::milliseconds{30});
    // And nobody was forgotten. (All of them: with several workers those that were accepted need
    // not be the first.)
    for (Stream& client : clients) {
        client.reset();
    }
    EXPECT_TRUE(eventually([&] { return relay.counters().accepted == kLimit + full.queued; }));
}

INSTANTIATE_TEST_SUITE_P(Limits, AtTheLimit,
                         testing::Values(FullCase{false, 1, 0}, FullCase{false, 1, 3},
                                         FullCase{false, 2, 0}, FullCase{false, 2, 4},
                                         FullCase{true, 1, 0}, FullCase{true, 1, 3},
                                         FullCase{true, 2, 0}, FullCase{true, 2, 4}),
                         [](const auto& test) {
                             return std::string{test.param.process_wide ? "Process" : "Service"} +
                                    "Limit" + std::to_string(test.param.workers) + "Workers" +
                                    std::to_string(test.param.queued) + "Queued";
                         });

void run_out_of_descriptors() {
    Upstream upstream;
    Relay relay{Relay::service_to({upstream.endpoint()}), 1, 1000};
    const rlimit limit{.rlim_cur = 64, .rlim_max = 64};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    std::vector<Descriptor> fillers;
    do {
        fillers.emplace_back(::dup(upstream.native()));
    } while (fillers.back().is_open());
    // The test's own client takes one of these, the engine none: they are its reserve.
    fillers.resize(fillers.size() - 24);
    Stream client = relay.connect();
    ASSERT_TRUE(client.send("hello"));
    std::vector<std::string> notices;
    ASSERT_TRUE(eventually([&] {
        notices = relay.notices();
        return !notices.empty();
    }));
    EXPECT_EQ(notices, std::vector<std::string>{"paused service: Too many open files"});
    // An episode must not spin, and is told once.
    timespec before{};
    timespec after{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    std::this_thread::sleep_for(std::chrono::milliseconds{350});
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    EXPECT_LT((after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000,
              15);
    EXPECT_TRUE(relay.notices().empty());
    // With one below the reserve the upstream's is missing: a local error, the client is reset.
    ASSERT_LT(fillers.front().get(), 64 - 40);
    fillers.erase(fillers.begin());
    EXPECT_EQ(client.receive_all(), "");
    EXPECT_EQ(client.ending(), Ending::Reset);
    EXPECT_TRUE(eventually([&] { return relay.counters().local_errors == 1; }));
    EXPECT_EQ(relay.status().upstreams[0].connect_failures, 0U) << "I6";
    EXPECT_TRUE(eventually([&] {
        notices = relay.notices();
        return !notices.empty();
    }));
    EXPECT_EQ(notices, std::vector<std::string>{"resumed service"});
    client.close();
    fillers.clear();
    client = relay.connect();
    ASSERT_TRUE(client.send("hello"));
    EXPECT_EQ(upstream.accept().receive(5), "hello");
}

TEST(Accept, T3_RunningOutOfDescriptorsPausesAndResumes) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "UndefinedBehaviorSanitizer needs a pipe to look at an object's type";
#endif
    in_child(run_out_of_descriptors);
}

void leave_a_reserve() {
    constexpr std::size_t kClients = 24;
    const rlimit limit{.rlim_cur = 100, .rlim_max = 100};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    Upstream upstream;
    Relay relay{Relay::service_to({upstream.endpoint()}), 1, 1000};
    std::vector<Stream> clients;
    for (std::size_t count = 0; count < kClients; ++count) {
        clients.push_back(relay.connect());
        ASSERT_TRUE(clients.back().is_open());
    }
    std::vector<std::string> notices;
    ASSERT_TRUE(eventually([&] {
        notices = relay.notices();
        return !notices.empty();
    }));
    EXPECT_EQ(notices, std::vector<std::string>{"paused service: Too many open files"});
    EXPECT_LT(relay.counters().accepted, kClients);
    // The rest of the process is not short of descriptors: the clients of this test are part of it.
    std::vector<Descriptor> others;
    for (int count = 0; count < 12; ++count) {
        others.emplace_back(::dup(upstream.native()));
        ASSERT_TRUE(others.back().is_open()) << "I8, after " << count;
    }
    others.clear();
    // Whoever waits is served when a place is free, and nobody was turned away.
    for (std::size_t count = 0; count < kClients / 2; ++count) {
        clients[count].finish();
        clients[count].reset();
    }
    EXPECT_TRUE(eventually([&] { return relay.counters().accepted == kClients; }));
    EXPECT_EQ(relay.counters().local_errors, 0U);
    EXPECT_EQ(relay.status().upstreams[0].connect_failures, 0U) << "I6";
}

TEST(Accept, I8_ConnectionsLeaveDescriptorsToTheRestOfTheProcess) {
    in_child(leave_a_reserve);
}

TEST(Accept, T35_DefaultLimitComesFromTheDescriptorLimit) {
    in_child([] {
        const rlimit limit{.rlim_cur = 200, .rlim_max = 200};
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
        Upstream upstream;
        // (200 - 96 - (5 + 1)) / 2 = 49 connections.
        Relay relay{Relay::service_to({upstream.endpoint()}), 1, 0};
        std::vector<Stream> clients;
        for (int count = 0; count < 30; ++count) {
            clients.push_back(relay.connect());
            ASSERT_TRUE(clients.back().is_open());
        }
        EXPECT_TRUE(eventually([&] { return relay.counters().active == 30; }));
    });
}

TEST(Accept, APauseNamesTheProcessLimitAndItsOrigin) {
    Upstream upstream;
    Relay configured{Relay::service_to({upstream.endpoint()}), 1, 1};
    const std::vector<Stream> streams = [&] {
        std::vector<Stream> result;
        result.push_back(configured.connect());
        result.push_back(configured.connect());
        return result;
    }();
    std::vector<std::string> notices;
    EXPECT_TRUE(eventually([&] {
        notices = configured.notices();
        return !notices.empty();
    }));
    EXPECT_EQ(notices,
              std::vector<std::string>{"paused service: process limit 1 connections (configured)"});
}

TEST(Accept, APauseNamesTheDescriptorLimit) {
    in_child([] {
        const rlimit limit{.rlim_cur = 106, .rlim_max = 106};
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
        Upstream child_upstream;
        // (106 - 96 - (5 + 1)) / 2 = 2 connections.
        Relay relay{Relay::service_to({child_upstream.endpoint()}), 1, 0};
        const Stream first = relay.connect();
        const Stream second = relay.connect();
        const Stream third = relay.connect();
        std::vector<std::string> child_notices;
        EXPECT_TRUE(eventually([&] {
            child_notices = relay.notices();
            return !child_notices.empty();
        }));
        EXPECT_EQ(child_notices,
                  std::vector<std::string>{
                      "paused service: process limit 2 connections (from RLIMIT_NOFILE 106)"});
    });
}

}  // namespace
}  // namespace tandem::relay::test
