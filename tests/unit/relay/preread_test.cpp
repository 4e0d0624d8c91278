// What is read before the choice of an upstream, and the choice by name. Pure.
#include "proxy/relay/preread.hpp"

#include "proxy/relay/name_router.hpp"
#include "proxy/relay/network.hpp"
#include "tests/unit/relay/hello_support.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tandem::relay {
namespace {

using namespace std::string_literals;
using boost::asio::ip::make_address;
using test::client_hello;
using test::extension;
using test::hello_message;
using test::records;
using test::with_length;
using Verdict = ClientHelloReader::Verdict;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

struct Read {
    Verdict verdict{};
    ClientHello hello;
};

/// In pieces of `step` bytes.
Read read_hello(std::string_view stream, std::size_t step) {
    ClientHelloReader reader;
    Verdict verdict = Verdict::NeedMore;
    for (std::size_t size = step; verdict == Verdict::NeedMore; size += step) {
        verdict = reader.read(bytes_of(stream.substr(0, size)));
        if (size >= stream.size()) {
            break;
        }
    }
    return {verdict, reader.hello()};
}

TEST(ClientHello, T21_NameAndProtocolsHoweverTheBytesAreCut) {
    const std::string message =
        hello_message(test::server_name("www.example.com") + test::protocols({"h2", "http/1.1"}));
    for (const std::size_t most : {1U, 2U, 3U, 5U, 60U, 100U, 16384U}) {
        const std::string stream = records(message, most);
        for (const std::size_t step : {1U, 2U, 7U, 1000U}) {
            SCOPED_TRACE(std::to_string(most) + " in a record, read by " + std::to_string(step));
            const Read read = read_hello(stream, step);
            EXPECT_EQ(read.verdict, Verdict::Complete);
            EXPECT_EQ(read.hello.server_name, "www.example.com");
            EXPECT_EQ(read.hello.protocols, (std::vector{"h2"s, "http/1.1"s}));
            const std::string almost = stream.substr(0, stream.size() - 1);
            EXPECT_EQ(read_hello(almost, step).verdict, Verdict::NeedMore);
        }
    }
}

TEST(ClientHello, T21_PostQuantumHellosAreReadUpToTheBound) {
    const auto sized = [](std::size_t filler) {
        const auto half = extension(51, std::string(filler / 2, 'k'));
        return records(hello_message(half + half + test::server_name("big.example.com")));
    };
    for (const std::size_t size : {20'000U, 40'000U, 65'000U}) {
        const Read read = read_hello(sized(size), 1460);
        EXPECT_EQ(read.verdict, Verdict::Complete);
        EXPECT_EQ(read.hello.server_name, "big.example.com");
    }
    EXPECT_EQ(read_hello(sized(65'500), 1460).verdict, Verdict::NotAHello);
    // Small records have their headers counted, too.
    EXPECT_EQ(read_hello(records(hello_message(extension(51, std::string(30'000, 'k'))), 1), 1460)
                  .verdict,
              Verdict::NotAHello);
}

TEST(ClientHello, FieldsThatAreMissingOrStrange) {
    const auto name_in = [](const std::string& extensions) {
        const Read read = read_hello(records(hello_message(extensions)), 1);
        return read.verdict == Verdict::Complete ? '"' + read.hello.server_name + '"'
                                                 : "not a hello"s;
    };
    EXPECT_EQ(name_in(""), "\"\"");
    EXPECT_EQ(name_in(extension(51, "key") + extension(10, "")), "\"\"");
    EXPECT_EQ(name_in(test::server_name("first.org") + test::server_name("second.org")),
              "\"first.org\"");
    EXPECT_EQ(
        name_in(extension(
            0, with_length('\1' + with_length("other", 2) + '\0' + with_length("a.org", 2), 2))),
        "\"a.org\"");
    EXPECT_EQ(name_in(test::server_name(std::string(255, 'a'))), '"' + std::string(255, 'a') + '"');
    EXPECT_EQ(name_in(test::server_name(std::string(256, 'a'))), "\"\"");
    EXPECT_EQ(name_in(extension(0, "")), "not a hello");
    EXPECT_EQ(name_in(extension(0, with_length("\0\0\5abc"s, 2))), "not a hello");
    EXPECT_EQ(name_in(extension(0, with_length("", 2) + "x")), "not a hello");
    EXPECT_EQ(name_in(extension(16, with_length("\3h2", 2))), "not a hello");
    EXPECT_EQ(name_in("\0\0\0\5abc"s), "not a hello");
    EXPECT_EQ(name_in("x"), "not a hello");
    const std::string body = hello_message(test::server_name("a.org")).substr(4);
    EXPECT_EQ(read_hello(records('\1' + with_length(body + 'x', 3)), 1).verdict,
              Verdict::NotAHello);
    const std::string old_hello =
        "\x03\x01" + std::string(32, 'r') + "\0"s + with_length("\0\x2f"s, 2) + "\1\0"s;
    EXPECT_EQ(read_hello(records('\1' + with_length(old_hello, 3)), 1).verdict, Verdict::Complete);
    EXPECT_EQ(read_hello(records('\1' + with_length(old_hello + '\0', 3)), 1).verdict,
              Verdict::NotAHello);
}

TEST(ClientHello, NotTlsIsToldAtTheFirstByteThatProvesIt) {
    const std::vector<std::string> streams = {
        "G",
        "\x80",               // SSL 2
        "\x15",               // alert
        "\x16\x02",           // no version of TLS
        "\x16\x03\x01\0\0"s,  // empty record
        "\x16\x03\x01\x40\x01",
        "\x16\x03\x01\x01\0\x02"s,  // server hello
        "\x16\x03\x01\0\x01\x01\x17"s,
        "\x16\x03\x01\0\x04\x01\x01\0\x01"s,  // more than the bound
    };
    for (const std::string& stream : streams) {
        EXPECT_EQ(read_hello(stream, 1).verdict, Verdict::NotAHello) << stream;
        EXPECT_EQ(read_hello(stream.substr(0, stream.size() - 1), 1).verdict, Verdict::NeedMore)
            << stream;
    }
}

std::string reached(const NameRouter& router, std::size_t count, std::string name,
                    std::vector<std::string> protocols = {}) {
    const auto excluded = router.excluded({std::move(name), std::move(protocols)});
    if (!excluded) {
        return "nobody";
    }
    std::string result;
    for (std::size_t index = 0; index < count; ++index) {
        if (std::ranges::find(*excluded, index) == excluded->end()) {
            result += std::to_string(index);
        }
    }
    return result;
}

TEST(NameRouter, TheBestMatchGetsIt) {
    const std::vector<RouteConfig> routes = {
        {{"www.example.com", "Example.COM"}, {}},
        {{"*.example.com"}, {}},
        {{"*.deep.example.com", "www.example.com"}, {}},
        {{}, {}},
        {{"*.example.com"}, {"h2"}},
        {{}, {"acme-tls/1"}},
    };
    const NameRouter router{routes};
    const auto to = [&](const char* name, std::vector<std::string> protocols = {}) {
        return reached(router, routes.size(), name, std::move(protocols));
    };
    EXPECT_EQ(to("www.example.com"), "02");
    EXPECT_EQ(to("WWW.Example.Com"), "02");
    EXPECT_EQ(to("example.com"), "0");
    EXPECT_EQ(to("other.example.com"), "1");
    EXPECT_EQ(to("a.b.example.com"), "1");
    EXPECT_EQ(to("other.example.com", {"http/1.1", "h2"}), "4");
    EXPECT_EQ(to("other.example.com", {"H2"}), "1");
    EXPECT_EQ(to("a.deep.example.com", {"h2"}), "2") << "the name counts first";
    EXPECT_EQ(to("deep.example.com"), "1");
    EXPECT_EQ(to(".example.com"), "3");
    EXPECT_EQ(to("badexample.com"), "3");
    EXPECT_EQ(to("*.example.com"), "1") << "nothing special in a client's name";
    EXPECT_EQ(to("www.example.org"), "3");
    EXPECT_EQ(to(""), "3");
    EXPECT_EQ(to("", {"acme-tls/1"}), "5");
}

TEST(NameRouter, WithoutAServerForTheRestNobodyGetsIt) {
    const std::vector<RouteConfig> routes = {{{"www.example.com"}, {}}, {{}, {"h2"}}};
    const NameRouter router{routes};
    EXPECT_EQ(reached(router, 2, "www.example.com"), "0");
    EXPECT_EQ(reached(router, 2, "www.example.org"), "nobody");
    EXPECT_EQ(reached(router, 2, ""), "nobody");
    EXPECT_EQ(reached(router, 2, "", {"h2"}), "1");
    EXPECT_EQ(reached(NameRouter{{}}, 0, ""), "nobody");
}

TEST(Network, T18_ContainsByPrefixAndMappedAddressesAreIpv4) {
    const std::vector<Network> networks = {{make_address("198.51.100.0"), 24},
                                           {make_address("203.0.113.128"), 25},
                                           {make_address("2001:db8::"), 33}};
    const auto in = [&](const char* client) { return contains(networks, make_address(client)); };
    EXPECT_TRUE(in("198.51.100.255"));
    EXPECT_TRUE(in("::ffff:198.51.100.1"));
    EXPECT_FALSE(in("198.51.101.0"));
    EXPECT_TRUE(in("203.0.113.128"));
    EXPECT_FALSE(in("203.0.113.127"));
    EXPECT_TRUE(in("2001:db8:7fff::1"));
    EXPECT_FALSE(in("2001:db8:8000::1"));
    EXPECT_FALSE(in("::1"));
    EXPECT_TRUE((Network{make_address("0.0.0.0"), 0}.contains(make_address("203.0.113.1"))));
    EXPECT_FALSE((Network{make_address("0.0.0.0"), 0}.contains(make_address("::1"))));
    EXPECT_FALSE((Network{make_address("::"), 0}.contains(make_address("::ffff:203.0.113.1"))));
}

TEST(Preread, HeaderThenHelloAndTheRestIsTheClients) {
    const std::string header = "PROXY TCP4 203.0.113.5 198.51.100.100 1 2\r\n";
    const std::string data = client_hello("www.example.com") + "early data";
    const std::string stream = header + data;
    for (std::size_t split = 0; split <= stream.size(); ++split) {
        Preread preread{true, true};
        auto verdict = preread.on_bytes(bytes_of(stream.substr(0, split)));
        EXPECT_EQ(preread.awaits_header(), split < header.size());
        if (verdict == Preread::Verdict::NeedMore) {
            verdict = preread.on_bytes(bytes_of(stream.substr(split)));
            EXPECT_EQ(preread.bytes().size(), data.size());
        } else {
            EXPECT_GE(split, stream.size() - 10);
        }
        ASSERT_EQ(verdict, Preread::Verdict::Complete) << split;
        EXPECT_EQ(preread.addresses()->source.address(), make_address("203.0.113.5"));
        EXPECT_EQ(preread.hello().server_name, "www.example.com");
        EXPECT_TRUE(
            std::ranges::equal(preread.bytes(), bytes_of(data).first(preread.bytes().size())));
    }
}

TEST(Preread, OnlyWhatIsAwaited) {
    Preread header{true, false};
    EXPECT_EQ(header.on_bytes(bytes_of("PROXY UNKNOWN\r\n")), Preread::Verdict::Complete);
    EXPECT_FALSE(header.addresses());
    EXPECT_TRUE(header.bytes().empty());

    Preread hello{false, true};
    EXPECT_EQ(hello.on_bytes(bytes_of("PROXY UNKNOWN\r\n")), Preread::Verdict::Complete);
    EXPECT_EQ(hello.hello().server_name, "");
    EXPECT_EQ(hello.bytes().size(), 15U) << "not TLS is relayed as it is";

    Preread bad{true, true};
    EXPECT_EQ(bad.on_bytes(bytes_of("GET / HTTP/1.1\r\n")), Preread::Verdict::BadHeader);
    EXPECT_EQ(bad.error(), ProxyHeaderError::NoHeader);
}

}  // namespace
}  // namespace tandem::relay
