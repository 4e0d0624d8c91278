#include "proxy/control/status_view.hpp"

#include "proxy/control/json_text.hpp"
#include "proxy/control/time_text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace tandem::control {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr std::size_t kColumns = 80;
constexpr std::size_t kLabelWidth = 14;
constexpr std::size_t kUpstreamNameWidth = 28;

constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";

/// Collects lines and keeps every one of them inside the columns.
class Page {
  public:
    explicit Page(const ViewOptions& options) : options_(options) {}

    void blank() { text_ += '\n'; }

    /// "instance VI_1  ACTIVE"; only the state is coloured.
    void headline(std::string_view kind, std::string name, const std::string& state,
                  std::string_view colour) {
        const std::size_t room = kColumns - std::min(kColumns, kind.size() + state.size() + 3);
        name.resize(std::min(name.size(), room));
        text_ +=
            std::string(kind) + " " + coloured(name, kBold) + "  " + coloured(state, colour) + "\n";
    }

    /// A labelled value, wrapped between words under itself.
    void field(std::string_view label, std::string_view value) {
        std::string line = "  " + std::string(label);
        line.resize(kLabelWidth, ' ');
        const std::size_t start = line.size();
        while (!value.empty()) {
            std::string_view word = value.substr(0, value.find(' '));
            value.remove_prefix(std::min(value.size(), word.size() + 1));
            if (line.size() > start && line.size() + 1 + word.size() > kColumns) {
                finish(line, start);
            }
            line += line.size() > start ? " " : "";
            while (word.size() > kColumns - start) {
                line += word.substr(0, kColumns - start);
                word.remove_prefix(kColumns - start);
                finish(line, start);
            }
            line += word;
        }
        text_ += line + "\n";
    }

    void line(std::string_view text) { text_ += std::string(text.substr(0, kColumns)) + "\n"; }

    void table_row(const std::string& before, const std::string& state, std::string_view colour,
                   const std::string& after) {
        text_ += before + coloured(state, colour) + after + "\n";
    }

    std::string take() { return std::move(text_); }
    [[nodiscard]] const ViewOptions& options() const { return options_; }

  private:
    void finish(std::string& line, std::size_t indent) {
        text_ += line + "\n";
        line.assign(indent, ' ');
    }

    [[nodiscard]] std::string coloured(const std::string& text, std::string_view colour) const {
        if (!options_.colour || colour.empty()) {
            return text;
        }
        return std::string(colour) + text + std::string(kPlain);
    }

    const ViewOptions& options_;
    std::string text_;
};

std::string upper(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char character) {
        return character >= 'a' && character <= 'z' ? static_cast<char>(character - 'a' + 'A')
                                                    : character;
    });
    return text;
}

std::string moment(const std::string& text, system_clock::time_point now) {
    const auto time = parse_rfc3339(text);
    if (!time) {
        return text;
    }
    const auto distance = std::chrono::duration_cast<milliseconds>(now - *time);
    return distance.count() >= 0 ? text + " (" + format_duration(distance) + " ago)"
                                 : text + " (in " + format_duration(-distance) + ")";
}

std::string peer_text(const json::value& instance) {
    const json::value* peer = member(instance, "peer");
    if (peer == nullptr || !peer->is_object()) {
        return "none heard";
    }
    return text_of(*peer, "address") + ", priority " + text_of(*peer, "priority") + ", heard " +
           duration_of(*peer, "last_heard_ms") + " ago";
}

void render_tracked(Page& page, const json::value& instance) {
    std::string list;
    for (const json::value& object : array_of(instance, "tracked")) {
        const std::string weight = text_of(object, "weight");
        list += (list.empty() ? "" : ", ") + text_of(object, "kind") + " " +
                text_of(object, "name") + " " + text_of(object, "state") +
                (weight == "0" ? "" : " (weight " + weight + ")");
    }
    if (!list.empty()) {
        page.field("tracked", list);
    }
}

/// The latest few: what does not fit a healthy pair.
void render_alarms(Page& page, const json::value& instance) {
    constexpr std::size_t kShown = 5;
    std::size_t shown = 0;
    for (const json::value& alarm : array_of(instance, "alarms")) {
        if (shown++ == kShown) {
            page.field("alarm", "more: tandemctl --json status");
            return;
        }
        page.field("alarm", text_of(alarm, "kind") + " from " + text_of(alarm, "source") + " (" +
                                text_of(alarm, "mac") + "): " + text_of(alarm, "detail") + "; " +
                                text_of(alarm, "count") + " reports, last " +
                                moment(text_of(alarm, "last"), page.options().now));
    }
}

