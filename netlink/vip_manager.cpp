#include "netlink/vip_manager_impl.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace tandem::netlink {

namespace {

error_code from_errno(int error) {
    return {error, boost::system::system_category()};
}

}  // namespace

VipManager::Impl::Impl(boost::asio::io_context& context, std::vector<AddressGroup> groups,
                       const std::vector<std::string>& watched_interfaces, Callbacks callbacks,
                       int monitor_receive_buffer)
    : context_(context),
      callbacks_(std::move(callbacks)),
      monitor_receive_buffer_(monitor_receive_buffer),
      monitor_(context),
      conflict_watch_(context),
      conflict_timer_(context),
      settle_timer_(context),
      announce_timer_(context),
      retry_timer_(context) {
    for (AddressGroup& config : groups) {
        const Group& group = add_group(std::move(config));
        for (const VirtualAddress& address : group.config.addresses) {
            virtual_addresses_.insert(address.address);
        }
    }
    watch_interfaces(watched_interfaces);
}

error_code VipManager::Impl::start() {
    if (running_) {
        return {};
    }
    error_code error = requests_.open();
    if (!error) {
        error = announcer_.open();
    }
    if (!error) {
        error = open_conflict_watch();
    }
    if (!error) {
        // Follow before reading, so that no change falls between the two.
        error = open_monitor();
    }
    if (!error) {
        error = synchronise();
    }
    if (error) {
        requests_.close();
        announcer_.close();
        conflict_watch_.close();
        monitor_.close();
        return error;
    }
    running_ = true;
    find_own_addresses();
    remove_stale();
    remove_stale_routes();
    for (auto& [name, watched] : interfaces_) {
        watched.reported = false;
        const Link* link = tables_.find_link(name);
        watched.link = link != nullptr ? std::optional{*link} : std::nullopt;
    }
    wait_for_changes();
    reconcile_soon();
    return {};
}

void VipManager::Impl::stop() {
    if (!running_) {
        return;
    }
    for (const auto& group : groups_) {
        if (group->acquired) {
            release(*group);
        }
    }
    running_ = false;
    announcements_.clear();
    announce_timer_.cancel();
    retry_timer_.cancel();
    retry_at_.reset();
    conflict_timer_.cancel();
    settle_timer_.cancel();
    conflict_watch_.close();
    monitor_.close();
    requests_.close();
    announcer_.close();
}

Group* VipManager::Impl::find_group(const std::string& name) {
    const auto found = std::find_if(groups_.begin(), groups_.end(),
                                    [&](const auto& group) { return group->config.name == name; });
    return found == groups_.end() ? nullptr : found->get();
}

// ---------------------------------------------------------------- following the kernel

error_code VipManager::Impl::synchronise() {
    RequestSocket::Dump dump = requests_.dump(DumpKind::Links);
    if (dump.error) {
        return dump.error;
    }
    RequestSocket::Dump addresses = requests_.dump(DumpKind::Addresses);
    if (addresses.error) {
        return addresses.error;
    }
    std::move(addresses.messages.begin(), addresses.messages.end(),
              std::back_inserter(dump.messages));
    if (const error_code error = read_routes(dump.messages)) {
        return error;
    }
    tables_.load(dump.messages);
    last_resync_ = Clock::now();
    resync_needed_ = !dump.consistent || !addresses.consistent;
    return {};
}

