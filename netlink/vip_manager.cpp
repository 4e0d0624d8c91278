#include "netlink/vip_manager.hpp"

#include "netlink/announcer.hpp"
#include "netlink/socket.hpp"
#include "netlink/tables.hpp"
#include "netlink/vip_plan.hpp"

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

using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Kind = Notice::Kind;

/// Pause before something that failed or was put off is tried again.
constexpr std::chrono::seconds kRetryDelay{1};
/// Least time between two readings of the whole tables.
constexpr std::chrono::milliseconds kResyncInterval{100};
/// A lease is refreshed after this part of it.
constexpr int kRefreshesPerLease = 3;

error_code from_errno(int error) {
    return {error, boost::system::system_category()};
}

std::string describe(const RequestSocket::Answer& answer) {
    return answer.text.empty() ? answer.error.message()
                               : answer.error.message() + ": " + answer.text;
}

/// The kernel's addresses carry no scope id; compare without.
IpAddress without_scope_id(const IpAddress& address) {
    return address.is_v6() ? boost::asio::ip::address_v6{address.to_v6().to_bytes()} : address;
}

/// The table entry of a virtual address, as far as decisions look at it.
Address address_entry(const VirtualAddress& address, unsigned index, std::uint8_t prefix_length) {
    Address entry;
    entry.index = index;
    entry.address = address.address;
    entry.prefix_length = prefix_length;
    entry.scope = address.scope;
    return entry;
}

Message as_message(decltype(Message::body) body) {
    Message message;
    message.body = std::move(body);
    return message;
}

/// What is remembered about one virtual address.
struct AddressRecord {
    CorrectionLimiter limiter;
    /// The limit was reached and reported.
    bool contested = false;
    /// The last request failed and was reported.
    bool failing = false;
};

struct Group {
    Group(AddressGroup group, boost::asio::io_context& context)
        : config(std::move(group)),
          records(config.addresses.size()),
          lease_timer(context),
          second_burst_timer(context),
          announce_timer(context) {
        for (VirtualAddress& address : config.addresses) {
            address.address = without_scope_id(address.address);
        }
    }

    [[nodiscard]] bool has_lease() const { return config.lease.count() > 0; }
    /// The lease ran out because this thread did not run; the kernel has ended the addresses.
    [[nodiscard]] bool lapsed(Clock::time_point now) const {
        return acquired && has_lease() && now - last_refresh >= config.lease;
    }
    void cancel_timers() {
        lease_timer.cancel();
        second_burst_timer.cancel();
        announce_timer.cancel();
    }

    AddressGroup config;
    std::vector<AddressRecord> records;
    bool acquired = false;
    Clock::time_point last_refresh;
    boost::asio::steady_timer lease_timer;
    boost::asio::steady_timer second_burst_timer;
    boost::asio::steady_timer announce_timer;
};

/// What was last seen and said of an interface.
struct WatchedInterface {
    bool reported = false;
    std::optional<InterfaceState> state;
    /// The link as neighbours know it; announcements follow a change.
    std::optional<Link> link;
};

}  // namespace

class VipManager::Impl : public std::enable_shared_from_this<Impl> {
  public:
    Impl(boost::asio::io_context& context, std::vector<AddressGroup> groups,
         const std::vector<std::string>& watched_interfaces, Callbacks callbacks,
         int monitor_receive_buffer);

    error_code start();
    void stop();
    error_code acquire(Group& group);
    error_code release(Group& group);
    void announce(Group& group);

    Group* find_group(const std::string& name);
    [[nodiscard]] std::optional<InterfaceState> interface_state(const std::string& name) const {
        return tables_.interface_state(name, virtual_addresses_);
    }

  private:
    // Following the kernel.
    error_code synchronise();
    bool drain();
    void wait_for_changes();
    void reconcile_soon();
    void reconcile_after(Clock::duration delay);
    void reconcile();
    void report_interfaces();
    void announce_after_link_change(const std::string& interface, const Link* link,
                                    WatchedInterface& watched);