std::string addresses_text(const json::value& instance) {
    std::string list;
    for (const json::value& address : array_of(instance, "addresses")) {
        list += (list.empty() ? "" : ", ") + text_of(&address);
    }
    const std::string lease = text_of(instance, "lease_s");
    const bool present = true_of(instance, "addresses_present");
    return (list.empty() ? std::string(kNothing) : list) +
           (present ? "; on this node, lease " + lease + " s" : "; not on this node");
}

void render_instance(Page& page, const json::value& instance) {
    const std::string state = text_of(instance, "state");
    std::string_view colour;
    if (state == "active") {
        colour = kGreen;
    } else if (state == "fault") {
        colour = kRed;
    }
    page.headline("instance", text_of(instance, "name"), upper(state), colour);
    page.field("since", moment(text_of(instance, "since"), page.options().now));
    page.field("reason", text_of(instance, "reason"));
    for (const json::value& fault : array_of(instance, "faults")) {
        page.field("fault", text_of(&fault));
    }
    if (text_of(instance, "no_upstream") == "true") {
        page.field("degraded", "no upstream can be reached from here: lowest priority");
    }
    if (const std::string group = text_of(instance, "sync_group"); group != kNothing) {
        page.field("sync group", group);
    }
    page.field("priority", text_of(instance, "effective_priority") + " (configured " +
                               text_of(instance, "priority") + ")");
    page.field("addresses", addresses_text(instance));
    page.field("peer", peer_text(instance));
    if (const json::value* hold = member(instance, "hold");
        hold != nullptr && true_of(*hold, "active")) {
        const std::string until = text_of(*hold, "until");
        page.field("hold", "does not preempt until " +
                               (until == kNothing ? "resume" : moment(until, page.options().now)) +
                               "; to end it: tandemctl resume");
    }
    page.field("protocol", "VRRPv" + text_of(instance, "version") + ", virtual router " +
                               text_of(instance, "virtual_router_id") + " on " +
                               text_of(instance, "interface") + ", advertised each " +
                               text_of(instance, "advertisement_interval_ms") + " ms, down after " +
                               text_of(instance, "active_down_interval_ms") + " ms");
    if (const json::value* counters = member(instance, "counters")) {
        page.field("adverts", "sent " + text_of(*counters, "adverts_sent") + ", received " +
                                  text_of(*counters, "adverts_received") + ", discarded " +
                                  text_of(*counters, "discarded") + ", times active " +
                                  text_of(*counters, "became_active"));
        if (const json::value* lateness = member(*counters, "lateness_recent")) {
            page.field("lateness", "p99.9 " + text_of(*lateness, "p999_ms") + " ms, longest " +
                                       text_of(*lateness, "max_ms") + " ms in the last minutes");
        }
    }
    render_tracked(page, instance);
    render_alarms(page, instance);
}

/// What it is for new connections: of the operator and of the checks the one that says less.
std::string upstream_state(const json::value& upstream) {
    const std::string admin = text_of(upstream, "admin");
    if (admin == "down") {
        return admin;
    }
    const std::string state = text_of(upstream, "state");
    return admin == "drain" && state == "up" ? admin : state;
}

/// What the operator wants of it; empty: nothing.
std::string upstream_order(const json::value& upstream) {
    std::string order = text_of(upstream, "admin");
    if (order != "drain" && order != "down") {
        order.clear();
    } else if (order == "down") {
        order += text_of(upstream, "state") == "up" ? ", its checks find it up" : "";
    }
    const std::string configured = text_of(upstream, "configured_weight");
    if (configured != kNothing && configured != text_of(upstream, "weight")) {
        order += (order.empty() ? "" : ", ") + std::string("weight ") +
                 text_of(upstream, "weight") + " (configured " + configured + ")";
    }
    return order;
}

void render_failed_checks(Page& page, const json::value& upstream) {
    const json::value* checks = member(upstream, "checks");
    if (checks == nullptr || !checks->is_array()) {
        return;
    }
    for (const json::value& check : checks->get_array()) {
        if (text_of(check, "state") == "down") {
            page.field("check", text_of(check, "kind") + " down since " + text_of(check, "since") +
                                    ": " + text_of(check, "result"));
        }
        // Whatever its state is, it may be an old one.
        if (const std::string obstacle = text_of(check, "obstacle"); obstacle != kNothing) {
            page.field("check", text_of(check, "kind") + " cannot be made: " + obstacle);
        }
    }
}

