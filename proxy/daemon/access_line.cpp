#include "proxy/daemon/access_line.hpp"

#include "proxy/daemon/log_line.hpp"
#include "proxy/daemon/status.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

namespace tandem::daemon {
namespace {

using Format = relay::AccessLogConfig::Format;

/// A name that is ready to stand in a line.
std::string name_in(Format format, const std::string& name) {
    return format == Format::Json ? boost::json::serialize(boost::json::string(name))
                                  : quoted_if_needed(escaped(name));
}

/// Appends `name=value` or `"name":value`.
class LineWriter {
  public:
    LineWriter(std::string& out, Format format) : out_(out), json_(format == Format::Json) {}

    void time(std::string_view value) {
        out_ += json_ ? R"({"time":")" : "";
        out_ += value;
        out_ += json_ ? "\"" : "";
    }
    /// A value that needs no escaping.
    void word(std::string_view name, std::string_view value) {
        key(name);
        out_ += json_ ? "\"" : "";
        out_ += value;
        out_ += json_ ? "\"" : "";
    }
    void prepared(std::string_view name, std::string_view value) {
        key(name);
        out_ += value;
    }
    void nothing(std::string_view name) { prepared(name, json_ ? "null" : "-"); }
    void number(std::string_view name, std::uint64_t value) {
        key(name);
        append_number(value);
    }
    void milliseconds(std::string_view name, relay::Clock::duration value) {
        if (value < relay::Clock::duration::zero()) {
            nothing(name);
            return;
        }
        const auto micros = static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(value).count());
        key(name);
        append_number(micros / 1000);
        out_ += '.';
        const std::string fraction = std::to_string(micros % 1000);
        out_.append(3 - fraction.size(), '0');
        out_ += fraction;
    }
    void endpoint(std::string_view name, const relay::Endpoint& value) {
        if (value.port() == 0) {
            nothing(name);
            return;
        }
        key(name);
        out_ += json_ ? "\"" : "";
        const bool v6 = value.address().is_v6();
        out_ += v6 ? "[" : "";
        out_ += value.address().to_string();
        out_ += v6 ? "]:" : ":";
        append_number(value.port());
        out_ += json_ ? "\"" : "";
    }
    void finish() { out_ += json_ ? "}\n" : "\n"; }

  private:
    void key(std::string_view name) {
        out_ += json_ ? ",\"" : " ";
        out_ += name;
        out_ += json_ ? "\":" : "=";
    }
    void append_number(std::uint64_t value) {
        std::array<char, 24> digits{};
        char* const end = std::to_chars(digits.begin(), digits.end(), value).ptr;
        out_.append(digits.data(), end);
    }

    std::string& out_;
    const bool json_;
};

}  // namespace

AccessLine::AccessLine(const std::map<std::uint16_t, relay::ServiceConfig>& services) {
    for (const auto& [number, service] : services) {
        const Format format = service.access_log.format;
        Names names{format, name_in(format, service.name), {}};
        for (const relay::UpstreamConfig& upstream : service.upstreams) {
            names.upstreams.push_back(name_in(format, upstream.name));
        }
        services_.emplace(number, std::move(names));
    }
}

void AccessLine::append(std::string& out, const relay::AccessRecord& record,
                        std::chrono::system_clock::time_point started) const {
    const Names& names = services_.at(record.service);
    LineWriter line(out, names.format);
    line.time(to_rfc3339(started));
    if (record.id.token == 0) {
        line.nothing("id");
    } else {
        line.word("id", to_string(record.id));
    }
    line.prepared("service", names.service);
    line.endpoint("client", record.client);
    line.endpoint("vip", record.virtual_address);
    line.endpoint("source", record.source);
    if (record.upstream == relay::AccessRecord::kNoUpstream) {
        line.nothing("upstream");
    } else {
        line.prepared("upstream", names.upstreams.at(record.upstream));
    }
    line.milliseconds("duration_ms", record.ended - record.started);
    line.milliseconds("connect_ms", record.connect_time);
    line.milliseconds("first_byte_ms", record.first_byte_time);
    line.number("bytes_to_upstream", record.bytes_to_upstream);
    line.number("bytes_to_client", record.bytes_to_client);
    line.number("retries", record.retries);
    line.word("ended_by", to_string(record.ended_by));
    line.word("cause", to_string(record.cause));
    line.word("phase", to_string(record.phase));
    line.finish();
}

}  // namespace tandem::daemon