    // Correcting differences.
    std::vector<Operation> plan() const;
    void remove_stale();
    void correct(const Operation& operation, Clock::time_point now);
    bool within_limit(const Operation& operation, Clock::time_point now);
    void execute_correction(const Operation& operation);

    // Requests for one address.
    RequestSocket::Answer add(Group& group, std::size_t position, unsigned index);
    RequestSocket::Answer remove(Group& group, std::size_t position, unsigned index,
                                 std::uint8_t prefix_length);
    error_code add_all(Group& group);
    error_code remove_all(Group& group);
    void add_or_report(Group& group, std::size_t position, unsigned index);

    // Lease and announcements.
    void arm(boost::asio::steady_timer& timer, Clock::duration delay, Group& group,
             void (Impl::*action)(Group&));
    void arm_lease_timer(Group& group);
    void on_lease_timer(Group& group);
    void recover_lapsed(Group& group);
    void send_announcements(Group& group, std::size_t position, unsigned repeat);
    void announce_all(Group& group, unsigned repeat);
    void on_second_burst(Group& group);
    void on_announce_timer(Group& group);

    void notify(Kind kind, const VirtualAddress& address, std::string text) const;

    boost::asio::io_context& context_;
    Callbacks callbacks_;
    int monitor_receive_buffer_;
    bool running_ = false;
    RequestSocket requests_;
    MonitorSocket monitor_;
    Announcer announcer_;
    Tables tables_;
    /// Never resized after construction: handlers hold references to its elements.
    std::vector<Group> groups_;
    std::map<std::string, WatchedInterface> interfaces_;
    std::set<IpAddress> virtual_addresses_;
    boost::asio::steady_timer retry_timer_;
    /// When retry_timer_ runs out; nullopt: it does not run.
    std::optional<Clock::time_point> retry_at_;
    bool reconcile_posted_ = false;
    /// Notifications were lost and the tables must be read again.
    bool resync_needed_ = false;
    Clock::time_point last_resync_{};
};

VipManager::Impl::Impl(boost::asio::io_context& context, std::vector<AddressGroup> groups,
                       const std::vector<std::string>& watched_interfaces, Callbacks callbacks,
                       int monitor_receive_buffer)
    : context_(context),
      callbacks_(std::move(callbacks)),
      monitor_receive_buffer_(monitor_receive_buffer),
      monitor_(context),
      retry_timer_(context) {
    groups_.reserve(groups.size());
    for (AddressGroup& config : groups) {
        const Group& group = groups_.emplace_back(std::move(config), context);
        for (const VirtualAddress& address : group.config.addresses) {
            virtual_addresses_.insert(address.address);
            interfaces_.try_emplace(address.interface);
        }
    }
    for (const std::string& name : watched_interfaces) {
        interfaces_.try_emplace(name);
    }
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
        // Follow before reading, so that no change falls between the two.
        error = monitor_.open(monitor_receive_buffer_);
    }
    if (!error) {
        error = synchronise();
    }
    if (error) {
        requests_.close();
        announcer_.close();
        monitor_.close();
        return error;
    }
    running_ = true;
    remove_stale();
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
    for (Group& group : groups_) {
        if (group.acquired) {
            release(group);
        }
    }
    running_ = false;
    retry_timer_.cancel();
    retry_at_.reset();
    monitor_.close();
    requests_.close();
    announcer_.close();
}

Group* VipManager::Impl::find_group(const std::string& name) {
    const auto found = std::find_if(groups_.begin(), groups_.end(),
                                    [&](const Group& group) { return group.config.name == name; });
    return found == groups_.end() ? nullptr : &*found;
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
    tables_.load(dump.messages);
    last_resync_ = Clock::now();
    resync_needed_ = !dump.consistent || !addresses.consistent;
    return {};
}

