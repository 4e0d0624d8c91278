// auth_hmac without packets around it: published vectors, mutations, replay, window, clocks, keys.
#include "vrrp/auth_hmac.hpp"

#include "tests/unit/vrrp/packet_fixture.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::vrrp {

// Names in failure messages.
void PrintTo(HmacFailure failure, std::ostream* out) {
    constexpr std::array<const char*, 6> kNames{"missing", "malformed", "unknown key",
                                                "invalid", "stale",     "replay"};
    *out << kNames.at(static_cast<std::size_t>(failure));
}

namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using AntiReplay = AuthHmacConfig::AntiReplay;
using Mode = AuthHmacConfig::Mode;
using Result = std::optional<HmacFailure>;

constexpr Result kAccepted = std::nullopt;

const Message kMessage = hex("3133c801 00644402 c0000264");
const Message kRelease = hex("31330001 00640c03 c0000264");

SignedMessage message_of(const IpAddress& source, const Message& message = kMessage) {
    return {.message = message, .source = source};
}

/// A node that signs and one that verifies.
struct Pair {
    explicit Pair(const AuthHmacConfig& config = hmac_config(),
                  const std::vector<ReplayMark>& marks = {})
        : signer{config}, verifier{config, {}, marks} {}

    Trailer sign(WallTime now, const Message& message = kMessage) {
        return signer.sign(message_of(kPeer4, message), now);
    }
    Result verify(const Trailer& trailer, WallTime now, const Message& message = kMessage) {
        return verifier.verify(message_of(kPeer4, message), trailer, now);
    }

    HmacSigner signer;
    HmacVerifier verifier;
};

Sequence sequence_of(const Trailer& trailer) {
    Sequence sequence = 0;
    for (std::size_t i = 4; i < 12; ++i) {
        sequence = sequence << 8U | trailer[i];
    }
    return sequence;
}

AuthHmacConfig monotonic() {
    AuthHmacConfig config = hmac_config();
    config.anti_replay = AntiReplay::Monotonic;
    return config;
}

TEST(AuthHmac, PublishedVectorIpv4) {
    InstanceConfig config = with_hmac(version3());
    config.checksum_form = ChecksumForm::MessageOnly;
    HmacSigner signer{*config.auth_hmac};
    const Message packet =
        encode(config, 200, kPeer4, multicast_group(Family::Ipv4), &signer, kNow);
    EXPECT_EQ(packet, hex("3133c801 00644402 c0000264"
                          "01010000 68000000 80000000 1b84bc4e8e43892dc6d98448f8ee2265"));
}

TEST(AuthHmac, PublishedVectorIpv6) {
    InstanceConfig config = with_hmac(version3_ipv6());
    config.addresses = {address("fe80::100")};
    HmacSigner signer{*config.auth_hmac};
    const Message packet = encode(config, 200, kPeer6, address("fe80::20"), &signer, kNow);
    EXPECT_EQ(packet, hex("3133c801 0064a2e9 fe800000000000000000000000000100"
                          "01010000 68000000 80000000 c8c56146ebfd66ee10ec4d8186461b78"));
}

// None is published for version 2; computed independently, as the others were to check the method.
TEST(AuthHmac, VectorOfVersion2) {
    const InstanceConfig config = with_hmac(version2());
    HmacSigner signer{*config.auth_hmac};
    const Message packet = encode(config, 30, kPeer4, multicast_group(Family::Ipv4), &signer, kNow);
    EXPECT_EQ(packet, hex("21331e01 0001b5c5 0a000105 0000000000000000"
                          "01010000 68000000 80000000 8b2ab4a255216d63a64c3a3e8acf5fef"));
}

