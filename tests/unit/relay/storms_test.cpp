// Lessons about many connections at once: what they leave behind, stops and orders in the middle of
// them, and errors that come from the network.
#include "tests/unit/relay/support.hpp"

#include <atomic>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <sched.h>
#include <unistd.h>

namespace tandem::relay::test {
namespace {

using boost::asio::ip::make_address;

/// States of the TCP sockets of this network namespace, as in /proc/net/tcp, without listeners and
/// without what is only remembered (TIME_WAIT).
std::multiset<std::string> socket_states() {
    constexpr const char* kListen = "0A";
    constexpr const char* kTimeWait = "06";
    std::ifstream file{"/proc/thread-self/net/tcp"};
    std::multiset<std::string> states;
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
        std::istringstream words{line};
        std::string number;
        std::string local;
        std::string remote;
        std::string state;
        words >> number >> local >> remote >> state;
        if (state != kListen && state != kTimeWait) {
            states.insert(state);
        }
    }
    return states;
}

/// One of the ways in which a connection can end, either side first.
void end_somehow(Stream& one, Stream& other, unsigned way) {
    switch (way % 5) {
        case 0:
            one.finish();
            other.receive_all();
            other.finish();
            one.receive_all();
            break;
        case 1:
            one.reset();
            break;
        case 2:
            one.finish();
            other.reset();
            break;
        case 3:
            one.send("unread");
            other.close();
            break;
        default:
            one.finish();
            other.finish();
            break;
    }
    one.close();
    other.close();
}

void nothing_is_left_behind() {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    run("ip link set lo up");
    Upstream upstream;
    Relay relay{Relay::service_to({upstream.endpoint()}), 2};
    std::minstd_rand random{7};
    for (int count = 0; count < 400; ++count) {
        Stream client = relay.connect();
        Stream server = upstream.accept();
        ASSERT_TRUE(server.is_open()) << count;
        const auto way = static_cast<unsigned>(random());
        if (way % 2 == 0) {
            end_somehow(client, server, way / 2);
        } else {
            end_somehow(server, client, way / 2);
        }
    }
    EXPECT_TRUE(eventually([&] { return relay.counters().active == 0; }));
    EXPECT_TRUE(eventually([] { return socket_states().empty(); }))
        << *socket_states().begin() << " and " << socket_states().size() - 1 << " more";
}

TEST(Storms, T22_NoSocketIsLeftInAnyStateAfterRandomEnds) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root for a network namespace";
    }
    in_child([] { nothing_is_left_behind(); });
}

/// Clients that connect, and connect again, whatever becomes of them.
class Storm {
  public:
    explicit Storm(const Endpoint& endpoint) {
        for (int count = 0; count < 3; ++count) {
            threads_.emplace_back([this, endpoint] {
                while (!stopped_) {
                    Stream client = connect_to(endpoint);
                    client.send("x");
                    ++connections_;
                }
            });
        }
    }
    ~Storm() {
        stopped_ = true;
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }
    bool wait_for(int connections) {
        const int before = connections_;
        return eventually([&] { return connections_ >= before + connections; });
    }

  private:
    std::atomic<bool> stopped_{false};
    std::atomic<int> connections_{0};
    std::vector<std::thread> threads_;
};

TEST(Storms, T27_StopsInTheMiddleOfAcceptsAreClean) {
    Upstream upstream;
    for (int round = 0; round < 10; ++round) {
        Relay relay{Relay::service_to({upstream.endpoint()}), 2};
        Storm storm{relay.endpoint()};
        ASSERT_TRUE(storm.wait_for(10));
        relay.engine().stop();
        EXPECT_EQ(relay.counters().active, 0U);
    }
}

TEST(Storms, T31_OrdersAboutUpstreamsInTheMiddleOfConnections) {
    Upstream one;
    Upstream two;
    auto service = Relay::service_to({one.endpoint(), two.endpoint()});
    service.upstreams[0].balance.upper_threshold = 2;
    service.upstreams[0].balance.reset_on_down = true;
    service.upstreams[1].balance.upper_threshold = 2;
    service.balance.queue_timeout = std::chrono::milliseconds{20};
    Relay relay{service, 2};
    {
        Storm storm{relay.endpoint()};
        std::minstd_rand random{11};
        for (int order = 0; order < 200; ++order) {
            const std::string name = random() % 2 == 0 ? "upstream0" : "upstream1";
            switch (random() % 4) {
                case 0:
                    relay.engine().set_upstream_up("service", name, random() % 2 == 0);
                    break;
                case 1:
                    relay.engine().set_upstream_admin("service", name, AdminState::Down);
                    break;
                case 2:
                    relay.engine().set_upstream_admin("service", name, AdminState::Ready);
                    break;
                default:
                    relay.engine().set_upstream_weight("service", name, random() % 3);
                    break;
            }
            if (order % 20 == 0) {
                ASSERT_TRUE(storm.wait_for(1));
            }
        }
    }
    // What was accepted by nobody ends with its client; nothing waits for ever.
    EXPECT_TRUE(eventually([&] {
        one.accept(std::chrono::milliseconds{1});
        two.accept(std::chrono::milliseconds{1});
        const ServiceCounters counters = relay.counters();
        return counters.active == 0 && counters.queued == 0;
    }));
}

void late_icmp_is_a_failure_of_that_upstream() {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    run("ip link set lo up");
    run("nft 'table ip t { chain i { type filter hook input priority 0; "
        "tcp dport 9 reject with icmp type host-unreachable; }; }'");
    Upstream good;
    Relay relay{Relay::service_to({Endpoint{make_address("127.0.0.1"), 9}, good.endpoint()})};
    for (int round = 0; round < 3; ++round) {
        Stream client = relay.connect();
        ASSERT_TRUE(client.send("hello"));
        EXPECT_EQ(good.accept().receive(5), "hello");
    }
    const ServiceStatus status = relay.status();
    EXPECT_GE(status.upstreams[0].connect_failures, 1U);
    EXPECT_EQ(status.upstreams[0].last_error, "No route to host");
    EXPECT_EQ(status.counters.local_errors, 0U);
}

TEST(Storms, T9_ARefusalThatTheNetworkTellsIsAVerdictAtOnce) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root for a network namespace";
    }
    in_child([] { late_icmp_is_a_failure_of_that_upstream(); });
}

}  // namespace
}  // namespace tandem::relay::test