/// Brings the tables up to date. @return false when they are not yet; a reconciliation is under
/// way then.
bool VipManager::Impl::drain() {
    const auto outcome = monitor_.drain([this](const Message& message) { tables_.apply(message); });
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
    retry_timer_.expires_at(when);
    retry_timer_.async_wait([weak = weak_from_this()](const error_code& error) {
        const auto self = weak.lock();
        if (!error && self) {
            self->retry_at_.reset();
            self->reconcile();
        }
    });
}

/// Compares desired and actual state and corrects the differences; reports interface changes.
/// Decides only on tables that are up to date, else an old notification would look like a change.
void VipManager::Impl::reconcile() {
    if (!running_ || !drain()) {
        return;
    }
    const auto now = Clock::now();
    for (const Operation& operation : plan()) {
        correct(operation, now);
    }
    report_interfaces();
}

void VipManager::Impl::report_interfaces() {
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
    if (link == nullptr || !link->running) {
        return;
    }
    if (before && before->running && before->mac == link->mac && before->index == link->index) {
        return;
    }
    for (Group& group : groups_) {
        for (std::size_t i = 0; i < group.config.addresses.size(); ++i) {
            if (group.config.addresses[i].interface == interface) {
                send_announcements(group, i, group.config.schedule.repeat);
            }
        }
    }
}

// ---------------------------------------------------------------- correcting differences

std::vector<Operation> VipManager::Impl::plan() const {
    std::vector<DesiredGroup> desired;
    desired.reserve(groups_.size());
    for (const Group& group : groups_) {
        desired.push_back({.addresses = group.config.addresses, .acquired = group.acquired});
    }
    return plan_changes(desired, tables_);
}

/// At start nothing is acquired, so the plan is the list of leftovers.
void VipManager::Impl::remove_stale() {
    for (const Operation& operation : plan()) {
        Group& group = groups_[operation.group];
        const auto answer =
            remove(group, operation.address, operation.index, operation.prefix_length);
        if (!answer.error) {
            notify(Kind::StaleRemoved, group.config.addresses[operation.address],
                   "left by an earlier life");
        }
    }
}

void VipManager::Impl::correct(const Operation& operation, Clock::time_point now) {
    Group& group = groups_[operation.group];
    if (operation.kind == Operation::Kind::Add && group.lapsed(now)) {
        // Not somebody else's doing: the lease ended while this thread did not run.
        arm(group.lease_timer, kLapsedGrace, group, &Impl::recover_lapsed);
        return;
    }
    if (within_limit(operation, now)) {
        execute_correction(operation);
    } else {
        reconcile_after(kRetryDelay);
    }
}

bool VipManager::Impl::within_limit(const Operation& operation, Clock::time_point now) {
    Group& group = groups_[operation.group];
    AddressRecord& record = group.records[operation.address];
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
               adding ? "somebody else keeps removing it; put back once a second from now on"
                      : "somebody else keeps adding it; removed once a second from now on");
    }
    return false;
}

void VipManager::Impl::execute_correction(const Operation& operation) {
    Group& group = groups_[operation.group];
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
    if (add(group, operation.address, operation.index).error) {
        reconcile_after(kRetryDelay);
        return;
    }
    notify(Kind::AddressRepaired, address, "removed by somebody else");
    send_announcements(group, operation.address, group.config.schedule.repeat);
}

// ---------------------------------------------------------------- requests for one address

RequestSocket::Answer VipManager::Impl::add(Group& group, std::size_t position, unsigned index) {
    const VirtualAddress& address = group.config.addresses[position];
    auto answer = requests_.add_address(index, address, group.config.lease);
    if (!answer.error) {
        // The notification of a new IPv6 address comes later, from a kernel work queue.
        tables_.apply(
            as_message(AddressPresent{address_entry(address, index, address.prefix_length)}));
    }
    // A failure that lasts is said once.
    const bool known = std::exchange(group.records[position].failing, answer.error.failed());
    if (answer.error && !known) {
        notify(Kind::AddressFailed, address, describe(answer));
    }
    return answer;
}

