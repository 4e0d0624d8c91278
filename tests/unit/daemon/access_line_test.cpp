#include "proxy/daemon/access_line.hpp"

#include <algorithm>
#include <limits>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::make_address;
using Format = relay::AccessLogConfig::Format;

constexpr std::chrono::system_clock::time_point kStart{1'764'000'000'007ms};

std::vector<relay::ServiceConfig> services(Format format, const std::string& name = {}) {
    relay::ServiceConfig service;
    service.name = name.empty() ? "198.51.100.100:443" : name;
    service.access_log.format = format;
    service.upstreams.resize(2);
    service.upstreams[0].name = "198.51.100.21:8443";
    service.upstreams[1].name = name.empty() ? "[2001:db8::21]:8443" : name;
    return {service};
}

relay::AccessRecord sample() {
    relay::AccessRecord record;
    record.id = {1, std::uint64_t{9} << 32U | 17};
    record.upstream = 1;
    record.retries = 1;
    record.phase = relay::FlowPhase::Deliver;
    record.ended_by = relay::EndedBy::Client;
    record.cause = relay::EndCause::Closed;
    record.started = relay::TimePoint{10s};
    record.ended = record.started + 1'234'567us;
    record.connect_time = 412us;
    record.first_byte_time = 3'005us;
    record.bytes_to_upstream = 517;
    record.bytes_to_client = 20'480;
    record.client = {make_address("203.0.113.7"), 40'112};
    record.virtual_address = {make_address("198.51.100.100"), 443};
    record.source = {make_address("2001:db8::100"), 10'240};
    return record;
}

std::string line_of(const relay::AccessRecord& record, Format format,
                    const std::string& name = {}) {
    std::string line;
    std::map<std::uint16_t, relay::ServiceConfig> numbered;
    for (relay::ServiceConfig& service : services(format, name)) {
        numbered.emplace(static_cast<std::uint16_t>(numbered.size()), std::move(service));
    }
    AccessLine(numbered).append(line, record, kStart);
    return line;
}

TEST(AccessLine, Text) {
    EXPECT_EQ(line_of(sample(), Format::Text),
              "2025-11-24T16:00:00.007Z id=1-17-9 service=198.51.100.100:443 "
              "client=203.0.113.7:40112 vip=198.51.100.100:443 source=[2001:db8::100]:10240 "
              "upstream=[2001:db8::21]:8443 duration_ms=1234.567 connect_ms=0.412 "
              "first_byte_ms=3.005 bytes_to_upstream=517 bytes_to_client=20480 retries=1 "
              "ended_by=client cause=closed phase=deliver\n");
}

TEST(AccessLine, Json) {
    EXPECT_EQ(line_of(sample(), Format::Json),
              R"({"time":"2025-11-24T16:00:00.007Z","id":"1-17-9","service":"198.51.100.100:443",)"
              R"("client":"203.0.113.7:40112","vip":"198.51.100.100:443",)"
              R"("source":"[2001:db8::100]:10240","upstream":"[2001:db8::21]:8443",)"
              R"("duration_ms":1234.567,"connect_ms":0.412,"first_byte_ms":3.005,)"
              R"("bytes_to_upstream":517,"bytes_to_client":20480,"retries":1,"ended_by":"client",)"
              R"("cause":"closed","phase":"deliver"})"
              "\n");
}

TEST(AccessLine, WhatThereWasNotIsADashOrNull) {
    relay::AccessRecord record;
    record.cause = relay::EndCause::Denied;
    EXPECT_EQ(line_of(record, Format::Text),
              "2025-11-24T16:00:00.007Z id=- service=198.51.100.100:443 client=- vip=- source=- "
              "upstream=- duration_ms=0.000 connect_ms=- first_byte_ms=- bytes_to_upstream=0 "
              "bytes_to_client=0 retries=0 ended_by=tandem cause=denied phase=accept\n");
    const auto json = boost::json::parse(line_of(record, Format::Json));
    for (const char* name : {"id", "client", "vip", "source", "upstream", "connect_ms"}) {
        EXPECT_TRUE(json.at(name).is_null()) << name;
    }
}

TEST(AccessLine, EveryValueGivesOneValidLine) {
    for (int cause = 0; cause <= static_cast<int>(relay::EndCause::ClientRate); ++cause) {
        relay::AccessRecord record = sample();
        record.cause = static_cast<relay::EndCause>(cause);
        record.bytes_to_client = std::numeric_limits<std::uint64_t>::max();
        record.id.token = std::numeric_limits<std::uint64_t>::max();
        record.client = {make_address("fe80::1%lo"), 65'535};
        const std::string line = line_of(record, Format::Json);
        boost::system::error_code error;
        const auto json = boost::json::parse(line, error);
        ASSERT_FALSE(error) << line;
        EXPECT_EQ(json.at("cause").as_string(), to_string(record.cause));
        EXPECT_EQ(json.at("bytes_to_client").as_uint64(), record.bytes_to_client);
    }
}

TEST(AccessLine, NamesCannotBreakALine) {
    const std::string evil = "a\"b\\c\n{}\x1b[2J\x7f\t= x";
    for (const Format format : {Format::Text, Format::Json}) {
        const std::string line = line_of(sample(), format, evil);
        EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << line;
        EXPECT_EQ(line.back(), '\n');
        EXPECT_TRUE(std::all_of(line.begin(), line.end() - 1, [](char character) {
            return static_cast<unsigned char>(character) >= 0x20;
        })) << line;
    }
    const auto json = boost::json::parse(line_of(sample(), Format::Json, evil));
    EXPECT_EQ(json.at("service").as_string(), evil);
    EXPECT_EQ(json.at("upstream").as_string(), evil);
}

}  // namespace
}  // namespace tandem::daemon
