// Keys of auth_hmac: read as they are meant, shown nowhere.
#include "tests/unit/config/memory_environment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::config::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kHex = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";
constexpr const char* kKeyFile = "/etc/tandem.key";

std::string with_hmac(const std::string& lines, const std::string& before = "") {
    return "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n version 3\n" + before +
           " auth_hmac {\n" + lines + "\n }\n virtual_ipaddress {\n 198.51.100.100\n }\n}\n";
}

std::vector<std::uint8_t> counting_bytes() {
    std::vector<std::uint8_t> bytes;
    for (std::uint8_t i = 0; i < 32; ++i) {
        bytes.push_back(i);
    }
    return bytes;
}

const vrrp::AuthHmacConfig* hmac_of(const LoadResult& result) {
    const auto& instances = result.model.instances;
    return instances.empty() || !instances.front().election.auth_hmac
               ? nullptr
               : &*instances.front().election.auth_hmac;
}

TEST(HmacKeys, AreReadInAllForms) {
    MemoryEnvironment environment;
    environment.files[kKeyFile] = std::string("hex:") + kHex + "\r\n\n";
    environment.files[kMainFile] = with_hmac(
        std::string("key 1 hex:") + kHex +
        "\nkey 2 \"an ASCII key with a # of 33 bytes\"\nkey 3 file:" + kKeyFile + "\nactive_key 3");
    const LoadResult result = load_main(environment);
    EXPECT_EQ(messages(result), "");
    const vrrp::AuthHmacConfig* hmac = hmac_of(result);
    ASSERT_NE(hmac, nullptr);
    const std::string ascii = "an ASCII key with a # of 33 bytes";
    EXPECT_EQ(hmac->keys.at(1), counting_bytes());
    EXPECT_EQ(hmac->keys.at(2), std::vector<std::uint8_t>(ascii.begin(), ascii.end()));
    EXPECT_EQ(hmac->keys.at(3), counting_bytes());
    EXPECT_EQ(hmac->active_key, 3);
    EXPECT_EQ(hmac->mode, vrrp::AuthHmacConfig::Mode::Enforce);
    EXPECT_EQ(hmac->anti_replay, vrrp::AuthHmacConfig::AntiReplay::Time);
}

TEST(HmacKeys, HaveThirtyTwoToSixtyFourBytes) {
    for (const std::size_t size : {31U, 32U, 64U, 65U}) {
        const LoadResult result =
            load_text(with_hmac("key 1 \"" + std::string(size, 'k') + "\"\nactive_key 1"));
        EXPECT_EQ(result.runnable(), size == 32 || size == 64) << size;
    }
}

TEST(HmacKeys, OfFilesThatOthersReadAreAWarning) {
    MemoryEnvironment environment;
    environment.files[kKeyFile] = std::string(40, 'k');
    environment.exposed.insert(kKeyFile);
    environment.files[kMainFile] =
        with_hmac(std::string("key 1 file:") + kKeyFile + "\nactive_key 1");
    const LoadResult result = load_main(environment);
    EXPECT_THAT(messages(result), HasSubstr("warning: (A) others than its owner can read"));
    EXPECT_EQ(result.exit_code(), 0);
}

TEST(HmacWindow, IsThreeIntervalsOrFiveSeconds) {
    const auto window = [](const std::string& interval) {
        const LoadResult result = load_text(with_hmac(
            std::string("key 1 hex:") + kHex + "\nactive_key 1", " advert_int " + interval + "\n"));
        return hmac_of(result) == nullptr ? -1 : hmac_of(result)->time_window.count();
    };
    EXPECT_EQ(window("0.01"), 5);
    EXPECT_EQ(window("1"), 5);
    EXPECT_EQ(window("2"), 6);
    EXPECT_EQ(window("2.25"), 6);
    EXPECT_EQ(window("40.95"), 122);
}

TEST(Hmac, WithoutAnActiveKeyIsFatal) {
    const std::string key = std::string("key 1 hex:") + kHex;
    EXPECT_FALSE(load_text(with_hmac(key)).runnable());
    EXPECT_FALSE(load_text(with_hmac(key + "\nactive_key 2")).runnable());
    EXPECT_FALSE(load_text(with_hmac("active_key 1")).runnable());
    EXPECT_TRUE(load_text(with_hmac(key + "\nactive_key 1")).runnable());
}

TEST(Hmac, TakesThePlaceOfThePassword) {
    const LoadResult result =
        load_text(with_hmac(std::string("key 1 hex:") + kHex + "\nactive_key 1",
                            " version 2\n authentication {\n auth_type PASS\n auth_pass x\n }\n"));
    EXPECT_THAT(messages(result), HasSubstr("error: (A) authentication is ignored"));
    EXPECT_EQ(result.model.instances.at(0).election.password, "");
}

/// Whatever is wrong with the line.
TEST(Hmac, SecretsAreInNoMessage) {
    constexpr const char* kSecret =
        "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2";
    const std::string secret = kSecret;
    const std::string lines[] = {
        "key 1 hex:" + secret + "x",
        "key hex:" + secret,
        "key " + secret,
        "key 1 2 " + secret,
        "key 1 hex:" + secret + " {",
        "key 1 {\n" + secret + "\n}",
        "key 1 \"" + secret,
        "key 1 hex:" + secret + "\nkey 1 hex:" + secret,
        "hex:" + secret,
        "active_key hex:" + secret,
        "mode " + secret,
        "anti_replay " + secret,
        "time_window " + secret,
        "key 1 " + secret + secret + secret,
        secret + " {\n" + secret + "\n}",
    };
    for (const std::string& line : lines) {
        MemoryEnvironment environment;
        environment.files[kKeyFile] = secret + secret + secret;
        environment.files[kMainFile] =
            with_hmac(line + "\nkey 9 file:" + kKeyFile + "\nactive_key 9");
        EXPECT_THAT(messages(load_main(environment)), Not(HasSubstr(secret.substr(0, 8)))) << line;
    }
}

}  // namespace
}  // namespace tandem::config::test