/// Brings the tables up to date. @return false when they are not yet; a reconciliation is under
/// way then.
bool VipManager::Impl::drain() {
    const auto outcome = monitor_.drain([this](const Message& message) {
        tables_.apply(message);
        // With either the kernel may have dropped routes without a word.
        routes_stale_ = routes_stale_ || std::holds_alternative<LinkPresent>(message.body) ||
                        std::holds_alternative<LinkGone>(message.body) ||
                        std::holds_alternative<AddressGone>(message.body);
    });
    if (outcome == MonitorSocket::Outcome::Overrun) {
        if (!resync_needed_) {
            callbacks_.on_notice({.kind = Kind::Overrun,
                                  .address = {},
                                  .interface = {},
                                  .text = "kernel notifications were lost, reading all again"});
        }
        resync_needed_ = true;
    } else if (outcome == MonitorSocket::Outcome::MoreLeft) {
        reconcile_soon();
        return false;
    }
    if (!resync_needed_) {
        return true;
    }
    // In a storm of changes reading everything again must not become a busy loop.
    const auto wait = last_resync_ + kResyncInterval - Clock::now();
    if (wait > Clock::duration::zero()) {
        reconcile_after(wait);
        return false;
    }
    if (synchronise() || resync_needed_) {
        reconcile_after(kResyncInterval);
        return !resync_needed_;
    }
    return true;
}

void VipManager::Impl::wait_for_changes() {
    monitor_.async_wait([weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (error || !self || !self->running_) {
            return;
        }
        self->reconcile();
        if (self->running_) {
            self->wait_for_changes();
        }
    });
}

void VipManager::Impl::reconcile_soon() {
    if (std::exchange(reconcile_posted_, true)) {
        return;
    }
    boost::asio::post(context_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) {
            self->reconcile_posted_ = false;
            self->reconcile();
        }
    });
}

void VipManager::Impl::reconcile_after(Clock::duration delay) {
    const auto when = Clock::now() + delay;
    if (retry_at_ && *retry_at_ <= when) {
        return;
    }
    retry_at_ = when;
    arm(retry_timer_, when, &Impl::on_retry_timer);
}

void VipManager::Impl::on_retry_timer() {
    retry_at_.reset();
    reconcile();
}

/// Compares desired and actual state and corrects the differences; reports interface changes.
/// Decides only on tables that are up to date, else an old notification would look like a change.
void VipManager::Impl::reconcile() {
    if (!running_ || !drain()) {
        return;
    }
    const auto now = Clock::now();
    follow_own_addresses();
    for (const Operation& operation : plan()) {
        correct(operation, now);
    }
    correct_routes(now);
    report_interfaces();
    send_queued();
}

void VipManager::Impl::report_interfaces() {
    auto own_addresses = tables_.own_addresses(virtual_addresses_);
    if (own_addresses != own_addresses_) {
        own_addresses_ = std::move(own_addresses);
        for (auto& [name, watched] : interfaces_) {
            watched.reported = false;
        }
    }
    // The callback may stop the manager, but names are never added or removed.
    for (auto& [name, watched] : interfaces_) {
        announce_after_link_change(name, tables_.find_link(name), watched);
        auto state = interface_state(name);
        if (!watched.reported || watched.state != state) {
            watched.reported = true;
            watched.state = state;
            callbacks_.on_interface(name, state);
            if (!running_) {
                return;
            }
        }
    }
}

/// Neighbours and switches must learn again after the carrier came back, the hardware address
/// changed or the interface was made anew.
void VipManager::Impl::announce_after_link_change(const std::string& interface, const Link* link,
                                                  WatchedInterface& watched) {
    const auto before =
        std::exchange(watched.link, link != nullptr ? std::optional{*link} : std::nullopt);
    if (before != watched.link) {
        watched.forwards_ipv6_read.reset();
    }
    if (link == nullptr || !link->running) {
        return;
    }
    if (before && before->running && before->mac == link->mac && before->index == link->index) {
        return;
    }
    watched.up_since = Clock::now();
    watched.settle_step = 0;
    arm_settle_timer();
    for (const auto& group : groups_) {
        const AnnounceSchedule& schedule = group->config.schedule;
        const bool concerned = queue_on_interface(*group, interface, schedule.repeat);
        if (concerned && group->acquired) {
            // A switch port that has just come up may drop the first burst.
            arm_second_burst(*group, schedule.second_burst_delay, schedule.repeat);
        }
    }
}