RequestSocket::Answer VipManager::Impl::remove(Group& group, std::size_t position, unsigned index,
                                               std::uint8_t prefix_length) {
    const VirtualAddress& address = group.config.addresses[position];
    auto answer = requests_.remove_address(index, address.address, prefix_length);
    if (!answer.error) {
        tables_.apply(as_message(AddressGone{address_entry(address, index, prefix_length)}));
    }
    const bool known = std::exchange(group.records[position].failing, answer.error.failed());
    if (answer.error && !known) {
        notify(Kind::RemoveFailed, address, describe(answer));
    }
    return answer;
}

error_code VipManager::Impl::add_all(Group& group) {
    for (std::size_t i = 0; i < group.config.addresses.size(); ++i) {
        const VirtualAddress& address = group.config.addresses[i];
        const Link* link = tables_.find_link(address.interface);
        if (link == nullptr || !link->up) {
            const error_code error = from_errno(link == nullptr ? ENODEV : ENETDOWN);
            notify(Kind::AddressFailed, address, error.message());
            return error;
        }
        // A copy: each removal changes the table.
        const auto present = tables_.addresses(link->index);
        for (const Address& entry : std::vector<Address>{present.begin(), present.end()}) {
            if (entry.address == address.address && entry.prefix_length != address.prefix_length) {
                remove(group, i, link->index, entry.prefix_length);
            }
        }
        group.records[i].failing = false;
        if (const auto answer = add(group, i, link->index); answer.error) {
            return answer.error;
        }
    }
    return {};
}

error_code VipManager::Impl::remove_all(Group& group) {
    error_code first_error;
    for (std::size_t i = 0; i < group.config.addresses.size(); ++i) {
        const VirtualAddress& address = group.config.addresses[i];
        if (const Link* link = tables_.find_link(address.interface)) {
            // Asked for even when the tables do not have it: they may be behind.
            const auto answer = remove(group, i, link->index, address.prefix_length);
            if (answer.error && !first_error) {
                first_error = answer.error;
            }
        }
    }
    return first_error;
}

error_code VipManager::Impl::acquire(Group& group) {
    if (!running_) {
        return from_errno(EBADF);
    }
    drain();
    group.acquired = true;
    group.last_refresh = Clock::now();
    if (const error_code error = add_all(group)) {
        release(group);
        return error;
    }
    arm_lease_timer(group);
    announce(group);
    // Own notifications and whatever else was read.
    reconcile_soon();
    return {};
}

error_code VipManager::Impl::release(Group& group) {
    group.acquired = false;
    group.cancel_timers();
    if (!running_) {
        return {};
    }
    const error_code error = remove_all(group);
    if (error) {
        reconcile_after(kRetryDelay);
    }
    reconcile_soon();
    return error;
}

// ---------------------------------------------------------------- lease and announcements

void VipManager::Impl::arm(boost::asio::steady_timer& timer, Clock::duration delay, Group& group,
                           void (Impl::*action)(Group&)) {
    timer.expires_after(delay);
    timer.async_wait([weak = weak_from_this(), &group, action](const error_code& error) {
        const auto self = weak.lock();
        // The group may have been released after this handler was queued.
        if (!error && self && self->running_ && group.acquired) {
            ((*self).*action)(group);
        }
    });
}

void VipManager::Impl::arm_lease_timer(Group& group) {
    if (group.has_lease()) {
        const Clock::duration lease = group.config.lease;
        arm(group.lease_timer, lease / kRefreshesPerLease, group, &Impl::on_lease_timer);
    }
}

