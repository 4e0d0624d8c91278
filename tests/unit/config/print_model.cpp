#include "tests/unit/config/print_model.hpp"

#include "proxy/config/value.hpp"

#include <sstream>

namespace tandem::config::test {
namespace {

std::string yes(bool value) {
    return value ? "yes" : "no";
}

std::string seconds(std::chrono::microseconds value) {
    return format_seconds(value) + "s";
}

void print_election(std::ostream& out, const vrrp::InstanceConfig& c) {
    out << "instance " << c.name << "\n  interface " << c.interface << " version "
        << static_cast<int>(c.version) << " family "
        << (c.family == vrrp::Family::Ipv4 ? "ipv4" : "ipv6") << " vrid "
        << int{c.virtual_router_id} << " priority " << int{c.priority} << "\n  interval "
        << seconds(c.advertisement_interval) << " down_timer_adverts " << c.down_timer_adverts
        << " start_as_active " << yes(c.start_as_active) << " preempt " << yes(c.preempt)
        << " checksum "
        << (c.checksum_form == vrrp::ChecksumForm::PseudoHeader ? "pseudo_header" : "message_only")
        << "\n";
    if (!c.password.empty()) {
        out << "  password " << c.password << "\n";
    }
    if (c.source_address) {
        out << "  source " << c.source_address->to_string() << "\n";
    }
    for (const auto& peer : c.unicast_peers) {
        out << "  peer " << peer.to_string() << "\n";
    }
    for (const auto& address : c.addresses) {
        out << "  advertises " << address.to_string() << "\n";
    }
}

void print_instance(std::ostream& out, const InstanceSettings& s) {
    print_election(out, s.election);
    for (const auto& a : s.addresses) {
        out << "  address " << a.address.to_string() << '/' << int{a.prefix_length} << " dev "
            << a.interface << " scope " << int{a.scope};
        if (!a.label.empty()) {
            out << " label " << a.label;
        }
        if (a.broadcast) {
            out << " broadcast " << a.broadcast->to_string();
        }
        out << (a.duplicate_address_detection ? " dad" : "") << "\n";
    }
    out << "  announce " << s.announce.repeat << " again after "
        << seconds(s.announce.second_burst_delay) << " refresh " << seconds(s.announce.refresh)
        << " repeat " << s.announce.refresh_repeat << "\n  lease " << s.lease.count() << "s\n";
    for (const auto& script : s.track_scripts) {
        out << "  track_script " << script.name << " weight "
            << (script.weight ? std::to_string(*script.weight) : "unset") << "\n";
    }
    for (const auto& interface : s.track_interfaces) {
        out << "  track_interface " << interface.name << " weight " << interface.weight << "\n";
    }
}

void print_check(std::ostream& out, const relay::HealthCheckConfig& c) {
    out << "    check interval " << seconds(c.interval) << " timeout " << seconds(c.connect_timeout)
        << " retries " << c.retries << " delay " << seconds(c.delay_before_retry) << " warmup "
        << seconds(c.warmup) << " start_down " << yes(c.start_down);
    if (c.target) {
        out << " target " << c.target->address().to_string() << ' ' << c.target->port();
    }
    out << "\n";
}

void print_service(std::ostream& out, const relay::ServiceConfig& s) {
    out << "service " << s.name << "\n  listen " << s.listen.address().to_string() << ' '
        << s.listen.port() << " instance " << (s.instance.empty() ? "-" : s.instance) << " source "
        << (s.source_address ? s.source_address->to_string() : "-") << " algorithm "
        << (s.algorithm == relay::Algorithm::RoundRobin ? "rr" : "wrr") << "\n  connect "
        << seconds(s.connect_timeout) << " idle " << seconds(s.idle_timeout) << " fin "
        << seconds(s.fin_timeout) << " max_connections " << s.max_connections << "\n";
    for (const auto& u : s.upstreams) {
        out << "  upstream " << u.name << " to " << u.endpoint.address().to_string() << ' '
            << u.endpoint.port() << " weight " << u.weight << "\n";
        if (u.check) {
            print_check(out, *u.check);
        }
    }
}

}  // namespace

std::string print_model(const Model& model) {
    std::ostringstream out;
    out << "global router_id " << model.global.router_id << " workers " << model.global.workers
        << " max_connections " << model.global.max_connections << " realtime_priority "
        << model.global.realtime_priority << "\n";
    for (const auto& s : model.scripts) {
        out << "script " << s.name << " [" << s.command << "] interval " << seconds(s.interval)
            << " timeout " << seconds(s.timeout) << " weight " << s.weight << " reverse "
            << yes(s.reverse) << " rise " << s.rise << " fall " << s.fall << " user "
            << (s.user.empty() ? "-" : s.user) << " init_fail " << yes(s.init_fail) << "\n";
    }
    for (const auto& instance : model.instances) {
        print_instance(out, instance);
    }
    for (const auto& service : model.services) {
        print_service(out, service);
    }
    return out.str();
}

}  // namespace tandem::config::test