// ---------------------------------------------------------------- correcting differences

std::vector<Operation> VipManager::Impl::plan() const {
    std::vector<DesiredGroup> desired;
    desired.reserve(groups_.size());
    for (const auto& group : groups_) {
        desired.push_back(
            {.addresses = group->config.addresses, .acquired = group->acquired, .own = group->own});
    }
    return plan_changes(desired, tables_);
}

/// At start nothing is acquired, so the plan is the list of leftovers.
void VipManager::Impl::remove_stale() {
    for (const Operation& operation : plan()) {
        Group& group = *groups_[operation.group];
        const auto answer =
            remove(group, operation.address, operation.index, operation.prefix_length);
        if (!answer.error) {
            notify(Kind::StaleRemoved, group.config.addresses[operation.address],
                   "left by an earlier life");
        }
    }
}

void VipManager::Impl::correct(const Operation& operation, Clock::time_point now) {
    Group& group = *groups_[operation.group];
    if (operation.kind == Operation::Kind::Add && group.lapsed(now)) {
        // Not somebody else's doing: the lease ended while this thread did not run.
        recover_lapsed_soon(group);
        return;
    }
    if (within_limit(operation, now)) {
        execute_correction(operation);
    } else {
        reconcile_after(CorrectionLimiter::kInterval);
    }
}

bool VipManager::Impl::within_limit(const Operation& operation, Clock::time_point now) {
    Group& group = *groups_[operation.group];
    Record& record = group.records[operation.address];
    if (record.limiter.allow(now)) {
        if (record.limiter.available() >= CorrectionLimiter::kBurst / 2) {
            record.contested = false;
        }
        return true;
    }
    if (!std::exchange(record.contested, true) && !record.failing) {
        const bool adding = operation.kind == Operation::Kind::Add;
        notify(adding ? Kind::AddressFailed : Kind::RemoveFailed,
               group.config.addresses[operation.address],
               adding ? "somebody else keeps removing it, faster than it is put back"
                      : "somebody else keeps adding it, faster than it is removed");
    }
    return false;
}

void VipManager::Impl::execute_correction(const Operation& operation) {
    Group& group = *groups_[operation.group];
    const VirtualAddress& address = group.config.addresses[operation.address];
    if (operation.kind == Operation::Kind::Remove) {
        const auto answer =
            remove(group, operation.address, operation.index, operation.prefix_length);
        if (answer.error) {
            reconcile_after(kRetryDelay);
        } else {
            notify(Kind::StaleRemoved, address,
                   group.acquired ? "added by somebody else with prefix length " +
                                        std::to_string(operation.prefix_length)
                                  : "added by somebody else while this node is not active");
        }
        return;
    }
    const bool failed_before = group.records[operation.address].failing;
    if (add(group, operation.address, operation.index).error) {
        reconcile_after(kRetryDelay);
        return;
    }
    notify(Kind::AddressRepaired, address,
           failed_before ? "could not be added before" : "removed by somebody else");
    if (!failed_before) {
        count_repair(group, operation.address);
    }
    queue_announcements(group, operation.address, group.config.schedule.repeat);
}

/// Once for each fight that lasts.
void VipManager::Impl::count_repair(Group& group, std::size_t position) {
    Record& record = group.records[position];
    const auto now = Clock::now();
    if (now - record.repairs_since >= kContestedTime) {
        record.repairs_since = now;
        record.repairs = 0;
    }
    if (++record.repairs != kContestedRepairs) {
        return;
    }
    const VirtualAddress& address = group.config.addresses[position];
    callbacks_.on_notice({.kind = Kind::AddressContested,
                          .address = address.address,
                          .interface = address.interface,
                          .text = "removed " + std::to_string(kContestedRepairs) +
                                  " times within " + std::to_string(kContestedTime.count()) + " s",
                          .group = group.config.name});
}