void VipManager::Impl::on_lease_timer(Group& group) {
    const auto now = Clock::now();
    if (group.lapsed(now)) {
        arm(group.lease_timer, kLapsedGrace, group, &Impl::recover_lapsed);
        return;
    }
    drain();
    group.last_refresh = now;
    for (std::size_t i = 0; i < group.config.addresses.size(); ++i) {
        const VirtualAddress& address = group.config.addresses[i];
        const Link* link = tables_.find_link(address.interface);
        if (link == nullptr) {
            continue;
        }
        // A missing address is a repair, with its limit, notice and announcement: reconcile().
        const auto actual = tables_.addresses(link->index);
        const bool present = std::any_of(actual.begin(), actual.end(), [&](const Address& entry) {
            return entry.address == address.address && entry.prefix_length == address.prefix_length;
        });
        if (present) {
            add(group, i, link->index);
        }
    }
    arm_lease_timer(group);
    reconcile_soon();
}

/// The election has had its chance to step down and did not: the addresses belong here.
void VipManager::Impl::recover_lapsed(Group& group) {
    if (!group.lapsed(Clock::now())) {
        return;
    }
    drain();
    group.last_refresh = Clock::now();
    for (std::size_t i = 0; i < group.config.addresses.size(); ++i) {
        const VirtualAddress& address = group.config.addresses[i];
        const Link* link = tables_.find_link(address.interface);
        if (link != nullptr && link->up && !add(group, i, link->index).error) {
            notify(Kind::AddressRepaired, address, "the lease ran out before it was refreshed");
        }
    }
    arm_lease_timer(group);
    announce(group);
    reconcile_soon();
}

void VipManager::Impl::send_announcements(Group& group, std::size_t position, unsigned repeat) {
    // After a lapse the peer may have the address: say nothing.
    if (!group.acquired || group.lapsed(Clock::now())) {
        return;
    }
    const VirtualAddress& address = group.config.addresses[position];
    const Link* link = tables_.find_link(address.interface);
    // Without carrier there is nobody to tell; announced when the carrier is back.
    if (link == nullptr || !link->running) {
        return;
    }
    if (const error_code error = announcer_.announce(*link, address.address, repeat)) {
        notify(Kind::AnnounceFailed, address, error.message());
    }
}

void VipManager::Impl::announce_all(Group& group, unsigned repeat) {
    for (std::size_t i = 0; i < group.config.addresses.size(); ++i) {
        send_announcements(group, i, repeat);
    }
}

void VipManager::Impl::announce(Group& group) {
    if (!group.acquired || !running_) {
        return;
    }
    const AnnounceSchedule& schedule = group.config.schedule;
    announce_all(group, schedule.repeat);
    if (schedule.second_burst_delay.count() > 0) {
        arm(group.second_burst_timer, schedule.second_burst_delay, group, &Impl::on_second_burst);
    }
    if (schedule.refresh.count() > 0) {
        arm(group.announce_timer, schedule.refresh, group, &Impl::on_announce_timer);
    }
}

void VipManager::Impl::on_second_burst(Group& group) {
    announce_all(group, group.config.schedule.repeat);
}

void VipManager::Impl::on_announce_timer(Group& group) {
    announce_all(group, group.config.schedule.refresh_repeat);
    arm(group.announce_timer, group.config.schedule.refresh, group, &Impl::on_announce_timer);
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

error_code VipManager::acquire(const std::string& group) {
    Group* found = impl_->find_group(group);
    return found != nullptr ? impl_->acquire(*found) : from_errno(EINVAL);
}

error_code VipManager::release(const std::string& group) {
    Group* found = impl_->find_group(group);
    return found != nullptr ? impl_->release(*found) : from_errno(EINVAL);
}

void VipManager::announce(const std::string& group) {
    if (Group* found = impl_->find_group(group)) {
        impl_->announce(*found);
    }
}

bool VipManager::acquired(const std::string& group) const {
    const Group* found = impl_->find_group(group);
    return found != nullptr && found->acquired;
}

std::optional<InterfaceState> VipManager::interface_state(const std::string& name) const {
    return impl_->interface_state(name);
}

}  // namespace tandem::netlink