void render_upstreams(Page& page, const json::array& upstreams) {
    if (upstreams.empty()) {
        page.field("upstreams", "none");
        return;
    }
    page.line("  " + left("upstream", kUpstreamNameWidth) +
              "  state weight   active  connected   failures");
    for (const json::value& upstream : upstreams) {
        std::string name = "  " + text_of(upstream, "name");
        if (name.size() > kUpstreamNameWidth + 2) {
            page.line(name);
            name.clear();
        }
        const std::string state = upstream_state(upstream);
        std::string_view colour;
        if (state == "up") {
            colour = kGreen;
        } else if (state == "down") {
            colour = kRed;
        }
        page.table_row(left(name, kUpstreamNameWidth + 2) + "  ", left(state, 5), colour,
                       " " + right(text_of(upstream, "weight"), 6) + " " +
                           right(text_of(upstream, "active"), 8) + " " +
                           right(text_of(upstream, "connected"), 10) + " " +
                           right(text_of(upstream, "connect_failures"), 10));
        if (const std::string order = upstream_order(upstream); !order.empty()) {
            page.field("ordered", order);
        }
        render_failed_checks(page, upstream);
        if (const std::string error = text_of(upstream, "last_error"); error != kNothing) {
            page.field("last error", error);
        }
    }
}

/// Only where a service has such limits and they were met.
void render_limits(Page& page, const json::value& service) {
    constexpr struct {
        const char* name;
        const char* text;
    } kLimits[] = {{"denied", " denied"},
                   {"refused_client_limit", " client limit"},
                   {"refused_client_rate", " client rate"},
                   {"lifetime_over", " lifetime over"}};
    std::string line;
    for (const auto& limit : kLimits) {
        const std::string count = text_of(service, limit.name);
        if (count != "0" && count != kNothing) {
            line += (line.empty() ? "" : ", ") + count + limit.text;
        }
    }
    if (!line.empty()) {
        page.field("limits", line);
    }
}

/// Only where it has happened.
std::string ended_by_operator(const json::value& service) {
    const std::string count = text_of(service, "ended_by_operator");
    return count == "0" || count == kNothing ? std::string() : ", " + count + " by the operator";
}

void render_service(Page& page, const json::value& service) {
    const bool accepting = true_of(service, "accepting");
    page.headline("service", text_of(service, "name"), accepting ? "ACCEPTING" : "NOT ACCEPTING",
                  accepting ? kGreen : std::string_view());
    page.field("instance", text_of(service, "instance"));
    page.field("connections", text_of(service, "active") + " active, " +
                                  text_of(service, "accepted") + " accepted, " +
                                  text_of(service, "finished") + " finished");
    page.field("ended", text_of(service, "reset_by_client") + " reset by client, " +
                            text_of(service, "reset_by_upstream") + " by upstream, " +
                            text_of(service, "reset_by_demotion") + " by demotion, " +
                            text_of(service, "timed_out") + " timed out" +
                            ended_by_operator(service));
    page.field("not served", text_of(service, "no_upstream") + " no upstream, " +
                                 text_of(service, "refused_inactive") + " node not active, " +
                                 text_of(service, "local_errors") + " local errors");
    render_limits(page, service);
    page.field("bytes", bytes_of(service, "bytes_to_upstream") + " to upstream, " +
                            bytes_of(service, "bytes_to_client") + " to client");
    render_upstreams(page, array_of(service, "upstreams"));
}

std::string guardian_text(const json::value& node) {
    const std::string state = text_of(node, "guardian");
    const std::string restarts = text_of(node, "restarts");
    std::string text = state == "gone" ? "died: nobody cleans up if the node dies, too" : state;
    if (restarts != "0" && restarts != kNothing) {
        text += ", started the node again " + restarts + " times";
    }
    return text;
}

}  // namespace

std::string render_status(const json::value& body, const ViewOptions& options) {
    Page page(options);
    if (const json::value* node = member(body, "node")) {
        page.headline("node", text_of(*node, "name"), "tandem " + text_of(*node, "version"), {});
        page.field("running",
                   duration_of(*node, "uptime_ms") + ", process " + text_of(*node, "pid"));
        page.field("config", text_of(*node, "config"));
        if (member(*node, "guardian") != nullptr) {
            page.field("guardian", guardian_text(*node));
        }
        const std::string lost = text_of(*node, "access_records_lost");
        if (lost != "0" && lost != kNothing) {
            page.field("access log", lost + " records lost");
        }
    }
    for (const json::value& instance : array_of(body, "instances")) {
        page.blank();
        render_instance(page, instance);
    }
    for (const json::value& service : array_of(body, "services")) {
        page.blank();
        render_service(page, service);
    }
    return page.take();
}

std::string render_event(const json::value& event) {
    return left(text_of(event, "time"), 24) + "  " + left(text_of(event, "id"), 20) + "  " +
           text_of(event, "text");
}

}  // namespace tandem::control