error_code VipManager::Impl::acquire(Group& group, bool peer_known) {
    if (!running_) {
        return from_errno(EBADF);
    }
    drain();
    group.acquired = true;
    group.leaving = false;
    group.last_refresh = Clock::now();
    if (const error_code error = add_all(group)) {
        release(group);
        return error;
    }
    add_routes(group);
    arm_lease_timer(group);
    begin_watching_claims(group, peer_known);
    announce(group);
    // Own notifications and whatever else was read.
    reconcile_soon();
    return {};
}

error_code VipManager::Impl::release(Group& group) {
    prepare_release(group);
    group.leaving = false;
    group.acquired = false;
    group.cancel_timers();
    if (!running_) {
        return {};
    }
    remove_routes(group);
    const error_code error = remove_all(group);
    if (error) {
        reconcile_after(kRetryDelay);
    }
    reconcile_soon();
    return error;
}

void VipManager::Impl::notify(Kind kind, const VirtualAddress& address, std::string text) const {
    callbacks_.on_notice({.kind = kind,
                          .address = address.address,
                          .interface = address.interface,
                          .text = std::move(text)});
}

// ---------------------------------------------------------------- the public face

VipManager::VipManager(boost::asio::io_context& context, std::vector<AddressGroup> groups,
                       std::vector<std::string> watched_interfaces, Callbacks callbacks,
                       int monitor_receive_buffer) {
    if (!callbacks.on_notice) {
        callbacks.on_notice = [](const Notice&) {};
    }
    if (!callbacks.on_interface) {
        callbacks.on_interface = [](const std::string&, const std::optional<InterfaceState>&) {};
    }
    if (!callbacks.on_route) {
        callbacks.on_route = [](const RouteNotice&) {};
    }
    impl_ = std::make_shared<Impl>(context, std::move(groups), watched_interfaces,
                                   std::move(callbacks), monitor_receive_buffer);
}

VipManager::~VipManager() {
    impl_->stop();
}

error_code VipManager::start() {
    return impl_->start();
}

void VipManager::stop() {
    impl_->stop();
}

error_code VipManager::reconfigure(std::vector<AddressGroup> groups,
                                   const std::vector<std::string>& watched_interfaces) {
    return impl_->reconfigure(std::move(groups), watched_interfaces);
}

void VipManager::probe(const std::string& group) {
    if (const Group* found = impl_->find_group(group)) {
        impl_->probe(*found);
    }
}

void VipManager::prepare_release(const std::string& group) {
    if (Group* found = impl_->find_group(group)) {
        impl_->prepare_release(*found);
    }
}

error_code VipManager::acquire(const std::string& group, bool peer_known) {
    Group* found = impl_->find_group(group);
    return found != nullptr ? impl_->acquire(*found, peer_known) : from_errno(EINVAL);
}

error_code VipManager::release(const std::string& group) {
    Group* found = impl_->find_group(group);
    return found != nullptr ? impl_->release(*found) : from_errno(EINVAL);
}

void VipManager::announce(const std::string& group) {
    if (Group* found = impl_->find_group(group)) {
        impl_->announce_again(*found);
    }
}

error_code VipManager::announce_own(const std::string& interface, const IpAddress& address) {
    return impl_->announce_own(interface, address);
}

std::vector<Bytes> VipManager::removal_requests(const std::string& group) const {
    const Group* found = impl_->find_group(group);
    return found != nullptr ? impl_->removal_requests(*found) : std::vector<Bytes>{};
}

bool VipManager::acquired(const std::string& group) const {
    const Group* found = impl_->find_group(group);
    return found != nullptr && found->acquired;
}

std::optional<InterfaceState> VipManager::interface_state(const std::string& name) const {
    return impl_->interface_state(name);
}

bool VipManager::is_own_address(const IpAddress& address) const {
    return impl_->is_own_address(address);
}

}  // namespace tandem::netlink
