// What a mail server says to its check: no bytes crash it, and how they are cut does not matter.
//
// Input: a byte that says where to cut, then the bytes.
#include "proxy/relay/smtp_dialogue.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using tandem::relay::SmtpDialogue;

struct Outcome {
    std::string said;
    std::string verdict;
    bool operator==(const Outcome&) const = default;
};

Outcome talk(std::string_view bytes, std::size_t piece) {
    SmtpDialogue dialogue{"lb"};
    Outcome outcome;
    const auto add = [&outcome](const SmtpDialogue::Step& step) {
        outcome.said += step.send;
        if (step.verdict) {
            if (!outcome.verdict.empty() || step.verdict->text.size() > 200) {
                std::abort();
            }
            outcome.verdict = (step.verdict->passed ? "+" : "-") + step.verdict->text;
        }
    };
    while (!bytes.empty()) {
        add(dialogue.on_bytes(bytes.substr(0, piece)));
        bytes.remove_prefix(std::min(piece, bytes.size()));
    }
    add(dialogue.on_end());
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const Outcome whole = talk(bytes, size);
    if (whole.verdict.empty() || !whole.said.starts_with(whole.verdict[0] == '+' ? "HELO" : "")) {
        std::abort();
    }
    const Outcome cut = talk(bytes, std::size_t{1} + data[0]);
    // Only where a reply is found too long may depend on the cut.
    if (cut != whole && size < SmtpDialogue::kMostReply) {
        std::abort();
    }
    return 0;
}
