// Upstreams for the tests of balancing: no sockets, the time is a number.
#pragma once

#include "proxy/relay/balancer.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tandem::relay::test {

// Short, for tables of cases.
inline constexpr auto kRr = Algorithm::RoundRobin;
inline constexpr auto kWrr = Algorithm::WeightedRoundRobin;
inline constexpr auto kLc = Algorithm::LeastConnections;
inline constexpr auto kWlc = Algorithm::WeightedLeastConnections;
inline constexpr auto kFo = Algorithm::Failover;
inline constexpr auto kOvf = Algorithm::Overflow;
inline constexpr auto kSed = Algorithm::ShortestExpectedDelay;
inline constexpr auto kNq = Algorithm::NeverQueue;
inline constexpr auto kHash = Algorithm::SourceHash;
inline constexpr auto kTwos = Algorithm::RandomOfTwo;

/// A time in the life of a process.
constexpr TimePoint at(double seconds) {
    return TimePoint{std::chrono::hours{1} +
                     std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1000)}};
}

/// Upstreams "a:1", "b:1", … with these weights.
inline ServiceConfig service_with(Algorithm algorithm, const std::vector<unsigned>& weights) {
    ServiceConfig service;
    service.algorithm = algorithm;
    for (const unsigned weight : weights) {
        UpstreamConfig upstream;
        upstream.name = std::string(1, static_cast<char>('a' + service.upstreams.size())) + ":1";
        upstream.weight = weight;
        service.upstreams.push_back(upstream);
    }
    return service;
}

/// A service with one worker. Letters are upstreams, '-' is nobody, '*' is full.
struct Balance {
    explicit Balance(ServiceConfig service)
        : config(std::move(service)),
          group(config),
          persistence(
              config.balance.persistence_timeout.count() != 0
                  ? std::make_unique<PersistenceTable>(config.balance.persistence_timeout, at(0))
                  : nullptr),
          balancer(config, group, persistence.get(), 1) {}

    char pick(const std::vector<std::uint16_t>& tried = {}) {
        const BalanceChoice choice = balancer.pick({.client = client, .now = now, .tried = tried});
        switch (choice.kind) {
            case BalanceChoice::Kind::Full:
                return '*';
            case BalanceChoice::Kind::Nobody:
                return '-';
            case BalanceChoice::Kind::Upstream:
                break;
        }
        return static_cast<char>('a' + choice.upstream);
    }
    /// Connections that stay.
    std::string picks(std::size_t count, const std::vector<std::uint16_t>& tried = {}) {
        std::string result;
        while (result.size() < count) {
            result += pick(tried);
        }
        return result;
    }
    /// Connections of which each ends before the next one comes.
    std::string short_picks(std::size_t count) {
        std::string result;
        while (result.size() < count) {
            result += pick();
            if (result.back() >= 'a') {
                leave(result.back());
            }
        }
        return result;
    }
    void leave(char upstream) { group.leave(static_cast<std::size_t>(upstream - 'a')); }

    ServiceConfig config;
    UpstreamGroup group;
    std::unique_ptr<PersistenceTable> persistence;
    Balancer balancer;
    TimePoint now = at(0);
    std::uint64_t client = 0;
};

}  // namespace tandem::relay::test
