// authentication and auth_hmac → model. Keys appear in no message.
#include "proxy/config/draft.hpp"

#include <algorithm>
#include <utility>

namespace tandem::config {
namespace {

using vrrp::AuthHmacConfig;
using vrrp::Version;
using Key = std::vector<std::uint8_t>;

constexpr std::size_t kPasswordLength = 8;
constexpr std::size_t kShortestKey = 32;
constexpr std::size_t kLongestKey = 64;
constexpr std::chrono::seconds kShortestDefaultWindow{5};
constexpr std::chrono::seconds kLongestWindow{300};

std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return static_cast<unsigned>(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return static_cast<unsigned>(c - 'a') + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return static_cast<unsigned>(c - 'A') + 10;
    }
    return std::nullopt;
}

/// hex:DIGITS or text. Unset: not pairs of hexadecimal digits.
std::optional<Key> decode_key(std::string_view text) {
    constexpr std::string_view kHex = "hex:";
    if (!text.starts_with(kHex)) {
        return Key(text.begin(), text.end());
    }
    text.remove_prefix(kHex.size());
    if (text.size() % 2 != 0) {
        return std::nullopt;
    }
    Key key;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const auto high = hex_digit(text[i]);
        const auto low = hex_digit(text[i + 1]);
        if (!high || !low) {
            return std::nullopt;
        }
        key.push_back(static_cast<std::uint8_t>(*high << 4U | *low));
    }
    return key;
}

class AuthenticationBuilder {
  public:
    AuthenticationBuilder(vrrp::InstanceConfig& election, const InstanceDraft& draft,
                          const BuildContext& context)
        : election_(election), draft_(draft), context_(context), reporter_(context.reporter) {}

    void build() {
        if (draft_.hmac) {
            build_hmac(*draft_.hmac);
            if (draft_.auth_type || draft_.auth_pass) {
                reporter_.error(draft_.auth_type ? draft_.auth_type->at : draft_.auth_pass->at,
                                label() + "authentication is ignored: auth_hmac takes its place",
                                "remove the authentication block");
            }
            return;
        }
        build_password();
    }

  private:
    [[nodiscard]] std::string label() const { return "(" + draft_.name + ") "; }

    void build_password() {
        if (!draft_.auth_type && !draft_.auth_pass) {
            return;
        }
        const Position at = draft_.auth_type ? draft_.auth_type->at : draft_.auth_pass->at;
        if (election_.version == Version::V3) {
            reporter_.error(at, label() + "VRRP version 3 has no authentication; it is ignored",
                            "remove the authentication block, or use auth_hmac on all nodes");
            return;
        }
        if (!draft_.auth_type || !draft_.auth_pass) {
            reporter_.error(at,
                            label() + (draft_.auth_type ? "auth_pass" : "auth_type") +
                                " is missing; authentication is ignored",
                            "write auth_type PASS and auth_pass SECRET");
            return;
        }
        if (draft_.auth_type->value != "PASS") {
            const bool header = draft_.auth_type->value == "AH";
            reporter_.error(at,
                            label() +
                                (header ? "auth_type AH is not supported"
                                        : "unknown auth_type '" + draft_.auth_type->value + "'") +
                                "; advertisements are sent without authentication",
                            "use auth_type PASS on all nodes");
            return;
        }
        std::string password = draft_.auth_pass->value;
        if (password.empty()) {
            reporter_.error(draft_.auth_pass->at,
                            label() +
                                "auth_pass is empty; advertisements are sent without "
                                "authentication",
                            "write auth_pass SECRET, the same on all nodes");
            return;
        }
        if (password.size() > kPasswordLength) {
            password.resize(kPasswordLength);
            reporter_.warning(draft_.auth_pass->at,
                              label() + "auth_pass is cut to its first 8 characters",
                              "use at most 8 characters");
        }
        election_.password = std::move(password);
    }

    void build_hmac(const HmacDraft& draft) {
        AuthHmacConfig hmac;
        for (const HmacDraft::Key& key : draft.keys) {
            if (auto bytes = read_key(key)) {
                hmac.keys[key.id] = *std::move(bytes);
            }
        }
        if (!draft.active_key || !hmac.keys.contains(draft.active_key->value)) {
            const Position at = draft.active_key ? draft.active_key->at : draft.at;
            reporter_.fatal(at,
                            label() + "auth_hmac: " +
                                (draft.active_key ? "active_key names no usable key"
                                                  : std::string("active_key is missing")),
                            "write active_key ID with the ID of a key line");
            return;
        }
        hmac.active_key = draft.active_key->value;
        hmac.anti_replay = draft.anti_replay.value_or(hmac.anti_replay);
        hmac.time_window = draft.time_window.value_or(default_window());
        set_mode(hmac, draft);
        election_.auth_hmac = std::move(hmac);
    }

    [[nodiscard]] std::chrono::seconds default_window() const {
        const auto intervals =
            std::chrono::floor<std::chrono::seconds>(3 * election_.advertisement_interval);
        return std::clamp(intervals, kShortestDefaultWindow, kLongestWindow);
    }

    void set_mode(AuthHmacConfig& hmac, const HmacDraft& draft) {
        if (!draft.mode) {
            return;
        }
        hmac.mode = draft.mode->value;
        const bool strict = is_strict(draft_, context_.drafts.global);
        if (strict && hmac.mode != AuthHmacConfig::Mode::Enforce) {
            hmac.mode = AuthHmacConfig::Mode::Enforce;
            reporter_.warning(draft.mode->at,
                              label() +
                                  "auth_hmac: with strict mode only mode enforce is possible; "
                                  "it is used",
                              "remove strict mode for the time of the rollout");
        }
    }

    std::optional<Key> read_key(const HmacDraft::Key& draft) {
        constexpr std::string_view kFile = "file:";
        std::string value = draft.value;
        if (value.starts_with(kFile)) {
            const std::string path = value.substr(kFile.size());
            if (!path.starts_with('/')) {
                reject(draft, "is in a file without a full path", "write file:/PATH");
                return std::nullopt;
            }
            FileContent file = context_.environment.read(path);
            if (!file.text) {
                reject(draft, "cannot be read from " + path + ": " + file.reason,
                       "correct the path or the permissions");
                return std::nullopt;
            }
            if (file.exposed) {
                reporter_.warning(draft.at, label() + "others than its owner can read " + path,
                                  "chmod 600 " + path);
            }
            value = *std::move(file.text);
            while (value.ends_with('\n') || value.ends_with('\r')) {
                value.pop_back();
            }
        }
        auto key = decode_key(value);
        if (!key) {
            reject(draft, "is not pairs of hexadecimal digits");
        } else if (key->size() < kShortestKey || key->size() > kLongestKey) {
            reject(draft, "has " + std::to_string(key->size()) + " bytes");
            key.reset();
        }
        return key;
    }

    void reject(const HmacDraft::Key& draft, const std::string& problem,
                const std::string& advice =
                    "a key has 32 to 64 bytes; write hex: and what openssl "
                    "rand -hex 32 prints") {
        reporter_.error(draft.at,
                        label() + "auth_hmac: key " + std::to_string(draft.id) + ' ' + problem +
                            "; it is ignored",
                        advice);
    }

    vrrp::InstanceConfig& election_;
    const InstanceDraft& draft_;
    const BuildContext& context_;
    Reporter& reporter_;
};

}  // namespace

void build_authentication(vrrp::InstanceConfig& election, const InstanceDraft& draft,
                          const BuildContext& context) {
    AuthenticationBuilder(election, draft, context).build();
}

}  // namespace tandem::config
