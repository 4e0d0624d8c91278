// Random connections through the engine: every byte in its place, whatever the sizes of pieces, the
// pauses, the half-closes and the resets of others beside it.
//
// For long: TANDEM_RANDOM_SECONDS=3600 relay_lessons_test --gtest_filter='RandomForwarding.*'; a
// seed that failed again: TANDEM_RANDOM_SEED=n.
#include "tests/unit/relay/positioned_bytes.hpp"
#include "tests/unit/relay/support.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <list>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <poll.h>
#include <sys/socket.h>

namespace tandem::relay::test {
namespace {

using Random = std::mt19937_64;

std::size_t up_to(Random& random, std::size_t most) {
    return static_cast<std::size_t>(random() % (most + 1));
}

bool one_in(Random& random, unsigned count) {
    return random() % count == 0;
}

constexpr std::size_t kReadBuffer = 400'000;

/// Nothing, little, one byte around a size that the relay knows, or enough for pipes.
std::size_t random_size(Random& random) {
    constexpr std::array<std::size_t, 6> kEdges{4096, 16384, 65536, 81920, 262144, 1048576};
    switch (random() % 8) {
        case 0:
            return up_to(random, 2);
        case 1:
        case 2:
        case 3:
            return kEdges[up_to(random, kEdges.size() - 1)] - 1 + up_to(random, 2);
        case 4:
        case 5:
            return up_to(random, 100'000);
        default:
            return 1'000'000 + up_to(random, 7'000'000);
    }
}

/// One end of a connection: what it sends and how it behaves.
struct End {
    Stream stream;
    PositionedBytes bytes{0};
    std::size_t size = 0;
    /// Bytes at a time.
    std::size_t piece = 1;
    std::size_t reads = 1;
    std::size_t sent = 0;
    std::size_t received = 0;
    /// Rounds for which it neither reads nor writes now.
    unsigned resting = 0;
    /// One in so many rounds it begins to rest.
    unsigned rests = 0;
    /// Reads nothing until the other end is stuck or through: what is between them fills up.
    bool sleeps = false;
    bool finished = false;
    /// Rounds in which it could not write.
    unsigned stuck = 0;
    /// A write has told of the reset: a socket tells it once, the next read returns zero.
    bool told_of_reset = false;
    Ending ending = Ending::None;

    [[nodiscard]] bool wants_to_write() const { return resting == 0 && !finished; }
    [[nodiscard]] bool wants_to_read(const End& other) const {
        return resting == 0 && ending == Ending::None &&
               (!sleeps || other.finished || other.stuck >= 5);
    }
};

class Connection {
  public:
    Connection(Random& random, std::uint64_t number) : random_(random), number_(number) {
        for (End* end : {&client_, &server_}) {
            end->bytes = PositionedBytes{random()};
            end->size = random_size(random);
            const std::size_t most = end->size < 3000 ? 4 : 18;
            end->piece = (std::size_t{1} << up_to(random, most)) + up_to(random, 1);
            if (end->size >= 3000) {
                end->piece = std::max<std::size_t>(end->piece, end->size / 50);
            }
            // Some eight times on the way of its bytes, or hardly.
            end->rests = static_cast<unsigned>(4 + end->size / end->piece / 8);
            end->rests *= one_in(random, 3) ? 1U : 10U;
            end->sleeps = one_in(random, 3);
        }
        client_.reads = one_in(random, 2) ? kReadBuffer : 1 + server_.size / 25;
        server_.reads = one_in(random, 2) ? kReadBuffer : 1 + client_.size / 25;
        if (one_in(random, 5)) {
            resetter_ = one_in(random, 2) ? &client_ : &server_;
            reset_after_ = up_to(random, client_.size + server_.size);
        }
    }

    /// False: it did not come through.
    bool open(Relay& relay, Upstream& upstream) {
        client_.stream = relay.connect();
        if (!client_.stream.is_open()) {
            return false;
        }
        if (one_in(random_, 2)) {
            write(client_);
        }
        server_.stream = upstream.accept();
        // A window below the segments of loopback waits for the kernel's timers: for little only.
        const std::size_t smallest = size() < 20'000 ? 8192 : 131072;
        for (End* end : {&client_, &server_}) {
            if (one_in(random_, 3)) {
                end->stream.set_buffers(static_cast<int>(smallest << up_to(random_, 2)));
            }
        }
        return server_.stream.is_open();
    }

    /// What there is to wait for, appended.
    void wanted(std::vector<pollfd>& all) {
        for (End* end : {&client_, &server_}) {
            if (end->resting > 0) {
                --end->resting;
            } else if (one_in(random_, end->rests)) {
                end->resting = static_cast<unsigned>(up_to(random_, 20));
            }
            const End& other = end == &client_ ? server_ : client_;
            const int events =
                (end->wants_to_read(other) ? POLLIN : 0) | (end->wants_to_write() ? POLLOUT : 0);
            all.push_back({.fd = events != 0 ? end->stream.native() : -1,
                           .events = static_cast<short>(events),
                           .revents = 0});
        }
    }

    void advance(const pollfd& client, const pollfd& server) {
        step(client_, server_, client.revents);
        step(server_, client_, server.revents);
        const std::size_t moved = client_.received + server_.received;
        if (resetter_ != nullptr && !was_reset_ && moved >= reset_after_) {
            was_reset_ = true;
            resetter_->stream.reset();
            resetter_->ending = Ending::Reset;
            resetter_->finished = true;
        }
    }

    [[nodiscard]] bool is_over() const {
        return client_.ending != Ending::None && server_.ending != Ending::None;
    }
    [[nodiscard]] bool was_reset() const { return was_reset_; }
    [[nodiscard]] std::size_t size() const { return client_.size + server_.size; }
    [[nodiscard]] std::string text() const {
        return "connection " + std::to_string(number_) + ": " + text(client_) + " | " +
               text(server_) + (was_reset_ ? ", reset" : "");
    }

  private:
    static std::string text(const End& end) {
        return "sent " + std::to_string(end.sent) + " of " + std::to_string(end.size) +
               ", received " + std::to_string(end.received);
    }

    void step(End& end, End& other, int events) {
        if ((events & (POLLIN | POLLHUP | POLLERR)) != 0 && end.wants_to_read(other)) {
            read(end, other);
        }
        if (!end.wants_to_write()) {
            return;
        }
        if ((events & POLLOUT) != 0) {
            write(end);
        } else {
            ++end.stuck;
        }
    }

    void write(End& end) {
        const std::size_t left = end.size - end.sent;
        const std::string_view piece =
            left > 0 ? end.bytes.at(end.sent, std::min(left, end.piece)) : std::string_view{};
        const ssize_t count = piece.empty() ? 0
                                            : ::send(end.stream.native(), piece.data(),
                                                     piece.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count == -1 && errno != EAGAIN) {
            // Of a connection that was reset; the reading side says whether it should have been.
            end.finished = true;
            end.told_of_reset = true;
            EXPECT_TRUE(was_reset_) << text() << ": write failed";
            return;
        }
        end.sent += count > 0 ? static_cast<std::size_t>(count) : 0;
        if (end.sent == end.size && (piece.empty() || one_in(random_, 2))) {
            end.stream.finish();
            end.finished = true;
        }
    }

    void read(End& end, const End& other) {
        static std::array<char, kReadBuffer> buffer;
        const std::size_t most = 1 + up_to(random_, std::min(buffer.size(), end.reads) - 1);
        const ssize_t count = ::recv(end.stream.native(), buffer.data(), most, MSG_DONTWAIT);
        if (count > 0) {
            const std::string_view got{buffer.data(), static_cast<std::size_t>(count)};
            EXPECT_TRUE(other.bytes.matches(end.received, got)) << text() << ": other bytes";
            end.received += got.size();
        } else if (count == 0 && end.told_of_reset) {
            end.ending = Ending::Reset;
        } else if (count == 0) {
            end.ending = Ending::Fin;
            EXPECT_EQ(end.received, other.size) << text() << ": FIN too early";
        } else if (errno != EAGAIN) {
            end.ending = Ending::Reset;
            EXPECT_TRUE(was_reset_) << text() << ": reset";
        }
    }

    Random& random_;
    std::uint64_t number_;
    End client_;
    End server_;
    End* resetter_ = nullptr;
    /// So many bytes arrived.
    std::size_t reset_after_ = 0;
    bool was_reset_ = false;
};

/// Connections of one seed, `kAtOnce` of them at any time: one that is over is replaced, so that
/// descriptors, buffers and pipes change hands while others use theirs.
class Crowd {
  public:
    Crowd(std::uint64_t seed, unsigned total, Relay& relay, Upstream& upstream)
        : random_(seed), total_(total), relay_(relay), upstream_(upstream) {}

    void run() {
        auto last_progress = std::chrono::steady_clock::now();
        while (started_ < total_ || !open_.empty()) {
            if (!fill()) {
                ADD_FAILURE() << "connection " << started_ << " was not relayed";
                return;
            }
            if (round()) {
                last_progress = std::chrono::steady_clock::now();
            } else if (std::chrono::steady_clock::now() - last_progress > kPatience) {
                for (const Connection& each : open_) {
                    ADD_FAILURE() << "stuck: " << each.text();
                }
                return;
            }
            if (testing::Test::HasFailure()) {
                return;
            }
        }
    }

    [[nodiscard]] unsigned reset() const { return reset_; }
    /// Of the connections that were not reset.
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  private:
    static constexpr std::size_t kAtOnce = 12;

    bool fill() {
        while (open_.size() < kAtOnce && started_ < total_) {
            open_.emplace_back(random_, started_++);
            if (!open_.back().open(relay_, upstream_)) {
                return false;
            }
        }
        return true;
    }

    /// False: nothing happened.
    bool round() {
        std::vector<pollfd> wanted;
        for (Connection& each : open_) {
            each.wanted(wanted);
        }
        const int happened = ::poll(wanted.data(), wanted.size(), 1);
        std::size_t index = 0;
        for (auto each = open_.begin(); each != open_.end(); index += 2) {
            each->advance(wanted[index], wanted[index + 1]);
            if (!each->is_over()) {
                ++each;
                continue;
            }
            reset_ += each->was_reset() ? 1U : 0U;
            bytes_ += each->was_reset() ? 0 : each->size();
            each = open_.erase(each);
        }
        return happened > 0;
    }

    Random random_;
    unsigned total_;
    Relay& relay_;
    Upstream& upstream_;
    std::list<Connection> open_;
    unsigned started_ = 0;
    unsigned reset_ = 0;
    std::uint64_t bytes_ = 0;
};

std::optional<std::uint64_t> number_from(const char* variable) {
    const char* text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nobody sets it
    return text != nullptr ? std::optional{std::strtoull(text, nullptr, 10)} : std::nullopt;
}

/// @return bytes that went through pipes.
std::uint64_t forward_seed(std::uint64_t seed, unsigned connections) {
    SCOPED_TRACE("TANDEM_RANDOM_SEED=" + std::to_string(seed));
    Upstream upstream;
    Relay relay{Relay::service_to({upstream.endpoint()}), 1 + static_cast<unsigned>(seed % 2)};
    Crowd crowd{seed, connections, relay, upstream};
    crowd.run();
    EXPECT_TRUE(eventually([&] { return relay.counters().active == 0; }));
    const ServiceCounters counters = relay.counters();
    EXPECT_EQ(counters.accepted, connections);
    EXPECT_GE(counters.finished, connections - crowd.reset());
    EXPECT_EQ(counters.finished + counters.reset_by_client + counters.reset_by_upstream,
              connections);
    EXPECT_GE(counters.bytes_to_client + counters.bytes_to_upstream, crowd.bytes());
    EXPECT_EQ(relay.status().upstreams[0].active, 0U);
    return counters.bytes_spliced;
}

TEST(RandomForwarding, T12_T13_T14_EveryByteInItsPlace) {
    constexpr unsigned kConnections = 40;
    constexpr std::uint64_t kSeeds = 10;
    // Without an order: one seed at least, and no new one after this time.
    constexpr std::chrono::milliseconds kUsual{1200};
    const std::uint64_t first = number_from("TANDEM_RANDOM_SEED").value_or(1);
    const auto seconds = number_from("TANDEM_RANDOM_SECONDS");
    const auto begin = std::chrono::steady_clock::now();
    const auto goes_on = [&](std::uint64_t seed) {
        const auto spent = std::chrono::steady_clock::now() - begin;
        return seconds ? spent < std::chrono::seconds{*seconds}
                       : seed == first || (seed < first + kSeeds && spent < kUsual);
    };
    std::uint64_t spliced = 0;
    std::uint64_t seed = first;
    for (; goes_on(seed) && !HasFailure(); ++seed) {
        spliced += forward_seed(seed, kConnections);
    }
    RecordProperty("spliced", std::to_string(spliced));
    EXPECT_GT(spliced, 0U) << "both ways of moving bytes are meant";
    RecordProperty("seeds", static_cast<int>(seed - first));
}

}  // namespace
}  // namespace tandem::relay::test
