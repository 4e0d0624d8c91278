#include "proxy/relay/service_shard.hpp"

#include "proxy/relay/client_hash.hpp"

#include <utility>

namespace tandem::relay {

namespace {
/// Nothing matters more than a demotion: a turn of it may be long, but others get theirs.
constexpr std::chrono::milliseconds kDrainTurn{20};
/// Flows or queued connections closed between two looks at the clock.
constexpr std::size_t kDrainBatch = 16;
/// The kernel's queue holds no more than the backlog; a flood must not keep a demotion going.
constexpr std::size_t kDrainQueueMost = 8192;
constexpr std::chrono::seconds kNoticeInterval{1};
/// Connections that waited for an upstream and are tried in one turn.
constexpr std::size_t kQueueBatch = 64;
}  // namespace

ServiceShard::ServiceShard(Reactor& reactor, std::size_t worker,
                           std::shared_ptr<ServiceState> state, Admission& admission,
                           EngineObserver& observer, Descriptor socket)
    : reactor_(reactor),
      worker_(worker),
      keeps_state_(std::move(state)),
      state_(*keeps_state_),
      admission_(admission),
      observer_(observer),
      listener_(reactor, std::move(socket), *this,
                state_.needs_client_address() || state_.access_queue != nullptr),
      balancer_(state_.config, state_.upstreams, state_.persistence.get(), worker),
      life_(state_.life.load()),
      limits_flows_(FlowLimits::needed(state_.config.limits)),
      counters_(state_.counters[worker]->service),
      upstream_counters_(state_.counters[worker]->upstreams) {}

ServiceShard::~ServiceShard() {
    --state_.workers_left;
}

Descriptor ServiceShard::retire(std::function<void()> on_over) {
    on_over_ = std::move(on_over);
    waiting_for_admission_ = false;
    reactor_.requeue(*this);
    return listener_.release();
}

void ServiceShard::succeed(const ServiceShard& before) {
    silence_carried_out_ = before.silence_carried_out_;
    frozen_ = before.frozen_;
    if (frozen_) {
        listener_.freeze();
    }
}

void ServiceShard::accept_queue() {
    for (std::size_t count = 0; count < kDrainQueueMost && listener_.accept_next(); ++count) {
    }
}

void ServiceShard::activate() {
    // In this order: silence that was ordered before the gate was seen open is void.
    const std::uint64_t silence = state_.silence_orders.load();
    // Else a deactivation is on its way here already.
    if (state_.is_open()) {
        silence_carried_out_ = silence;
        frozen_ = false;
        listener_.thaw();
    }
}

void ServiceShard::deactivate(std::function<void(std::uint64_t)> done) {
    doom_before(state_.life.load());
    // Else the next activation is on its way here already, and its clients are welcome.
    if (!state_.is_open()) {
        frozen_ = true;
        listener_.freeze();
    }
    drains_.push_back({.done = std::move(done)});
    reactor_.requeue(*this);
}

void ServiceShard::doom_before(std::uint64_t life) {
    if (life_ < life) {
        life_ = life;
        doomed_.splice(doomed_.end(), flows_);
        doomed_.splice(doomed_.end(), cut_off_);
    }
}

void ServiceShard::run() {
    const TimePoint end = Clock::now() + kDrainTurn;
    for (std::size_t count = 1; !cut_off_.empty(); ++count) {
        Flow& flow = cut_off_.front();
        cut_off_.pop_front();
        flows_.push_back(flow);
        flow.upstream_went_down();
        if (count % kDrainBatch == 0 && Clock::now() >= end) {
            reactor_.requeue(*this);
            return;
        }
    }
    if (drains_.empty()) {
        end_if_over();
        return;
    }
    Drain& drain = drains_.front();
    for (std::size_t count = 1; !doomed_.empty(); ++count) {
        end_doomed();
        if (count % kDrainBatch == 0 && Clock::now() >= end) {
            reactor_.requeue(*this);
            return;
        }
    }
    // An activate() meanwhile has made the queue's connections welcome again.
    while (frozen_ && !state_.is_open() && drain.queue_emptied < kDrainQueueMost &&
           listener_.accept_next()) {
        if (++drain.queue_emptied % kDrainBatch == 0 && Clock::now() >= end) {
            reactor_.requeue(*this);
            return;
        }
    }
    finish_drain();
    end_if_over();
}

void ServiceShard::end_if_over() {
    if (on_over_ && !has_connections()) {
        std::exchange(on_over_, nullptr)();
    }
}

void ServiceShard::end_doomed() {
    doomed_.front().end_by_demotion(silent());
    if (!drains_.empty()) {
        ++drains_.front().flows_reset;
    }
}

void ServiceShard::finish_drain() {
    // Several orders in a row are one drain: the first gets the count.
    const std::vector<Drain> drains = std::exchange(drains_, {});
    for (const Drain& drain : drains) {
        drain.done(drain.flows_reset);
    }
}

void ServiceShard::purge(std::uint64_t silence) {
    if (state_.is_open()) {
        return;
    }
    doom_before(state_.life.load());
    while (!doomed_.empty()) {
        end_doomed();
    }
    for (std::size_t count = 0;
         !state_.is_open() && count < kDrainQueueMost && listener_.accept_next(); ++count) {
    }
    silence_carried_out_ = silence;
    frozen_ = false;
    listener_.thaw();
}

void ServiceShard::stop() {
    frozen_ = true;
    on_over_ = nullptr;
    listener_.freeze();
    doomed_.splice(doomed_.end(), flows_);
    doomed_.splice(doomed_.end(), cut_off_);
    while (!doomed_.empty()) {
        end_doomed();
    }
    Task::unlink();
    finish_drain();
}

bool ServiceShard::admit() {
    // Refusing needs a descriptor for a moment only, which the reserve has.
    if (!state_.is_open()) {
        return true;
    }
    if (state_.rate && !admit_by_rate()) {
        return false;
    }
    admitted_ = enter();
    if (admitted_) {
        return true;
    }
    waiting_for_admission_ = true;
    admission_.wait(worker_);
    // Once more: a place may have been given back before the wait was known.
    admitted_ = enter();
    return admitted_;
}

bool ServiceShard::admit_by_rate() {
    const auto wait = state_.rate->wait(reactor_.now());
    rate_reached_ = wait > std::chrono::nanoseconds{0};
    if (rate_reached_) {
        listener_.resume_after(wait);
    }
    return !rate_reached_;
}

bool ServiceShard::enter() {
    last_entry_ = admission_.enter(*state_.limit);
    return last_entry_ == Admission::Entry::Granted;
}

std::string ServiceShard::limit_reached() const {
    if (rate_reached_) {
        return "connection rate of the service (" +
               std::to_string(config().limits.max_connection_rate) + " per second)";
    }
    if (last_entry_ == Admission::Entry::ServiceFull) {
        return "connection limit of the service (" + std::to_string(state_.limit->limit()) + ")";
    }
    return "process limit " + std::to_string(admission_.process_limit()) + " connections (" +
           admission_.process_limit_origin() + ")";
}

void ServiceShard::not_accepted() {
    if (std::exchange(admitted_, false)) {
        admission_.leave(*state_.limit);
    }
}

bool ServiceShard::sends_proxy_header(const Endpoint& client) const {
    const auto& senders = config().preread.proxy_senders;
    return !senders.empty() && contains(senders, client.address());
}

bool ServiceShard::admit_sender(const Endpoint& client, ClientTable::Client*& place) {
    if (config().preread.proxy_required) {
        counters_.bad_proxy_header.add();
        last_refusal_ = EndCause::BadProxyHeader;
        return false;
    }
    return !state_.needs_client_address() || admit_client(client, place);
}

bool ServiceShard::admit_client(const Endpoint& client, ClientTable::Client*& place) {
    if (!state_.access.allows(client.address())) {
        counters_.denied.add();
        last_refusal_ = EndCause::Denied;
        return false;
    }
    if (!state_.clients) {
        return true;
    }
    const ClientTable::Entry entry = state_.clients->enter(client.address(), reactor_.now());
    place = entry.client;
    if (entry.verdict == ClientTable::Verdict::TooFast) {
        counters_.refused_client_rate.add();
        last_refusal_ = EndCause::ClientRate;
    } else if (place == nullptr) {
        counters_.refused_client_limit.add();
        last_refusal_ = EndCause::ClientLimit;
    }
    return place != nullptr;
}

std::uint64_t ServiceShard::hash_of(const Endpoint& client) const {
    const ServiceBalance& balance = config().balance;
    return Balancer::needs_client(config())
               ? hash_client(client.address(), balance.client_bits_v4, balance.client_bits_v6)
               : 0;
}

void ServiceShard::accepted(Descriptor socket, const Endpoint& client) {
    // The gate may have moved since admit(), and counts as it is now.
    const std::uint64_t life = state_.life.load();
    if ((life & 1U) == 0) {
        not_accepted();
        refuse(std::move(socket), client);
        return;
    }
    if (!std::exchange(admitted_, false) && !enter()) {
        refuse(std::move(socket), client);
        return;
    }
    const bool header = sends_proxy_header(client);
    ClientTable::Client* place = nullptr;
    if (!header && !admit_sender(client, place)) {
        admission_.leave(*state_.limit);
        log_refused(socket, client, last_refusal_);
        close_with_reset(socket);
        return;
    }
    if (state_.rate) {
        state_.rate->enter(reactor_.now());
    }
    // The order to deactivate the life before may still be on its way here.
    doom_before(life);
    counters_.accepted.add();
    counters_.active.add();
    auto* flow = std::make_unique<Flow>(*this, std::move(socket), hash_of(client)).release();
    flows_.push_back(*flow);
    if (limits_flows_) {
        flow->set_limits(place);
    }
    if (state_.access_queue != nullptr) {
        flow->set_log(client);
    }
    flow->start(header);
}

void ServiceShard::refuse(Descriptor socket, const Endpoint& client) {
    log_refused(socket, client, EndCause::Inactive);
    if (silent()) {
        close_silently(socket);
    } else {
        close_with_reset(socket);
    }
    counters_.refused_inactive.add();
}

void ServiceShard::log_refused(const Descriptor& socket, const Endpoint& client, EndCause cause) {
    if (state_.access_queue == nullptr) {
        return;
    }
    AccessRecord record;
    record.id.worker = worker();
    record.service = state_.position;
    record.cause = cause;
    record.started = reactor_.now();
    record.ended = record.started;
    record.client = client;
    record.virtual_address = virtual_address(socket);
    state_.access_queue->put(record);
}

Endpoint ServiceShard::virtual_address(const Descriptor& client) const {
    const Endpoint& listen = config().listen;
    if (!listen.address().is_unspecified()) {
        return listen;
    }
    const auto local = local_endpoint(client);
    return local.has_value() ? *local : listen;
}

void ServiceShard::retry_admission() {
    if (std::exchange(waiting_for_admission_, false)) {
        listener_.resume();
    }
}

bool ServiceShard::enter_queue(Flow& flow) {
    if (!state_.queue->enter(worker_)) {
        return false;
    }
    queued_.push_back(flow);
    return true;
}

void ServiceShard::leave_queue(Flow& flow) {
    flow.QueueHook::unlink();
    state_.queue->leave(worker_);
}

bool ServiceShard::serve_queue() {
    if (!state_.is_open()) {
        return false;
    }
    std::size_t served = 0;
    for (auto next = queued_.begin(); next != queued_.end();) {
        Flow& flow = *next++;
        // What is full for one that would take any is full for all.
        if (!flow.try_again() && flow.takes_any_upstream()) {
            return false;
        }
        if (++served == kQueueBatch) {
            state_.queue->wake(worker_);
            return false;
        }
    }
    return true;
}

void ServiceShard::reset_upstream(std::size_t upstream) {
    for (auto next = flows_.begin(); next != flows_.end();) {
        Flow& flow = *next++;
        if (flow.belongs_to(upstream)) {
            flow.FlowHook::unlink();
            cut_off_.push_back(flow);
        }
    }
    reactor_.requeue(*this);
}

void ServiceShard::on_paused(std::string_view reason) {
    observer_.on_accept_paused(state_.config.name, reason);
}

void ServiceShard::on_resumed() {
    observer_.on_accept_resumed(state_.config.name);
}

Clock::duration ServiceShard::drawn_lifetime() {
    const Milliseconds least = config().limits.max_lifetime;
    std::uniform_int_distribution<Milliseconds::rep> extra{0, least.count() / 10};
    return least + Milliseconds{extra(lots_)};
}

void ServiceShard::connect_failed(std::size_t upstream, const std::string& text) {
    upstream_counters_[upstream].connect_failures.add();
    state_.set_last_error(upstream, text);
    state_.upstreams.connect_failed(upstream, reactor_.now());
}

void ServiceShard::connect_succeeded(std::size_t upstream) {
    upstream_counters_[upstream].connected.add();
    upstream_counters_[upstream].active.add();
    state_.upstreams.connect_succeeded(upstream);
}

void ServiceShard::remember_client(std::uint64_t client, std::size_t upstream) {
    if (state_.persistence &&
        state_.config.upstreams[upstream].balance.role == UpstreamRole::Primary) {
        state_.persistence->remember(client, upstream, reactor_.now());
    }
}

void ServiceShard::no_upstream_left(std::string_view last_error) {
    counters_.no_upstream.add();
    if (is_due(last_no_upstream_notice_)) {
        observer_.on_no_upstream(state_.config.name, last_error);
    }
}

void ServiceShard::buffers_short() {
    counters_.buffer_waits.add();
    if (is_due(last_buffer_notice_)) {
        observer_.on_buffers_short(state_.config.name);
    }
}

bool ServiceShard::is_due(TimePoint& last_notice) const {
    const TimePoint now = reactor_.now();
    if (last_notice != TimePoint{} && now - last_notice < kNoticeInterval) {
        return false;
    }
    last_notice = now;
    return true;
}

void ServiceShard::flow_ended(Flow& flow) {
    counters_.active.subtract(1);
    admission_.leave(*state_.limit);
    if (ClientTable::Client* client = flow.client()) {
        state_.clients->leave(*client, reactor_.now());
    }
    flow.FlowHook::unlink();
    reactor_.dispose(std::unique_ptr<Task>(&flow));
    if (on_over_ && !has_connections()) {
        reactor_.requeue(*this);
    }
}

}  // namespace tandem::relay