TEST(AuthHmac, AcceptsWhatWasSignedAlsoWithAZone) {
    const InstanceConfig config = version3_ipv6();
    const Message message = encode_from_peer(config);
    HmacSigner signer{hmac_config()};
    HmacVerifier verifier{hmac_config(), {}, {}};
    const Trailer trailer = signer.sign(message_of(kPeer6, message), kNow);
    EXPECT_EQ(verifier.verify(message_of(address("fe80::10%7"), message), trailer, kNow),
              kAccepted);
    EXPECT_THAT(verifier.marks(), ElementsAre(ReplayMark{kPeer6, sequence_of(trailer)}));
}

TEST(AuthHmac, EveryKeyLength) {
    for (std::size_t size = 32; size <= 64; ++size) {
        AuthHmacConfig config = hmac_config();
        config.keys[1].assign(size, 0x5a);
        Pair pair{config};
        const Trailer trailer = pair.sign(kNow);
        EXPECT_EQ(pair.verify(trailer, kNow), kAccepted) << size;
        config.keys[1].back() ^= 1U;
        EXPECT_EQ(Pair{config}.verify(trailer, kNow), HmacFailure::Invalid) << size;
    }
}

TEST(AuthHmac, MutationOfEveryBitIsRefusedAndLeavesNoMark) {
    Pair pair;
    const Trailer trailer = pair.sign(kNow);
    for (std::size_t bit = 0; bit < kMessage.size() * 8; ++bit) {
        Message message = kMessage;
        message[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        const bool checksum = bit / 8 == 6 || bit / 8 == 7;
        HmacVerifier verifier{hmac_config(), {}, {}};
        EXPECT_EQ(verifier.verify(message_of(kPeer4, message), trailer, kNow),
                  checksum ? kAccepted : Result{HmacFailure::Invalid})
            << bit;
        EXPECT_EQ(verifier.marks().empty(), !checksum) << bit;
    }
    for (std::size_t bit = 0; bit < trailer.size() * 8; ++bit) {
        Trailer changed = trailer;
        changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        EXPECT_NE(pair.verify(changed, kNow), kAccepted) << bit;
        EXPECT_THAT(pair.verifier.marks(), IsEmpty()) << bit;
    }
    EXPECT_EQ(pair.verify(trailer, kNow), kAccepted);
}

TEST(AuthHmac, BelongsToOneSourceFamilyVersionAndVirtualRouter) {
    const Trailer trailer = Pair{}.sign(kNow);
    const auto verify = [&trailer](const IpAddress& source, const Message& message) {
        HmacVerifier verifier{hmac_config(), {}, {}};
        return verifier.verify(message_of(source, message), trailer, kNow);
    };
    EXPECT_EQ(verify(kPeer4, kMessage), kAccepted);
    EXPECT_EQ(verify(kOwn4, kMessage), HmacFailure::Invalid);
    // The same bytes of the address, as IPv6.
    EXPECT_EQ(verify(address("c633:640a::"), kMessage), HmacFailure::Invalid);
    EXPECT_EQ(verify(kPeer4, hex("2133c801 00644402 c0000264")), HmacFailure::Invalid);
    EXPECT_EQ(verify(kPeer4, hex("3134c801 00644402 c0000264")), HmacFailure::Invalid);
    EXPECT_EQ(verify(kPeer4, hex("3133c801 00644402 c0000264 00000000")), HmacFailure::Invalid);
}

TEST(AuthHmac, MalformedTrailers) {
    Pair pair;
    const Trailer good = pair.sign(kNow);
    const auto verify = [&pair](const Message& trailer) {
        return pair.verifier.verify(message_of(kPeer4), trailer, kNow);
    };
    for (const std::size_t size : {1U, 12U, 27U, 29U, 56U}) {
        Message trailer(good.begin(), good.end());
        trailer.resize(size);
        EXPECT_EQ(verify(trailer), HmacFailure::Malformed) << size;
    }
    for (const std::size_t offset : {0U, 2U, 3U}) {
        Message trailer(good.begin(), good.end());
        trailer[offset] ^= 0x80U;
        EXPECT_EQ(verify(trailer), HmacFailure::Malformed) << offset;
    }
    const Message too_short(7);
    EXPECT_EQ(pair.verifier.verify(message_of(kPeer4, too_short), good, kNow),
              HmacFailure::Malformed);
    const Message too_long(kMaxMessageSize + 1);
    EXPECT_EQ(pair.verifier.verify(message_of(kPeer4, too_long), good, kNow),
              HmacFailure::Malformed);
}

TEST(AuthHmac, LongestMessage) {
    Pair pair;
    const Message longest(kMaxMessageSize, 0x31);
    EXPECT_EQ(pair.verify(pair.sign(kNow, longest), kNow, longest), kAccepted);
}

TEST(AuthHmac, MissingIsAMatterOfTheModeAndWrongIsNot) {
    for (const Mode mode : {Mode::ReceiveOnly, Mode::Permissive, Mode::Enforce}) {
        AuthHmacConfig config = hmac_config();
        config.mode = mode;
        Pair pair{config};
        EXPECT_EQ(pair.verifier.verify(message_of(kPeer4), {}, kNow),
                  mode == Mode::Enforce ? Result{HmacFailure::Missing} : kAccepted);
        EXPECT_THAT(pair.verifier.marks(), IsEmpty());
        Trailer trailer = pair.sign(kNow);
        EXPECT_EQ(pair.verify(trailer, kNow), kAccepted);
        EXPECT_EQ(pair.verify(trailer, kNow), HmacFailure::Replay);
        trailer[27] ^= 1U;
        EXPECT_EQ(pair.verify(trailer, kNow), HmacFailure::Invalid);
    }
}

// Each of the later failures is there as well.
TEST(AuthHmac, OrderOfChecks) {
    Pair pair;
    const Trailer good = pair.sign(kNow);
    ASSERT_EQ(pair.verify(good, kNow), kAccepted);
    Trailer trailer = good;
    EXPECT_EQ(pair.verify(trailer, kNow), HmacFailure::Replay);
    trailer[27] ^= 1U;
    EXPECT_EQ(pair.verify(trailer, kNow), HmacFailure::Invalid);
    trailer[1] = 9;
    EXPECT_EQ(pair.verify(trailer, kNow), HmacFailure::UnknownKey);
    EXPECT_EQ(pair.verify(trailer, kNow + 1h), HmacFailure::Stale);
    trailer[3] = 1;
    EXPECT_EQ(pair.verify(trailer, kNow + 1h), HmacFailure::Malformed);
}

TEST(AuthHmac, EveryKeyIdThatIsNotConfiguredIsUnknown) {
    Pair pair;
    Trailer trailer = pair.sign(kNow);
    for (unsigned id = 0; id <= 255; ++id) {
        trailer[1] = static_cast<std::uint8_t>(id);
        EXPECT_EQ(pair.verify(trailer, kNow), id == 1 ? kAccepted : Result{HmacFailure::UnknownKey})
            << id;
    }
}

TEST(AuthHmacWindow, BothEdgesInWholeSecondsOfTheStamp) {
    for (const auto window : {1s, 5s, 300s}) {
        AuthHmacConfig config = hmac_config();
        config.time_window = window;
        const WallTime second{std::chrono::seconds{0x68000000}};
        const Trailer trailer = Pair{config}.sign(second + 500ms);
        struct Case {
            WallTime now;
            Result result;
        };
        for (const Case& c :
             {Case{second, kAccepted}, Case{second + window, kAccepted},
              Case{second + window + 999ms, kAccepted},
              Case{second + window + 1s, HmacFailure::Stale}, Case{second - window, kAccepted},
              Case{second - window - 1ms, HmacFailure::Stale},
              Case{second + 24h, HmacFailure::Stale}, Case{second - 24h, HmacFailure::Stale}}) {
            EXPECT_EQ(Pair{config}.verify(trailer, c.now), c.result)
                << (c.now - second).count() << " window " << window.count();
        }
    }
}

TEST(AuthHmacWindow, MonotonicModeHasNone) {
    const Trailer trailer = Pair{monotonic()}.sign(kNow);
    for (const auto step : {-24h * 365, -1h, 0h, 1h, 24h * 365}) {
        EXPECT_EQ(Pair{monotonic()}.verify(trailer, kNow + step), kAccepted) << step.count();
    }
}

TEST(AuthHmacSequence, IsTheClockOrTheLastOneAndOne) {
    const Sequence start = Sequence{0x68000000} << 32U | 0x80000000U;
    constexpr Sequence kSecond = Sequence{1} << 32U;
    struct Case {
        std::chrono::milliseconds step;  // of the clock, from kNow
        Sequence time;
        Sequence monotonic;
    };
    // Each with a new signer that signed at kNow before.
    for (const Case& c :
         {Case{0ms, start + 1, start + 1}, Case{1ms, start + 0x00410000, start + 0x00410000},
          Case{1s, start + kSecond, start + kSecond}, Case{-1s, start + 1, start + 1},
          Case{-5s, start + 1, start + 1}, Case{-6s, start - 6 * kSecond, start + 1},
          Case{-3600s, start - 3600 * kSecond, start + 1}}) {
        for (const bool timed : {true, false}) {
            Pair pair{timed ? hmac_config() : monotonic()};
            ASSERT_EQ(sequence_of(pair.sign(kNow)), start);
            EXPECT_EQ(sequence_of(pair.sign(kNow + c.step)), timed ? c.time : c.monotonic)
                << c.step.count();
        }
    }
}

TEST(AuthHmacSequence, GrowsAcrossTheCounterWhenTheClockStands) {
    Pair pair;
    Sequence last = sequence_of(pair.sign(kNow));
    for (int i = 0; i < 70000; ++i) {
        const Sequence next = sequence_of(pair.sign(kNow));
        ASSERT_EQ(next, last + 1);
        last = next;
    }
}

// 2038 and 2106: serial arithmetic.
TEST(AuthHmacSequence, GrowsAcrossTheEndOfTheSeconds) {
    for (const std::int64_t turn : {std::int64_t{1} << 31, std::int64_t{1} << 32}) {
        Pair pair;
        const WallTime end{std::chrono::seconds{turn}};
        for (const auto offset : {-2s, -1s, 0s, 1s, 2s}) {
            EXPECT_EQ(pair.verify(pair.sign(end + offset), end + offset), kAccepted)
                << turn << " " << offset.count();
        }
        const Trailer before = Pair{}.sign(end - 1s);
        EXPECT_EQ(pair.verify(before, end + 2s), HmacFailure::Replay);
        EXPECT_EQ(pair.verify(before, end + 5s), HmacFailure::Stale);
    }
}

TEST(AuthHmacReplay, SameAndOlderAreRefusedNewerIsAccepted) {
    Pair pair;
    const Trailer first = pair.sign(kNow);
    const Trailer second = pair.sign(kNow + 1s);
    const Trailer third = pair.sign(kNow + 1s);
    EXPECT_EQ(pair.verify(second, kNow + 1s), kAccepted);
    EXPECT_EQ(pair.verify(second, kNow + 1s), HmacFailure::Replay);
    EXPECT_EQ(pair.verify(first, kNow + 1s), HmacFailure::Replay);
    EXPECT_EQ(pair.verify(third, kNow + 1s), kAccepted);
    EXPECT_EQ(pair.verify(third, kNow + 2s), HmacFailure::Replay);
}

TEST(AuthHmacReplay, SendersHaveTheirOwnMarks) {
    HmacSigner signer{hmac_config()};
    HmacVerifier verifier{hmac_config(), {}, {}};
    const Trailer later = signer.sign(message_of(kPeer4), kNow + 1s);
    const Trailer earlier = Pair{}.signer.sign(message_of(address("198.51.100.9")), kNow);
    EXPECT_EQ(verifier.verify(message_of(kPeer4), later, kNow), kAccepted);
    EXPECT_EQ(verifier.verify(message_of(address("198.51.100.9")), earlier, kNow), kAccepted);
}

TEST(AuthHmacReplay, FourMulticastSendersTheOneHeardLongestAgoGoes) {
    HmacVerifier verifier{hmac_config(), {}, {}};
    const auto sender = [](std::uint8_t number) {
        return IpAddress{boost::asio::ip::address_v4{{203, 0, 113, number}}};
    };
    const auto hear = [&](std::uint8_t number, WallTime now) {
        HmacSigner signer{hmac_config()};
        const SignedMessage message = message_of(sender(number));
        return verifier.verify(message, signer.sign(message, now), kNow);
    };
    for (std::uint8_t number = 1; number <= 4; ++number) {
        EXPECT_EQ(hear(number, kNow), kAccepted);
    }
    EXPECT_EQ(hear(1, kNow + 1s), kAccepted);
    // Forgeries of many addresses push nobody out.
    for (int number = 10; number < 250; ++number) {
        const SignedMessage message = message_of(sender(static_cast<std::uint8_t>(number)));
        Trailer trailer = HmacSigner{hmac_config()}.sign(message, kNow);
        trailer[20] ^= 1U;
        EXPECT_EQ(verifier.verify(message, trailer, kNow), HmacFailure::Invalid);
    }
    EXPECT_EQ(hear(2, kNow), HmacFailure::Replay);
    EXPECT_EQ(hear(5, kNow), kAccepted);
    EXPECT_EQ(verifier.marks().size(), HmacVerifier::kMulticastSenders);
    EXPECT_EQ(hear(1, kNow), HmacFailure::Replay);
    EXPECT_EQ(hear(3, kNow), HmacFailure::Replay);
    EXPECT_EQ(hear(2, kNow), kAccepted);  // 2 had been heard longest ago
}

TEST(AuthHmacReplay, OneMarkForEachUnicastPeer) {
    std::vector<IpAddress> peers;
    for (std::uint8_t number = 1; number <= 9; ++number) {
        peers.emplace_back(boost::asio::ip::address_v4{{203, 0, 113, number}});
    }
    HmacVerifier verifier{hmac_config(), peers, {{kPeer4, 1}, {peers[0], 2}}};
    EXPECT_THAT(verifier.marks(), ElementsAre(ReplayMark{peers[0], 2}));
    for (int round = 0; round < 2; ++round) {
        for (const IpAddress& peer : peers) {
            const Trailer trailer = HmacSigner{hmac_config()}.sign(message_of(peer), kNow);
            EXPECT_EQ(verifier.verify(message_of(peer), trailer, kNow),
                      round == 0 ? kAccepted : Result{HmacFailure::Replay});
        }
    }
    EXPECT_EQ(verifier.marks().size(), peers.size());
}

TEST(AuthHmacRestart, MarksSurviveAndACapturedReleaseIsRefused) {
    Pair before;
    ASSERT_EQ(before.verify(before.sign(kNow), kNow), kAccepted);
    const Trailer captured = before.sign(kNow + 1s, kRelease);
    ASSERT_EQ(before.verify(captured, kNow + 1s, kRelease), kAccepted);

    Pair after{hmac_config(), before.verifier.marks()};
    EXPECT_EQ(after.verifier.marks(), before.verifier.marks());
    EXPECT_EQ(after.verify(captured, kNow + 2s, kRelease), HmacFailure::Replay);
    // What the sender says next is heard, a release as well.
    EXPECT_EQ(after.verify(before.sign(kNow + 2s, kRelease), kNow + 2s, kRelease), kAccepted);
}

TEST(AuthHmacRestart, WithoutAMarkTheFirstAdvertisementMayNotBeARelease) {
    for (const AuthHmacConfig& config : {hmac_config(), monotonic()}) {
        Pair sender{config};
        Pair restarted{config};
        const Trailer captured = sender.sign(kNow, kRelease);
        for (int again = 0; again < 3; ++again) {
            EXPECT_EQ(restarted.verify(captured, kNow, kRelease), HmacFailure::Replay);
            EXPECT_EQ(restarted.verify(sender.sign(kNow, kRelease), kNow, kRelease),
                      HmacFailure::Replay);
            EXPECT_THAT(restarted.verifier.marks(), IsEmpty());
        }
        EXPECT_EQ(restarted.verify(sender.sign(kNow), kNow), kAccepted);
        EXPECT_EQ(restarted.verify(captured, kNow, kRelease), HmacFailure::Replay);
        EXPECT_EQ(restarted.verify(sender.sign(kNow, kRelease), kNow, kRelease), kAccepted);
    }
}

// An interval longer than the window: the mark is old at every advertisement, and still counts.
TEST(AuthHmacRestart, AnOldMarkIsAMark) {
    Pair pair;
    ASSERT_EQ(pair.verify(pair.sign(kNow), kNow), kAccepted);
    EXPECT_EQ(pair.verify(pair.sign(kNow + 40s, kRelease), kNow + 40s, kRelease), kAccepted);
}

TEST(AuthHmacRestart, ImportsNoMoreThanItKeepsAndTheLatest) {
    std::vector<ReplayMark> marks;
    for (std::uint8_t number = 1; number <= 9; ++number) {
        marks.push_back({boost::asio::ip::address_v4{{203, 0, 113, number}}, number});
    }
    const HmacVerifier verifier{hmac_config(), {}, marks};
    EXPECT_THAT(verifier.marks(), ElementsAre(marks[5], marks[6], marks[7], marks[8]));
}

TEST(AuthHmacClock, BothClocksRunBackAnHour) {
    Pair pair;
    ASSERT_EQ(pair.verify(pair.sign(kNow), kNow), kAccepted);
    const Trailer trailer = pair.sign(kNow - 1h);
    EXPECT_EQ(pair.verify(trailer, kNow - 1h), kAccepted);
    EXPECT_EQ(pair.verify(trailer, kNow - 1h), HmacFailure::Replay);
}

TEST(AuthHmacClock, BothClocksRunBackWithinTheWindow) {
    Pair pair;
    ASSERT_EQ(pair.verify(pair.sign(kNow), kNow), kAccepted);
    for (const auto back : {-1s, -3s, -5s}) {
        EXPECT_EQ(pair.verify(pair.sign(kNow + back), kNow + back), kAccepted) << back.count();
    }
}

TEST(AuthHmacClock, OneClockOffIsStaleUntilItIsRightAgain) {
    Pair pair;
    ASSERT_EQ(pair.verify(pair.sign(kNow), kNow), kAccepted);
    EXPECT_EQ(pair.verify(pair.sign(kNow + 1h), kNow), HmacFailure::Stale);
    EXPECT_EQ(pair.verify(pair.sign(kNow + 1s), kNow + 1s), kAccepted);
}

TEST(AuthHmacClock, MonotonicModeFollowsNoClock) {
    Pair pair{monotonic()};
    ASSERT_EQ(pair.verify(pair.sign(kNow), kNow), kAccepted);
    const Trailer captured = pair.sign(kNow);
    ASSERT_EQ(pair.verify(captured, kNow), kAccepted);
    EXPECT_EQ(pair.verify(pair.sign(kNow - 1h), kNow + 1h), kAccepted);
    EXPECT_EQ(pair.verify(captured, kNow - 1h), HmacFailure::Replay);
    // The sender restarts with a clock that is behind: refused until it has caught up.
    HmacSigner restarted{monotonic()};
    EXPECT_EQ(pair.verify(restarted.sign(message_of(kPeer4), kNow - 1min), kNow),
              HmacFailure::Replay);
    EXPECT_EQ(pair.verify(restarted.sign(message_of(kPeer4), kNow + 1min), kNow), kAccepted);
}

// An advertisement without a trailer, or with a wrong one, says nothing of its sender's clock.
TEST(AuthHmacClock, SkewIsOfNoOtherAdvertisement) {
    AuthHmacConfig config = hmac_config();
    config.mode = AuthHmacConfig::Mode::Permissive;
    HmacVerifier verifier{config, {}, {}};
    HmacSigner signer{config};
    const auto trailer = signer.sign(message_of(kPeer4), kNow + 4s);
    ASSERT_EQ(verifier.verify(message_of(kPeer4), trailer, kNow), kAccepted);
    ASSERT_EQ(verifier.last_skew(), 4s);
    ASSERT_EQ(verifier.verify(message_of(kOwn4), {}, kNow), kAccepted);
    EXPECT_EQ(verifier.last_skew(), std::nullopt);
    ASSERT_EQ(verifier.verify(message_of(kPeer4), signer.sign(message_of(kPeer4), kNow + 4s), kNow),
              kAccepted);
    ASSERT_EQ(verifier.verify(message_of(kPeer4), trailer, kNow), HmacFailure::Replay);
    EXPECT_EQ(verifier.last_skew(), std::nullopt);
}

TEST(AuthHmacClock, SkewOfTheLastAcceptedTrailer) {
    Pair pair;
    EXPECT_EQ(pair.verifier.last_skew(), std::nullopt);
    EXPECT_EQ(pair.verify(pair.sign(kNow + 1h), kNow), HmacFailure::Stale);
    EXPECT_EQ(pair.verifier.last_skew(), std::nullopt);
    auto now = kNow + 1h;
    for (const auto skew : {0ms, 2500ms, -1250ms, 5000ms, -4000ms}) {
        now += 20s;
        const Trailer trailer = pair.sign(now + skew);
        EXPECT_EQ(clock_skew(trailer, now), skew);
        ASSERT_EQ(pair.verify(trailer, now), kAccepted) << skew.count();
        EXPECT_EQ(pair.verifier.last_skew(), skew);
    }
}

// A key is added everywhere, then it signs everywhere, then the old one goes; one node at a time.
TEST(AuthHmacRotation, LosesNothing) {
    struct Node {
        AuthHmacConfig config = hmac_config();
        std::vector<ReplayMark> marks;
    };
    Node left;
    Node right;
    const std::vector<std::uint8_t> new_key(64, 0x42);
    const auto add = [&](Node& node) { node.config.keys.emplace(2, new_key); };
    const auto switch_over = [](Node& node) { node.config.active_key = 2; };
    const auto remove = [](Node& node) { node.config.keys.erase(1); };
    const std::vector<std::pair<Node*, std::function<void(Node&)>>> steps{
        {&left, add},         {&right, add},   {&right, switch_over},
        {&left, switch_over}, {&left, remove}, {&right, remove}};
    auto now = kNow;
    const auto exchange = [&now](Node& from, const IpAddress& address_of_from, Node& to) {
        HmacSigner signer{from.config};
        HmacVerifier verifier{to.config, {}, to.marks};
        for (int i = 0; i < 3; ++i) {
            now += 10ms;
            const SignedMessage message = message_of(address_of_from);
            EXPECT_EQ(verifier.verify(message, signer.sign(message, now), now), kAccepted);
        }
        to.marks = verifier.marks();
    };
    for (const auto& [node, step] : steps) {
        step(*node);
        exchange(left, kOwn4, right);
        exchange(right, kPeer4, left);
    }
    EXPECT_EQ(Pair{left.config}.verify(Pair{}.sign(now), now), HmacFailure::UnknownKey);
}

}  // namespace
}  // namespace tandem::vrrp
