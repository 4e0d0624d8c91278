#include "proxy/daemon/self_check.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace tandem::daemon {
namespace {

bool is_shortage(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

std::string describe_accept(const SelfFacts& facts) {
    const std::string reason = std::generic_category().message(facts.accept_error);
    if (is_shortage(facts.accept_error)) {
        return "service " + facts.failing_service + " cannot accept connections: " + reason +
               " (raise the limit, or find what uses it up)";
    }
    return "the listener of service " + facts.failing_service + " is gone: " + reason +
           " (restart tandemd)";
}

}  // namespace

bool SelfCheck::Condition::update(bool present, std::chrono::milliseconds patience, TimePoint now) {
    if (present) {
        absent_since_.reset();
        present_since_ = present_since_.value_or(now);
        if (!counts_ && now - *present_since_ >= patience) {
            counts_ = true;
            const bool soon = cleared_ && now - *cleared_ < kLongestAbsence;
            absence_ = soon ? std::min(absence_ * 2, kLongestAbsence) : kAbsence;
        }
        return counts_;
    }
    present_since_.reset();
    absent_since_ = absent_since_.value_or(now);
    if (counts_ && now - *absent_since_ >= absence_) {
        counts_ = false;
        cleared_ = now;
    }
    return counts_;
}

SelfVerdict SelfCheck::observe(const SelfFacts& facts, TimePoint time) {
    observed_ += std::min<TimePoint::duration>(time - last_.value_or(time), 2 * kInterval);
    last_ = time;
    const TimePoint now = observed_;
    SelfVerdict verdict;
    if (stalled_.update(!facts.workers_answer, kSilence, now)) {
        verdict.faults.emplace_back(
            "a relay worker does not answer (see the log; report it as a bug, with a core dump)");
    }
    if (facts.accept_error != 0) {
        accept_text_ = describe_accept(facts);
    }
    const bool shortage = is_shortage(facts.accept_error);
    if (accept_.update(facts.accept_error != 0, shortage ? kPatience : std::chrono::milliseconds{0},
                       now)) {
        verdict.faults.push_back(accept_text_);
    }
    verdict.no_upstream = no_upstream_.update(facts.no_upstream, kPatience, now);
    return verdict;
}

}  // namespace tandem::daemon
