#include "proxy/daemon/file_probe.hpp"

#include "proxy/daemon/file_value.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <system_error>
#include <utility>

#include <boost/asio/post.hpp>

namespace tandem::daemon {

namespace {

using Kind = relay::ProbeResult::Kind;

/// keepalived's, and more than the balancer counts.
constexpr std::int64_t kMostWeight = 65535;

bool is_shortage(int error) {
    return error == EMFILE || error == ENFILE || error == ENOMEM;
}

struct FileValue {
    int value = 0;
    /// For people.
    std::string text;
};

FileValue value_of(const FileContent& content) {
    if (content.error == ENOENT || content.error == ENOTDIR) {
        return {0, "no file: value 0"};
    }
    if (content.error != 0) {
        return {0,
                "cannot be read (" + std::generic_category().message(content.error) + "): value 0"};
    }
    const auto value = content.regular ? parse_file_value(content.text) : std::nullopt;
    return value ? FileValue{*value, "value " + std::to_string(*value)}
                 : FileValue{0, "no number: value 0"};
}

class FileProbe final : public relay::Probe {
  public:
    FileProbe(boost::asio::io_context& context, relay::FileCheck check)
        : context_(context), check_(std::move(check)) {}

    void start(Done done) override {
        boost::asio::post(context_,
                          [this, alive = std::weak_ptr<char>(alive_), done = std::move(done)] {
                              if (!alive.expired()) {
                                  done(read());
                              }
                          });
    }
    void cancel() override { alive_ = std::make_shared<char>(); }

  private:
    relay::ProbeResult read() {
        FileContent content = read_file(check_.path);
        // `echo 5 > file` empties it first: that is believed when it is seen twice.
        const bool empty = content.error == 0 && content.regular && content.text.empty();
        if (empty && !std::exchange(was_empty_, true) && last_) {
            return *last_;
        }
        was_empty_ = empty;
        const relay::ProbeResult result = result_of(content, check_);
        if (result.kind != Kind::Skipped) {
            last_ = result;
        }
        return result;
    }

    boost::asio::io_context& context_;
    const relay::FileCheck check_;
    bool was_empty_ = false;
    std::optional<relay::ProbeResult> last_;
    std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace

relay::ProbeResult result_of(const FileContent& content, const relay::FileCheck& check) {
    if (is_shortage(content.error)) {
        return {.kind = Kind::Skipped, .text = std::generic_category().message(content.error)};
    }
    const FileValue file = value_of(content);
    if (check.weight == 0) {
        const bool failed = (file.value != 0) != check.reverse;
        return {.kind = failed ? Kind::Failed : Kind::Passed, .text = file.text};
    }
    // 32 bits times 32 bits.
    const std::int64_t change = file.value * (check.reverse ? -check.weight : check.weight);
    if (change <= std::numeric_limits<std::int32_t>::min()) {
        return {.kind = Kind::Failed, .text = file.text};
    }
    const std::int64_t weight =
        std::clamp<std::int64_t>(check.base_weight + change, 0, kMostWeight);
    return {.kind = Kind::Passed,
            .text = file.text + ": weight " + std::to_string(weight),
            .weight = static_cast<unsigned>(weight)};
}

std::unique_ptr<relay::Probe> make_file_probe(boost::asio::io_context& context,
                                              const relay::FileCheck& check) {
    return std::make_unique<FileProbe>(context, check);
}

}  // namespace tandem::daemon
