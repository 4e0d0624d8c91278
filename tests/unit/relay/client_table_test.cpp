// Bounds of one client: who counts as one, exactness over threads, bounded memory.
#include "proxy/relay/client_table.hpp"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay::test {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::address;
using boost::asio::ip::make_address;
using Verdict = ClientTable::Verdict;

constexpr TimePoint kStart{1000s};

LimitsConfig limits(unsigned connections, unsigned rate = 0) {
    LimitsConfig config;
    config.max_connections_per_client = connections;
    config.max_client_connection_rate = rate;
    return config;
}

TEST(ClientTable, CountsEachClientByItself) {
    ClientTable table{limits(2)};
    const address one = make_address("198.51.100.1");
    const address other = make_address("198.51.100.2");
    const auto first = table.enter(one, kStart);
    EXPECT_EQ(first.verdict, Verdict::Granted);
    EXPECT_EQ(table.enter(one, kStart).verdict, Verdict::Granted);
    EXPECT_EQ(table.enter(one, kStart).verdict, Verdict::TooManyConnections);
    EXPECT_EQ(table.enter(other, kStart).verdict, Verdict::Granted);
    table.leave(*first.client, kStart);
    EXPECT_EQ(table.enter(one, kStart).verdict, Verdict::Granted);
    EXPECT_EQ(table.enter(one, kStart).verdict, Verdict::TooManyConnections);
}

struct Same {
    std::string one;
    std::string other;
    unsigned prefix_v4;
    unsigned prefix_v6;
    bool same;
};

class ClientPrefix : public testing::TestWithParam<Same> {};

TEST_P(ClientPrefix, SaysWhoIsOneClient) {
    const Same& test = GetParam();
    LimitsConfig config = limits(1);
    config.client_prefix_v4 = test.prefix_v4;
    config.client_prefix_v6 = test.prefix_v6;
    ClientTable table{config};
    ASSERT_EQ(table.enter(make_address(test.one), kStart).verdict, Verdict::Granted);
    EXPECT_EQ(table.enter(make_address(test.other), kStart).verdict == Verdict::TooManyConnections,
              test.same)
        << test.one << ' ' << test.other;
}

INSTANTIATE_TEST_SUITE_P(Prefixes, ClientPrefix,
                         testing::Values(Same{"198.51.100.1", "198.51.100.2", 32, 64, false},
                                         Same{"198.51.100.1", "198.51.100.254", 24, 64, true},
                                         Same{"198.51.100.1", "198.51.101.1", 24, 64, false},
                                         Same{"198.51.100.1", "203.0.113.1", 0, 64, true},
                                         Same{"198.51.100.1", "::ffff:198.51.100.1", 32, 64, true},
                                         Same{"198.51.100.1", "::c633:6401", 32, 128, false},
                                         Same{"198.51.100.1", "::", 0, 0, false},
                                         Same{"2001:db8::1", "2001:db8::ffff:1", 32, 64, true},
                                         Same{"2001:db8::1", "2001:db8:0:1::1", 32, 64, false},
                                         Same{"2001:db8::1", "2001:db8::2", 32, 128, false},
                                         Same{"2001:db8::1", "2001:db8::2", 32, 127, false},
                                         Same{"2001:db8::2", "2001:db8::3", 32, 127, true},
                                         Same{"2001:db8::1", "2001:db8:ffff::1", 32, 32, true}));

TEST(ClientTable, RateRefusesAndRecovers) {
    ClientTable table{limits(0, 2)};
    const address client = make_address("198.51.100.1");
    for (int round = 0; round < 3; ++round) {
        const TimePoint now = kStart + round * 1s;
        EXPECT_EQ(table.enter(client, now).verdict, Verdict::Granted);
        EXPECT_EQ(table.enter(client, now).verdict, Verdict::Granted);
        EXPECT_EQ(table.enter(client, now).verdict, Verdict::TooFast);
        EXPECT_EQ(table.enter(client, now + 499ms).verdict, Verdict::TooFast);
    }
}

TEST(ClientTable, RateIsRememberedWithoutConnections) {
    ClientTable table{limits(0, 1)};
    const address client = make_address("198.51.100.1");
    const auto first = table.enter(client, kStart);
    table.leave(*first.client, kStart);
    EXPECT_EQ(table.enter(client, kStart + 999ms).verdict, Verdict::TooFast);
    EXPECT_EQ(table.enter(client, kStart + 1s).verdict, Verdict::Granted);
}

TEST(ClientTable, ForgetsWhoIsGone) {
    for (const unsigned rate : {0U, 5U}) {
        ClientTable table{limits(1, rate)};
        std::vector<ClientTable::Client*> clients;
        for (std::uint32_t number = 0; number < 10'000; ++number) {
            clients.push_back(table.enter(boost::asio::ip::address_v4{number}, kStart).client);
            ASSERT_NE(clients.back(), nullptr);
        }
        for (ClientTable::Client* client : clients) {
            table.leave(*client, kStart);
        }
        for (std::uint32_t number = 0; number < 10'000; ++number) {
            const auto entry =
                table.enter(boost::asio::ip::address_v4{20'000 + number}, kStart + 2s);
            table.leave(*entry.client, kStart + 2s);
        }
        // With a rate those that came last are known still, for a second.
        EXPECT_LE(table.size(), rate == 0 ? 0U : 10'000U);
    }
}

TEST(ClientTable, IsBoundedAndPrefersWhoIsConnected) {
    constexpr std::size_t kMost = ClientTable::kParts * 4;
    ClientTable table{limits(1, 5), kMost};
    std::vector<ClientTable::Client*> connected;
    std::uint32_t number = 0;
    unsigned refused = 0;
    while (refused < 200) {
        const auto entry = table.enter(boost::asio::ip::address_v4{++number}, kStart);
        if (entry.verdict == Verdict::Granted) {
            connected.push_back(entry.client);
        } else {
            EXPECT_EQ(entry.verdict, Verdict::TableFull);
            ++refused;
        }
        ASSERT_LE(table.size(), kMost);
    }
    EXPECT_EQ(table.size(), connected.size());
    for (ClientTable::Client* client : connected) {
        table.leave(*client, kStart);
    }
    // Now everybody finds a place at once.
    for (int count = 0; count < 1000; ++count) {
        const auto entry = table.enter(boost::asio::ip::address_v4{++number}, kStart);
        ASSERT_EQ(entry.verdict, Verdict::Granted);
        table.leave(*entry.client, kStart);
        ASSERT_LE(table.size(), kMost);
    }
}

TEST(ClientTable, T5_IsExactOverManyThreads) {
    constexpr unsigned kLimit = 3;
    ClientTable table{limits(kLimit)};
    std::vector<std::atomic<unsigned>> inside(5);
    std::atomic<bool> exceeded{false};
    std::atomic<unsigned> granted{0};
    std::vector<std::thread> threads;
    for (unsigned thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            for (unsigned round = 0; round < 20'000; ++round) {
                const unsigned number = (round + thread) % 5;
                const auto entry = table.enter(boost::asio::ip::address_v4{number}, kStart);
                if (entry.client == nullptr) {
                    continue;
                }
                ++granted;
                if (++inside[number] > kLimit) {
                    exceeded = true;
                }
                if (round % 64 == 0) {
                    std::this_thread::yield();
                }
                --inside[number];
                table.leave(*entry.client, kStart);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_FALSE(exceeded);
    EXPECT_GT(granted, 20'000U);
    EXPECT_EQ(table.size(), 0U);
}

}  // namespace
}  // namespace tandem::relay::test
