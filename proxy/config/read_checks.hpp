// The checkers of a real_server, and the words about checks that stand outside of them too.
#pragma once

#include "proxy/config/draft.hpp"
#include "proxy/config/keyword.hpp"

namespace tandem::config {

// The values that virtual_server, real_server and the checkers share; all have a `check`.
template <class Target>
void set_delay_loop(Target& target, const Value& value) {
    target.check.delay_loop = value.milliseconds();
}
template <class Target>
void set_connect_timeout(Target& target, const Value& value) {
    target.check.connect_timeout = value.milliseconds();
}
/// So many failures in a row: one more than attempts after the first.
template <class Target>
void set_fall(Target& target, const Value& value) {
    target.check.retry = static_cast<unsigned>(value.integer) - 1;
}
template <class Target>
void set_rise(Target& target, const Value& value) {
    target.check.rise = static_cast<unsigned>(value.integer);
}
template <class Target>
void set_retry(Target& target, const Value& value) {
    target.check.retry = static_cast<unsigned>(value.integer);
}
template <class Target>
void set_delay_before_retry(Target& target, const Value& value) {
    target.check.delay_before_retry = value.milliseconds();
}
template <class Target>
void set_warmup(Target& target, const Value& value) {
    target.check.warmup = value.milliseconds();
}
template <class Target>
void set_alpha(Target& target, const Value& value) {
    target.check.alpha = value.flag;
}

/// virtualhost, sni_name: a name without blanks.
void read_host(std::string& host, const Value& value);

/// TCP_CHECK, HTTP_GET and the others, with their blocks.
void read_checker(UpstreamDraft& upstream, const Value& value);

}  // namespace tandem::config
